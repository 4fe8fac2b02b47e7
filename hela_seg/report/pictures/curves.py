"""Class areas and numbers of cells over time as a figure, and below how long cells stay in a class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from textwrap import fill
from typing import Any

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke
from matplotlib.ticker import MaxNLocator

from hela_seg.cells.timecourse import TimeCourse
from hela_seg.data.classes import CellClass, Classes
from hela_seg.report.pictures.drawings import PLAIN
from hela_seg.report.pictures.overlay import drawable
from hela_seg.tracking.answers import durations_in
from hela_seg.tracking.answers import time_unit as unit_of_durations
from hela_seg.tracking.durations import Durations, median_of, share_with_interval, survival_of
from hela_seg.tracking.tables import Followed

Values = npt.NDArray[np.float64]

POINTS = 400
"""Most points of a curve: more of them than there are pixels across would only smear it."""

MARKED_POINTS = 40
"""Most points of a curve that get a marker each."""

LINE_STYLES: tuple[Any, ...] = ("-", "--", "-.", ":", (0, (6, 1, 1, 1, 1, 1)), (0, (8, 3)))
MARKERS = "os^DvPX*<>p"
"""More or fewer of them than of colours, so that the combinations repeat late."""

SHADE_OPACITY = 0.2
PERCENTILES = (10, 50, 90)
"""Of several recordings: the line is the second, and the first to the last are shaded."""

CONDITION_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00")
"""Of conditions, in a palette for those who cannot tell red from green (Okabe and Ito 2008)."""

NAME_WIDTH, LEGEND_ROWS = 24, 20
PANEL_INCHES, WIDTH_INCHES = 3.0, 8.0


@dataclass(frozen=True)
class Curve:
    """A line of P points at ``x``, NaN where it has a gap; its range, and a note on what the two are."""

    x: Values
    middle: Values
    low: Values | None = None
    high: Values | None = None
    note: str = ""


def draw_time_course(
    courses: Sequence[TimeCourse], classes: Classes, title: str, *, followed: Sequence[Followed] = ()
) -> Figure:
    """Draw the share of each class over time and, where cells were counted, their number below it.

    The background has no curve: its share is what the other classes leave. Each class has its colour, a line
    style and, where there are few points, a marker. Time is in seconds, minutes or hours where all frame
    intervals are known, otherwise in frames. Of several recordings, the line is their median and the shade
    goes from the 10th to the 90th percentile; of more than 400 frames of one, the line is the mean over a few
    of them and the shade their range. A frame that is ignored as a whole leaves a gap.

    Where cells were followed and a class is named that they divide in, its share of the cells is the mitotic
    index, of one recording with Wilson's interval; below stand the survival curves of how long cells stay in
    each class.

    Raises:
        ValueError: no courses.
    """
    if not courses:
        raise ValueError("a figure over time needs at least one recording")
    panels = [("Share of area (%)", [100 * course.shares for course in courses])]
    if all(course.cells is not None for course in courses):
        panels.append(("Cells", [np.asarray(course.cells, np.float64) for course in courses]))
    mitotic = next((one.mitotic for one in followed), None)
    frames = [len(course.pixels) for course in courses]
    time, steps = time_axis(frames, [course.frame_interval for course in courses])
    marked = max(frames) <= MARKED_POINTS

    groups = survival_groups(followed)
    of_time = len(panels) + (mitotic is not None)
    inches = (WIDTH_INCHES, 0.9 + PANEL_INCHES * (of_time + len(groups)))
    with mpl.rc_context(PLAIN):
        figure = Figure(figsize=inches, layout="constrained", facecolor="white")
        every = figure.subplots(of_time + len(groups), 1, squeeze=False)[:, 0]
    figure.suptitle(drawable(title), x=0.01, ha="left", fontsize=12)
    column = every[:of_time]
    for axes in column[:-1]:
        axes.sharex(column[-1])
        axes.tick_params(labelbottom=False)
    for axes, group in zip(every[of_time:], groups, strict=True):
        draw_survival(axes, group, followed)
    note = ""
    if mitotic is not None:
        _draw_mitotic_index(column[-1], courses, classes[mitotic], steps, marked)
    for axes, (label, values) in zip(column[: len(panels)], panels, strict=True):
        for entry in classes[1:]:
            curve = curve_of([of_course[:, entry.index] for of_course in values], steps)
            note = curve.note
            draw_curve(axes, curve, line_style(entry, marked))
        _tidy(axes, label)
    column[-1].set_xlabel("\n".join(filter(None, [time, note])))
    if max(frames) == 1:
        column[-1].set_xlim(-1, 1)
        column[-1].set_xticks([0])
    elif time == "Frame":
        column[-1].xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    _draw_legend(figure, classes, marked)
    return figure


def _draw_mitotic_index(
    axes: Axes, courses: Sequence[TimeCourse], entry: CellClass, steps: list[float], marked: bool
) -> None:
    shares = []
    for course in courses:
        cells = np.zeros((len(course.pixels), entry.index + 1)) if course.cells is None else course.cells
        total = cells[:, 1:].sum(axis=1)
        shares.append(100 * cells[:, entry.index] / np.where(total > 0, total, np.nan))
    curve = curve_of(shares, steps)
    if len(courses) == 1 and courses[0].cells is not None and curve.low is None:
        bands = [share_with_interval(int(row[entry.index]), int(row[1:].sum())) for row in courses[0].cells]
        low, high = (np.array([100 * getattr(band, side) for band in bands]) for side in ("low", "high"))
        curve = replace(curve, low=low, high=high)
    draw_curve(axes, curve, line_style(entry, marked))
    _tidy(axes, "Mitotic index (%)")
    axes.set_ylim(0, 100)


def curve_of(values: list[Values], steps: list[float]) -> Curve:
    """The curve of one number over time, of one recording or of several.

    Args:
        values: (T,) of each recording; NaN where there is none.
        steps: how far apart the frames of each recording lie.
    """
    times: list[Values] = [
        step * np.arange(len(series), dtype=np.float64) for series, step in zip(values, steps, strict=True)
    ]
    if len(values) == 1:
        return _of_one(times[0], values[0])
    end = max(float(of_recording[-1]) for of_recording in times)
    x: Values = np.linspace(0, end, min(POINTS, round(end / min(steps)) + 1), dtype=np.float64)
    sampled = np.stack(
        [np.interp(x, *both, right=np.nan) for both in zip(times, values, strict=True)]  # NaN after the end
    )
    known = np.isfinite(sampled).any(axis=0)
    percentiles = np.full((3, len(x)), np.nan)
    percentiles[:, known] = np.nanpercentile(sampled[:, known], PERCENTILES, axis=0)
    low, middle, high = percentiles
    note = f"line: median of {len(values)} recordings, shade: 10th to 90th percentile"
    return Curve(x, middle, low, high, note)


def _of_one(times: Values, values: Values) -> Curve:
    """All values; of more than `POINTS` the means of neighbours, and their range."""
    if len(values) <= POINTS:
        return Curve(times, values)
    groups = np.array_split(values, POINTS)
    known = [group[np.isfinite(group)] for group in groups]
    low, middle, high = (
        np.array([of(group) if len(group) else np.nan for group in known]) for of in (np.min, np.mean, np.max)
    )
    x = np.array([group.mean() for group in np.array_split(times, POINTS)])
    note = f"line: mean of {len(values) / POINTS:.3g} frames, shade: least to most of them"
    return Curve(x, middle, low, high, note)


def line_style(entry: CellClass, marked: bool, rim: str = "0.3") -> dict[str, Any]:
    """Style of a class's line: its colour, and a dash pattern and marker for those who cannot see colours.

    Args:
        entry: the class.
        marked: whether each point gets a marker.
        rim: colour around the line; without it yellow would hardly be seen on white, nor black on black.
    """
    number = entry.index - 1
    return {
        "color": entry.colour,
        "linestyle": LINE_STYLES[number % len(LINE_STYLES)],
        "linewidth": 1.8,
        "marker": MARKERS[number % len(MARKERS)] if marked else "",
        "markersize": 5,
        "markeredgecolor": rim,
        "markeredgewidth": 0.5,
        "path_effects": [withStroke(linewidth=2.6, foreground=rim)],
    }


def draw_curve(axes: Axes, curve: Curve, style: dict[str, Any]) -> None:
    """Draw a line in a style of `line_style`, and the shade around it where it has one."""
    axes.plot(curve.x, curve.middle, **style)
    if curve.low is not None and curve.high is not None:
        shade = {"color": style["color"], "alpha": SHADE_OPACITY, "linewidth": 0}
        axes.fill_between(curve.x, curve.low, curve.high, **shade)


def _tidy(axes: Axes, label: str) -> None:
    axes.set_ylabel(label)
    axes.set_ylim(bottom=0)
    if label == "Cells":
        axes.yaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))


def _draw_legend(figure: Figure, classes: Classes, marked: bool) -> None:
    lines = [Line2D([], [], **line_style(entry, marked)) for entry in classes[1:]]
    names = [fill(drawable(entry.name), NAME_WIDTH) for entry in classes[1:]]
    columns = -(-len(lines) // LEGEND_ROWS)
    figure.legend(lines, names, loc="outside right upper", frameon=False, handlelength=3.5, ncols=columns)


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
        dashes = LINE_STYLES[number % len(LINE_STYLES)]
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
