"""Scores over time, by series and against confidence are those of the counted pixels."""

from __future__ import annotations

import re

import numpy as np
from fabricated import NAMES, frame_counts

from hela_seg.classes import Classes
from hela_seg.counts import FrameCounts
from hela_seg.reliability import CELLS, curve_of
from hela_seg.report.holding import draw_by_series, draw_over_time, draw_reliability, matrices_by_series
from hela_seg.scores import scores_of

CLASSES = Classes(NAMES)


def test_series_are_pooled_in_their_order() -> None:
    counts = frame_counts(frames=12, series=3)
    pooled = matrices_by_series(counts)
    assert list(pooled) == ["dish 0", "dish 1", "dish 2"]
    np.testing.assert_array_equal(pooled["dish 1"], counts.matrix[4:8].sum(axis=0))
    np.testing.assert_array_equal(sum(pooled.values()), counts.pooled)


def test_the_course_over_time_says_how_it_begins_and_ends() -> None:
    counts = frame_counts(frames=9, series=1)
    drawing = draw_over_time(counts, CLASSES)
    assert drawing is not None
    means = [scores_of(matrix).mean_iou for matrix in counts.matrix]
    assert f"first third of the frames {np.mean(means[:3]):.4f}" in drawing.caption
    assert f"last third {np.mean(means[6:]):.4f}" in drawing.caption
    assert "shade" not in drawing.caption


def test_a_known_interval_puts_time_above_the_frames() -> None:
    counts = frame_counts(frames=25, series=1)
    without, half_hours = draw_over_time(counts, CLASSES), draw_over_time(counts, CLASSES, 1800.0)
    assert without is not None
    assert "Time" not in without.svg
    assert half_hours is not None
    assert "Time (h)" in half_hours.svg
    # 24 frames of half an hour
    assert ">12</text>" in half_hours.svg
    assert ">12</text>" not in without.svg


def test_frames_that_were_not_scored_leave_the_axis_where_it_is() -> None:
    counts = frame_counts(frames=9, series=1)
    later = FrameCounts(counts.series, counts.frame + 100, counts.block, counts.matrix)
    drawing = draw_over_time(later, CLASSES)
    assert drawing is not None
    ticks = [int(tick) for tick in re.findall(r">(\d{2,})</text>", drawing.svg)]
    assert min(ticks) >= 100
    assert max(ticks) <= 108


def test_single_images_have_no_course_and_one_series_has_no_spread() -> None:
    assert draw_over_time(frame_counts(frames=12, series=12), CLASSES) is None
    assert draw_by_series(frame_counts(frames=12, series=1), CLASSES) is None


def test_the_spread_over_series_is_said() -> None:
    counts = frame_counts(frames=12, series=4)
    means = [scores_of(matrix).mean_iou for matrix in matrices_by_series(counts).values()]
    drawing = draw_by_series(counts, CLASSES)
    assert drawing is not None
    assert f"(m-IoU from {min(means):.4f} to {max(means):.4f})" in drawing.caption


def test_frames_without_a_score_are_no_fault() -> None:
    counts = frame_counts(frames=12, series=4, absent=1)
    counts.matrix[:3] = 0
    assert draw_over_time(counts, CLASSES) is not None
    drawing = draw_by_series(counts, CLASSES)
    assert drawing is not None
    assert "nan" not in drawing.caption


def test_reliability_in_words() -> None:
    counts = np.zeros((CELLS, 2), np.int64)
    counts[CELLS // 2], counts[-1] = (50, 50), (0, 300)
    drawing = draw_reliability(curve_of(counts))
    assert drawing.alt == "Share of right pixels by confidence: 0.50 at 0.50, 1.00 at 1.00."
    assert "share of right pixels 0.8750" in drawing.caption


def test_the_same_counts_give_the_same_figure() -> None:
    counts = frame_counts(frames=12, series=4)
    assert draw_by_series(counts, CLASSES) == draw_by_series(counts, CLASSES)
