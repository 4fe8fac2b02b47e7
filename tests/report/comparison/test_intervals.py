"""Points and bars of a comparison's figures lie where its numbers say."""

from __future__ import annotations

import pytest
from fabricated import frame_counts
from figures import keep_figures
from matplotlib.axes import Axes
from matplotlib.colors import to_hex

from hela_seg.comparison.published import PUBLISHED
from hela_seg.comparison.rows import Comparison
from hela_seg.report.comparison import intervals
from hela_seg.report.comparison.intervals import NAME_WIDTH, draw_nets
from hela_seg.report.pictures.drawings import PAPER
from hela_seg.scores.confusion import scores_of


def points(axes: Axes, marker: str) -> list[tuple[float, float]]:
    """Across and down, of all points with a marker."""
    return [
        (float(x), float(y))
        for line in axes.get_lines()
        if line.get_marker() == marker
        for x, y in zip(line.get_xdata(), line.get_ydata(), strict=True)
    ]


def bars(axes: Axes) -> list[list[float]]:
    return [list(line.get_xdata()) for line in axes.get_lines() if line.get_linewidth() == 2]


def test_a_net_has_its_score_its_interval_its_seeds_and_what_is_published(
    comparison: Comparison, monkeypatch: pytest.MonkeyPatch
) -> None:
    figures = keep_figures(monkeypatch, intervals)
    draw_nets(comparison)
    axes = figures[0].axes[0]
    found = [row.means["iou"].interval for row in comparison.rows]
    assert points(axes, "o") == [(interval.value, place) for place, interval in enumerate(found)]
    assert bars(axes) == [[interval.low, interval.high] for interval in found]
    place = next(place for place, row in enumerate(comparison.rows) if row.kind == "unet")
    seeds = [(scores_of(frame_counts(seed, 0.8).pooled).mean_iou, place) for seed in (0, 1)]
    assert sorted(points(axes, "|")) == sorted(seeds)
    published = [(PUBLISHED[row.kind].scores["iou"], place) for place, row in enumerate(comparison.rows)]
    assert points(axes, "D") == published
    assert axes.yaxis_inverted()  # the highest stands on top


def test_names_stand_on_the_ground_of_the_page_and_no_line_runs_through_them(
    comparison: Comparison, monkeypatch: pytest.MonkeyPatch
) -> None:
    figures = keep_figures(monkeypatch, intervals)
    draw_nets(comparison)
    (axes,) = figures[0].axes
    for text in axes.texts:
        ground = text.get_bbox_patch()
        assert ground is not None
        assert to_hex(ground.get_facecolor()) == PAPER
        assert text.get_zorder() > max(line.get_zorder() for line in axes.get_xgridlines())


def test_long_names_keep_their_ends() -> None:
    assert intervals._shortened("unet", NAME_WIDTH) == "unet"
    assert intervals._shortened("a" * NAME_WIDTH, NAME_WIDTH) == "a" * NAME_WIDTH
    assert intervals._shortened("abcdefghijklmnopqrstuvwxyz", 20) == "abcdefghij…rstuvwxyz"
