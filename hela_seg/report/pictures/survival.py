"""How long cells stay in a class as survival curves, with the ends that were not seen taken into account."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from matplotlib.axes import Axes
from matplotlib.patheffects import withStroke

from hela_seg.data.classes import CellClass
from hela_seg.report.pictures.overlay import drawable
from hela_seg.tracking.answers import durations_in
from hela_seg.tracking.answers import time_unit as unit_of_durations
from hela_seg.tracking.durations import Durations, median_of, survival_of
from hela_seg.tracking.tables import Followed

CONDITION_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00")
"""Of conditions, in a palette for those who cannot tell red from green (Okabe and Ito 2008)."""

DASHES: tuple[Any, ...] = ("-", "--", "-.", ":")


def time_unit(longest: float) -> tuple[str, float]:
    """The largest unit that fits twice into a time in seconds, and its seconds: min and 60 for 300."""
    units = (("h", 3600.0), ("min", 60.0), ("s", 1.0))
    return next((entry for entry in units if longest >= 2 * entry[1]), units[-1])


def time_axis(frames: Sequence[int], intervals: Sequence[float | None]) -> tuple[str, list[float]]:
    """The label of an axis over the frames of recordings, and how far apart those of each lie on it.

    Args:
        frames: how many each has.
        intervals: seconds from frame to frame of each; the axis is in frames where one is not known.
    """
    known = [interval for interval in intervals if interval is not None]
    if len(known) < len(frames):
        return "Frame", [1.0] * len(frames)
    unit, seconds = time_unit(max(count * interval for count, interval in zip(frames, known, strict=True)))
    return f"Time ({unit})", [interval / seconds for interval in known]


@dataclass(frozen=True)
class SurvivalGroup:
    """The curves of one panel.

    Attributes:
        title: of the panel; empty where there is one panel alone.
        curves: name, colour and stays of each.
    """

    title: str
    curves: list[tuple[str, str, Durations]]


def survival_groups(followed: Sequence[Followed]) -> list[SurvivalGroup]:
    """The panels: one of all classes, or of several conditions one for each class."""
    if not followed:
        return []
    conditions = list(dict.fromkeys(one.condition for one in followed))
    classes: Sequence[CellClass] = followed[0].classes[1:]
    if len(conditions) == 1:
        curves = [(entry.name, entry.colour, durations_in(followed, entry.index)) for entry in classes]
        known = [curve for curve in curves if len(curve[2])]
        return [SurvivalGroup("", known)] if known else []
    groups = []
    for entry in classes:
        curves = []
        for number, condition in enumerate(conditions):
            own = [one for one in followed if one.condition == condition]
            colour = CONDITION_COLOURS[number % len(CONDITION_COLOURS)]
            curves.append((condition, colour, durations_in(own, entry.index)))
        groups.append(SurvivalGroup(entry.name, [curve for curve in curves if len(curve[2])]))
    return [group for group in groups if group.curves]


def draw_survival(axes: Axes, group: SurvivalGroup, followed: Sequence[Followed]) -> None:
    """Draw the share of cells that are still in the class, against the time since they came into it."""
    unit, per_unit = "frames", 1.0
    if unit_of_durations(followed)[0] == "h":
        longest = max(float(durations.time.max()) for _, _, durations in group.curves)
        unit, seconds = time_unit(longest * 3600)
        per_unit = 3600 / seconds
    for number, (name, colour, durations) in enumerate(group.curves):
        scaled = replace(durations, time=durations.time * per_unit, step=durations.step * per_unit)
        curve, median = survival_of(scaled), median_of(scaled)
        told = "" if median.value != median.value else f", median {median.value:.3g} {unit}"
        label = f"{drawable(name)}{told} (n = {len(durations)})"
        rim = [withStroke(linewidth=2.6, foreground="0.3")]
        dashes = DASHES[number % len(DASHES)]
        axes.plot(
            curve.time, 100 * curve.share, color=colour, linestyle=dashes, label=label, path_effects=rim
        )
        axes.fill_between(curve.time, 100 * curve.low, 100 * curve.high, color=colour, alpha=0.2, linewidth=0)
    axes.set_ylim(0, 103)
    axes.set_xlim(left=0)
    axes.set_ylabel("Still in the class (%)")
    where = f"class '{drawable(group.title)}'" if group.title else "the class"
    axes.set_xlabel(f"Time in {where} ({unit})")
    # above, for curves may be anywhere inside
    above: dict[str, Any] = {"loc": "lower left", "bbox_to_anchor": (0, 1), "borderaxespad": 0.2}
    axes.legend(frameon=False, handlelength=3.5, fontsize=9, **above)
