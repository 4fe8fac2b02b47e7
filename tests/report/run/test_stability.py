"""Scores over time, by series and against confidence are those of the counted pixels."""

from __future__ import annotations

import re

import numpy as np
import pytest
from fabricated import NAMES, frame_counts
from figures import keep_figures

from hela_seg.data.classes import Classes
from hela_seg.report.run import stability
from hela_seg.report.run.stability import draw_over_time, draw_reliability
from hela_seg.scores.calibration import CONFIDENCE_STEPS, curve_of
from hela_seg.scores.confusion import scores_of
from hela_seg.scores.counts import FrameCounts

CLASSES = Classes(NAMES)


def test_the_course_over_time_says_how_it_begins_and_ends() -> None:
    counts = frame_counts(frames=9, series=1)
    drawing = draw_over_time(counts, CLASSES)
    assert drawing is not None
    means = [scores_of(matrix).mean_iou for matrix in counts.matrix]
    assert f"first third of the frames {np.mean(means[:3]):.4f}" in drawing.caption
    assert f"last third {np.mean(means[6:]):.4f}" in drawing.caption
    assert "shade" not in drawing.caption


def test_figures_have_the_colours_of_the_page_and_letters_of_one_size() -> None:
    drawing = draw_over_time(frame_counts(frames=25, series=1), CLASSES)
    assert drawing is not None
    assert "#000000" not in drawing.svg
    assert all("fill: var(--" in text for text in re.findall("<text[^>]*>", drawing.svg))
    assert set(re.findall(r"\b(\d+)px", drawing.svg)) == {"9"}


def test_frames_that_were_not_scored_leave_the_axis_where_it_is() -> None:
    counts = frame_counts(frames=9, series=1)
    later = FrameCounts(counts.series, counts.frame + 100, counts.block, counts.matrix)
    drawing = draw_over_time(later, CLASSES)
    assert drawing is not None
    ticks = [int(tick) for tick in re.findall(r">(\d{2,})</text>", drawing.svg)]
    assert min(ticks) >= 100
    assert max(ticks) <= 108


def test_single_images_have_no_course() -> None:
    assert draw_over_time(frame_counts(frames=12, series=12), CLASSES) is None


def test_a_course_has_each_frame_in_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    figures = keep_figures(monkeypatch, stability)
    counts = frame_counts(frames=5, series=1)
    later = FrameCounts(counts.series, np.array([2, 3, 4, 6, 7]), counts.block, counts.matrix)
    draw_over_time(later, CLASSES)
    drawn = {line.get_label(): line for line in figures[0].axes[0].get_lines()}
    for name, k in (*((name, k) for k, name in enumerate(NAMES)), ("m-IoU", None)):
        found = dict(zip(drawn[name].get_xdata(), drawn[name].get_ydata(), strict=True))
        scores = [scores_of(matrix) for matrix in counts.matrix]
        expected = [of.mean_iou if k is None else of.iou[k] for of in scores]
        assert [found[frame] for frame in (2, 3, 4, 6, 7)] == pytest.approx(expected)


def test_frames_late_in_a_long_recording_are_drawn_each(monkeypatch: pytest.MonkeyPatch) -> None:
    figures = keep_figures(monkeypatch, stability)
    counts = frame_counts(frames=300, series=1)
    late = FrameCounts(counts.series, counts.frame + 1700, counts.block, counts.matrix)
    drawing = draw_over_time(late, CLASSES)
    mean = next(line for line in figures[0].axes[0].get_lines() if line.get_label() == "m-IoU")
    assert list(mean.get_xdata()) == list(range(1700, 2000))
    assert list(mean.get_ydata()) == pytest.approx([scores_of(matrix).mean_iou for matrix in late.matrix])
    assert drawing is not None
    assert "Line:" not in drawing.caption


def test_of_several_series_the_median_is_drawn_and_said(monkeypatch: pytest.MonkeyPatch) -> None:
    figures = keep_figures(monkeypatch, stability)
    counts = frame_counts(frames=12, series=3)
    drawing = draw_over_time(counts, CLASSES)
    means = np.array([scores_of(matrix).mean_iou for matrix in counts.matrix]).reshape(3, 4)
    mean = next(line for line in figures[0].axes[0].get_lines() if line.get_label() == "m-IoU")
    assert list(mean.get_ydata()) == pytest.approx(list(np.median(means, axis=0)))
    assert drawing is not None
    assert drawing.caption.endswith(" Line: median of 3 recordings, shade: 10th to 90th percentile.")


def test_a_line_of_means_says_so() -> None:
    drawing = draw_over_time(frame_counts(frames=800, series=1), CLASSES)
    assert drawing is not None
    assert drawing.caption.endswith(" Line: mean of 2 frames, shade: least to most of them.")


def test_accuracy_stands_over_confidence(monkeypatch: pytest.MonkeyPatch) -> None:
    figures = keep_figures(monkeypatch, stability)
    counts = np.zeros((CONFIDENCE_STEPS, 2), np.int64)
    counts[CONFIDENCE_STEPS // 2], counts[-1] = (75, 25), (0, 300)
    curve = curve_of(counts)
    draw_reliability(curve)
    above, below = figures[0].axes
    line = above.get_lines()[1]
    assert list(line.get_xdata()) == pytest.approx([150.5 / 300, 299.5 / 300])
    assert list(line.get_ydata()) == [0.25, 1.0]
    heights = [segment[1][1] for segment in below.collections[0].get_segments()]
    assert heights == [0.25, 0.75]


def test_frames_without_a_score_are_no_fault() -> None:
    counts = frame_counts(frames=12, series=4, absent=1)
    counts.matrix[:3] = 0
    drawing = draw_over_time(counts, CLASSES)
    assert drawing is not None
    assert "nan" not in drawing.caption


def test_reliability_in_words() -> None:
    counts = np.zeros((CONFIDENCE_STEPS, 2), np.int64)
    counts[CONFIDENCE_STEPS // 2], counts[-1] = (50, 50), (0, 300)
    drawing = draw_reliability(curve_of(counts))
    assert "share of right pixels 0.8750" in drawing.caption
