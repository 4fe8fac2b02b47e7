"""Learning curves are read from what a run logged, whatever of it is there."""

from __future__ import annotations

from pathlib import Path

import pytest
from figures import keep_figures

from hela_seg.data.classes import Classes
from hela_seg.report.run import learning
from hela_seg.report.run.learning import draw_learning, read_log
from hela_seg.runs.logs import CsvLog
from hela_seg.system.errors import InputError

CLASSES = Classes(["background", "a_$b$"])


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
    loss, by_class = draw_learning(read_log(log_of(tmp_path / "metrics.csv", *rows)), CLASSES)
    assert loss.caption == "Loss: train at best 0.2000 in epoch 2, 0.3000 at the end."
    assert by_class.caption.endswith("a_$b$ at best 0.2500 in epoch 2, 0.1250 at the end.")
    assert "a_$b$" in by_class.svg


def test_of_equal_values_the_first_is_the_best_as_of_checkpoints(tmp_path: Path) -> None:
    rows = [
        {"epoch": epoch, "loss/train": loss, "m-IoU/validation": iou}
        for epoch, (loss, iou) in enumerate([(0.5, 0.25), (0.2, 0.75), (0.2, 0.75)])
    ]
    loss, iou = draw_learning(read_log(log_of(tmp_path / "metrics.csv", *rows)), CLASSES)
    assert loss.caption == "Loss: train at best 0.2000 in epoch 2, 0.2000 at the end."
    assert iou.caption == "m-IoU: validation at best 0.7500 in epoch 2, 0.7500 at the end."


def test_training_is_dashed_and_validation_is_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    figures = keep_figures(monkeypatch, learning)
    row: dict[str, float] = {"epoch": 0, "loss/train": 0.5, "loss/validation": 0.7}
    draw_learning(read_log(log_of(tmp_path / "metrics.csv", row)), CLASSES)
    lines = {line.get_label(): line for line in figures[0].axes[0].get_lines()}
    assert {name: line.get_linestyle() for name, line in lines.items()} == {"train": "--", "validation": "-"}
    assert list(lines["train"].get_ydata()) == [0.5]


def test_what_is_never_finite_is_said(tmp_path: Path) -> None:
    path = log_of(tmp_path / "metrics.csv", {"epoch": 0, "loss/train": float("nan")})
    (loss,) = draw_learning(read_log(path), CLASSES)
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
        assert draw_learning(read_log(path), CLASSES) == ()
