"""Learning curves as they were logged; scores over time and by confidence as pixels were counted."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from fabricated import NAMES, frame_counts
from figures import keep_figures

from hela_seg.data.classes import Classes
from hela_seg.report.run import figures as run_figures
from hela_seg.report.run.figures import draw_learning, draw_over_time, draw_reliability, read_log
from hela_seg.runs.logs import CsvLog
from hela_seg.scores.calibration import CONFIDENCE_STEPS, curve_of
from hela_seg.scores.confusion import scores_of
from hela_seg.scores.counts import FrameCounts
from hela_seg.system.errors import InputError

LOGGED = Classes(["background", "a_$b$"])


def log_of(path: Path, *rows: dict[str, float]) -> Path:
    log = CsvLog(str(path))
    for step, row in enumerate(rows):
        log.log_metrics(row, step)
    return path


def test_epochs_count_from_one_and_gaps_are_left_out(tmp_path: Path) -> None:
    path = log_of(
        tmp_path / "metrics.csv",
        {"epoch": 0, "loss/validation": 0.5},
        {"epoch": 0, "loss/train": 0.7},
        {"epoch": 1, "loss/train": 0.4},
    )
    log = read_log(path)
    assert log["loss/train"].epochs.tolist() == [1, 2]
    assert log["loss/train"].values.tolist() == [0.7, 0.4]
    assert log["loss/validation"].values.tolist() == [0.5]
    assert set(log) == {"loss/train", "loss/validation"}


def test_words_say_the_best_and_the_last_value(tmp_path: Path) -> None:
    rows = [
        {"epoch": epoch, "loss/train": loss, "IoU a_$b$/validation": iou}
        for epoch, (loss, iou) in enumerate([(0.5, float("nan")), (0.2, 0.25), (0.3, 0.125)])
    ]
    loss, by_class = draw_learning(read_log(log_of(tmp_path / "metrics.csv", *rows)), LOGGED)
    assert loss.caption == "Loss: train at best 0.2000 in epoch 2, 0.3000 at the end."
    assert by_class.caption.endswith("a_$b$ at best 0.2500 in epoch 2, 0.1250 at the end.")
    assert "a_$b$" in by_class.svg


def test_of_equal_values_the_first_is_the_best_as_of_checkpoints(tmp_path: Path) -> None:
    rows = [
        {"epoch": epoch, "loss/train": loss, "m-IoU/validation": iou}
        for epoch, (loss, iou) in enumerate([(0.5, 0.25), (0.2, 0.75), (0.2, 0.75)])
    ]
    loss, iou = draw_learning(read_log(log_of(tmp_path / "metrics.csv", *rows)), LOGGED)
    assert loss.caption == "Loss: train at best 0.2000 in epoch 2, 0.2000 at the end."
    assert iou.caption == "m-IoU: validation at best 0.7500 in epoch 2, 0.7500 at the end."


def test_training_is_dashed_and_validation_is_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    figures = keep_figures(monkeypatch, run_figures)
    row: dict[str, float] = {"epoch": 0, "loss/train": 0.5, "loss/validation": 0.7}
    draw_learning(read_log(log_of(tmp_path / "metrics.csv", row)), LOGGED)
    lines = {line.get_label(): line for line in figures[0].axes[0].get_lines()}
    assert {name: line.get_linestyle() for name, line in lines.items()} == {"train": "--", "validation": "-"}
    assert list(lines["train"].get_ydata()) == [0.5]


def test_what_is_never_finite_is_said(tmp_path: Path) -> None:
    path = log_of(tmp_path / "metrics.csv", {"epoch": 0, "loss/train": float("nan")})
    (loss,) = draw_learning(read_log(path), LOGGED)
    assert loss.caption == "Loss: train never finite."


@pytest.mark.parametrize("content", ["epoch,loss/train\nzero,1\n", "epoch,loss/train\n0,high\n"])
def test_what_is_no_log_is_refused(content: str, tmp_path: Path) -> None:
    path = tmp_path / "metrics.csv"
    path.write_text(content)
    with pytest.raises(InputError, match=r"metrics\.csv is no log of a run"):
        read_log(path)


def test_other_tables_and_empty_ones_have_no_curves(tmp_path: Path) -> None:
    path = tmp_path / "metrics.csv"
    for content in ("", "a,b\n1,2\n", "epoch,step\n0,1\n"):
        path.write_text(content)
        assert draw_learning(read_log(path), LOGGED) == ()


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
    figures = keep_figures(monkeypatch, run_figures)
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
    figures = keep_figures(monkeypatch, run_figures)
    counts = frame_counts(frames=300, series=1)
    late = FrameCounts(counts.series, counts.frame + 1700, counts.block, counts.matrix)
    drawing = draw_over_time(late, CLASSES)
    mean = next(line for line in figures[0].axes[0].get_lines() if line.get_label() == "m-IoU")
    assert list(mean.get_xdata()) == list(range(1700, 2000))
    assert list(mean.get_ydata()) == pytest.approx([scores_of(matrix).mean_iou for matrix in late.matrix])
    assert drawing is not None
    assert "Line:" not in drawing.caption


def test_of_several_series_the_median_is_drawn_and_said(monkeypatch: pytest.MonkeyPatch) -> None:
    figures = keep_figures(monkeypatch, run_figures)
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
    figures = keep_figures(monkeypatch, run_figures)
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
