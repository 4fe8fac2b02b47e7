"""Learning curves, from the table of losses and scores that a run logs."""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from hela_seg.data.classes import Classes
from hela_seg.report.page import Drawing
from hela_seg.report.pictures.curves import MARKED_POINTS, line_style
from hela_seg.report.pictures.drawings import INK, PAPER, add_legend, panel, themed_svg
from hela_seg.report.pictures.overlay import drawable
from hela_seg.system.errors import InputError

PARTS = ("train", "validation")


@dataclass(frozen=True, eq=False)
class Logged:
    """One logged number over a run: values (P,) float64, not always finite, by epochs (P,) from 1 on."""

    epochs: NDArray[np.int64]
    values: NDArray[np.float64]


def read_log(path: Path) -> dict[str, Logged]:
    """Read the table that `hela_seg.runs.logs.CsvLog` wrote: what was logged of each epoch, by its name.

    Raises:
        InputError: no such file, or it is no such table.
    """
    found: dict[str, list[tuple[int, float]]] = {}
    try:
        with path.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                epoch = row.pop("epoch", None)
                for name, value in row.items():
                    if epoch and value and name != "step":
                        found.setdefault(name, []).append((int(epoch) + 1, float(value)))
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror})") from None
    except (ValueError, TypeError, csv.Error) as error:
        raise InputError(f"{path} is no log of a run ({error})") from None
    return {name: Logged(*map(np.array, zip(*points, strict=True))) for name, points in found.items()}


def draw_learning(log: dict[str, Logged], classes: Classes) -> tuple[Drawing, ...]:
    """Loss, m-IoU and the IoU of each class over the epochs, as far as they were logged."""
    of_classes = [log.get(f"IoU {entry.name}/validation") for entry in classes]
    drawings = [_draw_parts(log, "loss", "Loss", min), _draw_parts(log, "m-IoU", "m-IoU", max)]
    if any(of_class is not None for of_class in of_classes):
        drawings.append(_draw_classes(of_classes, classes))
    return tuple(drawing for drawing in drawings if drawing is not None)


def _draw_parts(log: dict[str, Logged], name: str, label: str, better: Any) -> Drawing | None:
    curves = {part: log[f"{name}/{part}"] for part in PARTS if f"{name}/{part}" in log}
    if not curves:
        return None
    figure, (axes,) = panel()
    for part, logged in curves.items():
        marker = "o" if len(logged.epochs) <= MARKED_POINTS else ""
        solid = part == "validation"
        axes.plot(
            logged.epochs,
            logged.values,
            color=INK,
            linestyle="-" if solid else "--",
            markerfacecolor=INK if solid else PAPER,
            label=part,
            marker=marker,
            markersize=3,
        )
    axes.set_ylabel(label)
    _label_epochs(axes)
    add_legend(axes)
    summaries = "; ".join(f"{part} {_best_and_last(logged, better)}" for part, logged in curves.items())
    return Drawing(themed_svg(figure), f"{label}: {summaries}.")


def _draw_classes(of_classes: Sequence[Logged | None], classes: Classes) -> Drawing:
    figure, (axes,) = panel()
    summaries = []
    for entry, logged in zip(classes, of_classes, strict=True):
        if logged is not None:
            style = line_style(entry, len(logged.epochs) <= MARKED_POINTS, INK)
            axes.plot(logged.epochs, logged.values, label=drawable(entry.name), **style)
            summaries.append(f"{entry.name} {_best_and_last(logged, max)}")
    axes.set_ylabel("IoU, validation")
    _label_epochs(axes)
    add_legend(axes, below=True)
    return Drawing(themed_svg(figure), f"IoU of each class on the validation tiles: {'; '.join(summaries)}.")


def _label_epochs(axes: Any) -> None:
    axes.set_xlabel("Epoch")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))


def _best_and_last(logged: Logged, better: Any) -> str:
    """The best value and when it first was: ``at best 0.1234 in epoch 7, 0.1300 at the end``."""
    points = zip(logged.values, logged.epochs, strict=True)
    finite = [(value, epoch) for value, epoch in points if math.isfinite(value)]
    if not finite:
        return "never finite"
    value, epoch = better(finite, key=itemgetter(0))
    return f"at best {value:.4f} in epoch {epoch}, {logged.values[-1]:.4f} at the end"
