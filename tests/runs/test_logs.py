"""A log holds each line once, wherever its run was interrupted."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from hela_seg.runs.logs import CsvLog, cut_back, marks


def rows(path: Path) -> list[dict[str, str]]:
    with path.open() as file:
        return list(csv.DictReader(file))


def test_columns_grow_and_rows_stay(tmp_path: Path) -> None:
    log = CsvLog(str(tmp_path / "a.csv"))
    log.log_metrics({"loss": 0.5, "epoch": 0}, step=3)
    log.log_metrics({"accuracy": 0.25, "epoch": 0}, step=3)
    assert (tmp_path / "a.csv").read_text().splitlines() == [
        "epoch,step,accuracy,loss",
        "0,3,,0.5",
        "0,3,0.25,",
    ]


def test_another_process_goes_on_with_the_table(tmp_path: Path) -> None:
    for step in range(3):
        CsvLog(str(tmp_path / "a.csv")).log_metrics({"loss": 0.5, "epoch": 0}, step=step)
    assert [row["step"] for row in rows(tmp_path / "a.csv")] == ["0", "1", "2"]


def test_cut_back_takes_away_what_came_later(tmp_path: Path) -> None:
    log, events = CsvLog(str(tmp_path / "metrics.csv")), tmp_path / "tensorboard" / "events"
    log.log_metrics({"loss": 0.5, "epoch": 0}, step=1)
    events.parent.mkdir()
    events.write_bytes(b"abc")
    then = marks(tmp_path)
    log.log_metrics({"loss": 0.25, "epoch": 0, "accuracy": 1.0}, step=2)
    events.write_bytes(b"abcdef")
    (tmp_path / "tensorboard" / "later").write_bytes(b"x")
    cut_back(tmp_path, then)
    assert [(row["step"], row["loss"]) for row in rows(tmp_path / "metrics.csv")] == [("1", "0.5")]
    assert events.read_bytes() == b"abc"
    assert marks(tmp_path) == then


def test_what_no_run_has_written_stays(tmp_path: Path) -> None:
    for name in ("notes.txt", "results.csv", "metrics.csv", "validation/epoch_000 a.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("a\nb\n")
    cut_back(tmp_path, {})
    assert sorted(path.name for path in tmp_path.rglob("*") if path.is_file()) == ["notes.txt", "results.csv"]


@pytest.mark.parametrize("written", ["0,2,0.2", "0,2,0.25\n0,3"])
def test_half_a_line_is_taken_away(written: str, tmp_path: Path) -> None:
    CsvLog(str(tmp_path / "metrics.csv")).log_metrics({"loss": 0.5, "epoch": 0}, step=1)
    then = marks(tmp_path)
    whole = (tmp_path / "metrics.csv").read_bytes()
    with (tmp_path / "metrics.csv").open("a") as file:
        file.write(written)
    cut_back(tmp_path, then)
    assert (tmp_path / "metrics.csv").read_bytes() == whole


def test_a_folder_that_is_not_there_holds_nothing(tmp_path: Path) -> None:
    cut_back(tmp_path / "logs", {})
    assert marks(tmp_path / "logs") == {}
