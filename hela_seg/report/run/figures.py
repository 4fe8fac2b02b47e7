"""The figures of a run's report: learning curves, scores over time, and accuracy by confidence."""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass, replace
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.ticker import MaxNLocator, PercentFormatter
from numpy.typing import NDArray

from hela_seg.data.classes import Classes
from hela_seg.report.page import Drawing
from hela_seg.report.pictures.curves import MARKED_POINTS, Curve, curve_of, draw_curve, line_style
from hela_seg.report.pictures.drawings import INK, PAPER, QUIET, WIDTH, add_legend, panel, themed_svg
from hela_seg.report.pictures.overlay import drawable
from hela_seg.scores.calibration import Curve as ReliabilityCurve
from hela_seg.scores.confusion import mean_over_classes, scores_of
from hela_seg.scores.counts import FrameCounts
from hela_seg.system.errors import InputError

FloatArray = NDArray[np.float64]

PARTS: dict[str, dict[str, Any]] = {
    "train": {"color": INK, "linestyle": "--", "marker": "o", "markersize": 3, "markerfacecolor": PAPER},
    "validation": {"color": INK, "marker": "o", "markersize": 3},
}
"""The style of each part's line."""


@dataclass(frozen=True, eq=False)
class Logged:
    """One logged number over a run: values (P,) float64, not always finite, by epochs (P,) from 1 on."""

    epochs: NDArray[np.int64]
    values: FloatArray


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


def draw_over_time(counts: FrameCounts, classes: Classes) -> Drawing | None:
    """IoU of each class and their mean, frame by frame; None where no series has two frames."""
    first, last = int(counts.frame.min()), int(counts.frame.max())
    iou = scores_of(counts.matrix).iou
    mean_iou = mean_over_classes(iou)
    names = list(dict.fromkeys(counts.series))
    if first == last or len(names) == len(counts):
        return None
    figure, (axes,) = panel(height=3.4)
    for entry in classes:
        style = line_style(entry, last - first < MARKED_POINTS, INK)
        curve = _over_frames(counts, iou[:, entry.index])
        if np.isfinite(curve.middle).any():
            draw_curve(axes, curve, style | {"label": drawable(entry.name)})
    mean = _over_frames(counts, mean_iou)
    axes.plot(mean.x, mean.middle, color=INK, linewidth=2.4, label="m-IoU")
    axes.set_xlim(first - 0.02 * (last - first), last + 0.02 * (last - first))
    axes.set_xlabel("Frame")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.set_ylabel("IoU")
    axes.set_ylim(-0.02, 1.02)
    add_legend(axes)
    third = (last - first) / 3
    early = _mean_text(mean_iou[counts.frame <= first + third])
    late = _mean_text(mean_iou[counts.frame >= last - third])
    note = f" L{mean.note[1:]}." if mean.note else ""
    return Drawing(
        themed_svg(figure),
        f"IoU over time, frame by frame; mean m-IoU of the first third of the frames {early}, of the last "
        f"third {late}.{note}",
    )


def draw_reliability(curve: ReliabilityCurve) -> Drawing:
    """Accuracy against confidence, and below it how many pixels have which confidence."""
    figure, (above, below) = panel(rows=2, height=WIDTH * 0.95, ratios=(3.0, 1.0))
    above.plot([0, 1], [0, 1], color=QUIET, linestyle="--", linewidth=1)
    above.vlines(curve.confidence, curve.confidence, curve.accuracy, color=QUIET, linewidth=3, alpha=0.5)
    above.plot(curve.confidence, curve.accuracy, "o-", color=INK, markersize=4)
    above.set_ylabel("Share that is right")
    above.set_ylim(-0.02, 1.02)
    below.vlines(curve.confidence, 0, curve.share, color=INK, linewidth=4)
    below.set_ylim(bottom=0)
    below.set_ylabel("Pixels")
    below.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    below.set_xlabel("Confidence")
    below.set_xlim(-0.02, 1.02)
    confidence, accuracy = (float((curve.share * of).sum()) for of in (curve.confidence, curve.accuracy))
    return Drawing(
        themed_svg(figure),
        f"Share of right pixels by confidence: mean confidence {confidence:.4f}, share of right pixels "
        f"{accuracy:.4f}, expected calibration error {curve.error:.4f}. On the dashed line a net is right as "
        "often as it is sure; below it, it is too sure, and above it not sure enough.",
    )


def _over_frames(counts: FrameCounts, values: FloatArray) -> Curve:
    """Values (T,) of all frames as a curve over the frames, from the first that was scored in any series."""
    first, last = int(counts.frame.min()), int(counts.frame.max())
    rows = {name: np.full(last - first + 1, np.nan) for name in dict.fromkeys(counts.series)}
    for (name, frame, _), value in zip(counts.places, values, strict=True):
        rows[name][frame - first] = value
    curve = curve_of(list(rows.values()), [1.0] * len(rows))
    return replace(curve, x=curve.x + first)


def _mean_text(values: FloatArray) -> str:
    known = values[np.isfinite(values)]
    return f"{known.mean():.4f}" if len(known) else "n/a"
