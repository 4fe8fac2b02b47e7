"""How scores vary over time and between series, and whether the net is right as often as it is sure."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from matplotlib.ticker import MaxNLocator, PercentFormatter
from numpy.typing import NDArray

from hela_seg.data.classes import Classes
from hela_seg.report.page import Drawing
from hela_seg.report.pictures.curves import MARKED_POINTS, Curve, curve_of, draw_curve, line_style
from hela_seg.report.pictures.drawings import INK, QUIET, WIDTH, add_legend, panel, themed_svg
from hela_seg.report.pictures.overlay import drawable
from hela_seg.scores.calibration import Curve as ReliabilityCurve
from hela_seg.scores.confusion import mean_over_classes, scores_of
from hela_seg.scores.counts import FrameCounts

FloatArray = NDArray[np.float64]

MEAN = "m-IoU"


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
    axes.plot(mean.x, mean.middle, color=INK, linewidth=2.4, label=MEAN)
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
