"""Points and bars of a comparison's figures lie where its numbers say."""

from __future__ import annotations

import pytest
from fabricated import frame_counts
from figures import keep_figures
from matplotlib.axes import Axes
from matplotlib.colors import to_hex

from hela_seg.comparison import PUBLISHED, Comparison, Pair
from hela_seg.report.comparison import intervals
from hela_seg.report.comparison.intervals import NAME_WIDTH, draw_differences, draw_nets
from hela_seg.report.pictures.drawings import INK, PAPER
from hela_seg.scores.confusion import scores_of
from hela_seg.scores.statistics import Interval, conclusion


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


def test_a_difference_is_filled_where_its_sentence_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    figures = keep_figures(monkeypatch, intervals)
    clear, open_, unknown = Interval(0.2, 0.1, 0.3), Interval(0.1, -0.1, 0.3), Interval(0.1)
    given = [(clear, 0.01), (clear, 0.2), (open_, 0.01), (unknown, 1.0)]
    drawing = draw_differences([Pair("a", "b", of, p, p, conclusion("a", "b", of, p)) for of, p in given])
    axes = figures[0].axes[0]
    dots = [line for line in axes.get_lines() if line.get_marker() == "o"]
    assert [to_hex(dot.get_markerfacecolor()) for dot in dots] == [INK, PAPER, PAPER, PAPER]
    assert bars(axes) == [[0.1, 0.3], [0.1, 0.3], [-0.1, 0.3]]
    assert "4 pairs of nets; for 1 of them a difference is shown." in drawing.caption


def test_names_stand_on_the_ground_of_the_page_and_no_line_runs_through_them(
    comparison: Comparison, monkeypatch: pytest.MonkeyPatch
) -> None:
    figures = keep_figures(monkeypatch, intervals)
    draw_differences(comparison.pairs)
    (axes,) = figures[0].axes
    (zero,) = [line for line in axes.get_lines() if list(line.get_xdata()) == [0, 0]]
    for text in axes.texts:
        ground = text.get_bbox_patch()
        assert ground is not None
        assert to_hex(ground.get_facecolor()) == PAPER
        assert text.get_zorder() > zero.get_zorder()


def test_long_names_keep_their_ends() -> None:
    assert intervals._shortened("unet", NAME_WIDTH) == "unet"
    assert intervals._shortened("a" * NAME_WIDTH, NAME_WIDTH) == "a" * NAME_WIDTH
    assert intervals._shortened("abcdefghijklmnopqrstuvwxyz", 20) == "abcdefghij…rstuvwxyz"
