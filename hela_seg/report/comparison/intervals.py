"""Nets as points with intervals: what a comparison comes to, at a glance."""

from __future__ import annotations

from hela_seg.comparison.published import SOURCE
from hela_seg.comparison.rows import Comparison
from hela_seg.report.page import Drawing
from hela_seg.report.pictures.drawings import INK, PAPER, QUIET, panel, themed_svg
from hela_seg.report.pictures.overlay import drawable
from hela_seg.report.tables import counted
from hela_seg.scores.confusion import scores_of

MOST_LINES = 24
"""Nets that are drawn; the tables have all."""

NAME_WIDTH, BEGINNING = 56, 10
"""Characters of a name that are shown, and how many of them are its first ones."""
LINE_INCHES, MARGIN_INCHES = 0.42, 0.75


def draw_nets(comparison: Comparison) -> Drawing:
    """Each net's m-IoU with its interval over images, its seeds and what is published of it."""
    rows = comparison.rows[:MOST_LINES]
    figure, (axes,) = panel(height=MARGIN_INCHES + LINE_INCHES * len(rows))
    axes.set_yticks([])
    axes.set_ylim(len(rows) - 0.5, -0.75)
    axes.spines["left"].set_visible(False)
    for place, row in enumerate(rows):
        # a name stands above its line: long ones would leave no room beside
        text = axes.text(0.0, place - 0.3, drawable(_shortened(row.name)), color=INK, va="center")
        text.set_transform(axes.get_yaxis_transform())
        text.set_in_layout(False)
        text.set_bbox({"facecolor": PAPER, "edgecolor": "none", "pad": 1})  # over lines of the grid
        interval = row.means["iou"].interval
        if interval.known:
            axes.plot([interval.low, interval.high], [place, place], color=INK, linewidth=2)
        axes.plot(interval.value, place, "o", color=INK, markersize=6)
        if len(row.runs) > 1:
            seeds = [scores_of(run.counts.pooled).mean_iou for run in row.runs]
            axes.plot(seeds, [place] * len(seeds), "|", color=INK, markersize=9)
        if row.published is not None:
            score = row.published.scores["iou"]
            axes.plot(score, place, "D", color=QUIET, markerfacecolor=PAPER, markersize=6)
    axes.set_xlabel("m-IoU")
    best = rows[0]
    left = len(comparison.rows) > MOST_LINES
    more = f" The first {MOST_LINES} of {len(comparison.rows)} nets; the tables have all." if left else ""
    seeded = any(len(row.runs) > 1 for row in rows)
    dot = "mean over seeds, whose own scores are the ticks" if seeded else "score"
    diamond = f" Diamond: published, {SOURCE}." if any(row.published for row in rows) else ""
    return Drawing(
        themed_svg(figure),
        f"m-IoU of {counted(len(comparison.rows), 'net')}; the highest is {best.name} with "
        f"{best.means['iou'].interval.value:.4f}. Dot: {dot}. Bar: 95 % interval over images."
        f"{diamond}{more}",
    )


def _shortened(name: str, width: int = NAME_WIDTH) -> str:
    """A name without its middle: nets of one kind differ at the end of theirs."""
    return name if len(name) <= width else f"{name[:BEGINNING]}…{name[BEGINNING + 1 - width :]}"
