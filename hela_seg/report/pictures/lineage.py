"""Who divided into whom: lines down through time in the classes' colours, with a fork at each division."""

from __future__ import annotations

from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke
from matplotlib.ticker import MaxNLocator

from hela_seg.report.page import Drawing
from hela_seg.report.pictures.curves import time_axis
from hela_seg.report.pictures.drawings import PLAIN, STYLE, themed_svg
from hela_seg.report.pictures.overlay import drawable
from hela_seg.report.tables import counted
from hela_seg.tracking.lives import Life, Lives, stays_in
from hela_seg.tracking.tables import Followed

MOST_LINES = 80
"""Most cells side by side: more could not be told apart."""

FORK = "0.45"
END_MARKS = {
    "exit": (">", "left the frame"),
    "loss": ("x", "lost"),
    "fusion": ("v", "fused with another cell"),
}


def lineage_drawing(followed: Followed) -> Drawing:
    """The figure of `draw_lineage` for a page, in the page's colours."""
    figure = draw_lineage(followed, STYLE)
    lives = followed.lives.lives
    divisions = sum(bool(life.daughters) for life in lives)
    caption = (
        f"{followed.name}: {counted(len(lives), 'track')}, {counted(divisions, 'division')}; time goes down"
    )
    return Drawing(themed_svg(figure), caption)


def draw_lineage(followed: Followed, style: dict[Any, Any] = PLAIN) -> Figure:
    """Draw lineages side by side, time going down; the largest ones first, as many as can be told apart.

    Args:
        followed: the recording.
        style: Matplotlib's settings.
    """
    lives = followed.lives
    columns, shown = _columns(lives)
    width = min(max(4.5, 1.8 + 0.14 * len(columns)), 14.0)
    with mpl.rc_context(style):
        figure = Figure(figsize=(width, 5.5), layout="constrained", facecolor="white")
        axes = figure.subplots()
    unit, (step,) = time_axis([lives.frames], [followed.frame_interval])
    _draw_lives(axes, followed, columns, step)
    title = drawable(followed.name)
    if shown < (lineages := len(set(lives.roots.tolist()))):
        title += f"\n{shown} of {lineages} lineages"
    axes.set_title(title, loc="left", fontsize=12)
    axes.set_ylabel(unit)
    axes.set_ylim(lives.frames * step, 0)
    axes.set_xlim(-1, max([*columns.values(), 1]) + 1)
    axes.set_xticks([])
    axes.set_xlabel("Cells" if columns else "No cell was followed")
    axes.spines["bottom"].set_visible(False)
    if unit == "Frame":
        axes.yaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    _draw_legend(figure, followed)
    return figure


def _columns(lives: Lives) -> tuple[dict[int, float], int]:
    """Where each life stands, by its track, and how many lineages do: the largest ones first."""
    roots = lives.roots
    found, counts = np.unique(roots, return_counts=True)
    sizes: dict[int, int] = dict(zip(found.tolist(), counts.tolist(), strict=True))
    lasting = {life.track: len(life.rows) for life in lives.lives}
    columns: dict[int, float] = {}
    end, shown = 0.0, 0
    for root in sorted(sizes, key=lambda root: (-sizes[root], -lasting[root], root)):
        own, width = _tree(lives, lives.lives[root - 1], end)
        if shown and end + width > MOST_LINES:
            continue
        columns |= own
        end, shown = end + width, shown + 1
    return columns, shown


def _tree(lives: Lives, life: Life, left: float) -> tuple[dict[int, float], int]:
    """Columns of a life and its descendants from a column on, and how many columns these take."""
    if not life.daughters:
        return {life.track: left}, 1
    columns: dict[int, float] = {}
    width = 0
    for daughter in life.daughters:
        own, taken = _tree(lives, lives.lives[daughter - 1], left + width)
        columns |= own
        width += taken
    middle = float(np.mean([columns[daughter] for daughter in life.daughters]))
    return columns | {life.track: middle}, width


def _draw_lives(axes: Axes, followed: Followed, columns: dict[int, float], step: float) -> None:
    lives = followed.lives
    forks, lines, colours = [], [], []
    for track, x in columns.items():
        life = lives.lives[track - 1]
        stays = stays_in(lives, life)
        for stay, following in zip(stays, [*stays[1:], None], strict=True):
            until = stay.last + 1 if following is None else following.first
            lines.append([(x, stay.first * step), (x, until * step)])
            colours.append(followed.classes[stay.kind].colour)
        end = (stays[-1].last + 1) * step
        if life.daughters:
            places = [columns[daughter] for daughter in life.daughters]
            forks.append([(min(places), end), (max(places), end)])
        if life.end in END_MARKS:
            marker, _ = END_MARKS[life.end]
            axes.plot(x, end, marker, markersize=4, color=FORK, clip_on=False, zorder=3)
    width = 3.2 if len(columns) <= 40 else 2.2
    axes.add_collection(LineCollection(forks, colors=FORK, linewidths=1.0, zorder=1))
    rim = [withStroke(linewidth=width + 0.9, foreground="0.3")]  # or yellow would hardly be seen on white
    axes.add_collection(
        LineCollection(lines, colors=colours, linewidths=width, path_effects=rim, capstyle="butt", zorder=2)
    )


def _draw_legend(figure: Figure, followed: Followed) -> None:
    rim = [withStroke(linewidth=4.1, foreground="0.3")]
    style: dict[str, Any] = {"linewidth": 3.2, "path_effects": rim}
    handles = [Line2D([], [], color=entry.colour, **style) for entry in followed.classes[1:]]
    names = [drawable(entry.name) for entry in followed.classes[1:]]
    ends = {life.end for life in followed.lives.lives}
    for end, (marker, name) in END_MARKS.items():
        if end in ends:
            handles.append(Line2D([], [], color=FORK, marker=marker, linestyle="", markersize=4))
            names.append(name)
    figure.legend(handles, names, loc="outside right upper", frameon=False)
