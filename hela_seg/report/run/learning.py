"""Learning curves, from the table of losses and scores that a run logs."""

from __future__ import annotations

import csv
import math
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

PARTS: dict[str, dict[str, Any]] = {
    "train": {"color": INK, "linestyle": "--", "marker": "o", "markersize": 3, "markerfacecolor": PAPER},
    "validation": {"color": INK, "marker": "o", "markersize": 3},
}
"""The style of each part's line."""


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
    drawings = [
        _draw(log, {f"{name}/{part}": (part, style) for part, style in PARTS.items()}, label, label, better)
        for name, label, better in (("loss", "Loss", min), ("m-IoU", "m-IoU", max))
    ]
    of_classes = {
        f"IoU {entry.name}/validation": (entry.name, line_style(entry, marked=True, rim=INK))
        for entry in classes
    }
    caption = "IoU of each class on the validation tiles"
    drawings.append(_draw(log, of_classes, "IoU, validation", caption, max))
    return tuple(drawing for drawing in drawings if drawing is not None)


def _draw(
    log: dict[str, Logged],
    lines: dict[str, tuple[str, dict[str, Any]]],
    label: str,
    caption: str,
    better: Any,
) -> Drawing | None:
    """Lines over the epochs, by what was logged: the name and the style of each; None where none was."""
    figure, (axes,) = panel()
    summaries = []
    for key, (name, style) in lines.items():
        if (logged := log.get(key)) is not None:
            marker = {} if len(logged.epochs) <= MARKED_POINTS else {"marker": ""}
            axes.plot(logged.epochs, logged.values, label=drawable(name), **style | marker)
            summaries.append(f"{name} {_best_and_last(logged, better)}")
    if not summaries:
        return None
    axes.set_ylabel(label)
    axes.set_xlabel("Epoch")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    add_legend(axes)
    return Drawing(themed_svg(figure), f"{caption}: {'; '.join(summaries)}.")


def _best_and_last(logged: Logged, better: Any) -> str:
    """The best value and when it first was: ``at best 0.1234 in epoch 7, 0.1300 at the end``.

    Of a single epoch the value alone.
    """
    points = list(zip(logged.values, logged.epochs, strict=True))
    finite = [(value, epoch) for value, epoch in points if math.isfinite(value)]
    if not finite:
        return "never finite"
    value, epoch = better(finite, key=itemgetter(0))
    if len(points) == 1:
        return f"{value:.4f}"
    end = "the last" if epoch == logged.epochs[-1] else f"{logged.values[-1]:.4f} at the end"
    return f"at best {value:.4f} in epoch {epoch}, {end}"
