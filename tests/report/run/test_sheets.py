"""The tables of a report, worked out by hand from a confusion matrix of three classes, one of them absent."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fabricated import write_run

from hela_seg.comparison.found import Run, read_run
from hela_seg.comparison.rows import compare_runs
from hela_seg.data.classes import Classes
from hela_seg.report.run import sheets
from hela_seg.report.run.sheets import (
    balance_sheet,
    class_sheet,
    confusion_sheet,
    cost_sheet,
    series_sheet,
    settings_sheet,
)
from hela_seg.report.tables import Sheet
from hela_seg.scores.counts import FrameCounts

FRAMES = np.array(
    [
        [[6, 2, 0], [1, 1, 0], [0, 0, 0]],
        [[4, 0, 0], [1, 5, 0], [0, 0, 0]],
        [[9, 1, 0], [0, 10, 0], [0, 0, 0]],
    ]
)
"""Together: 19 and 3 of the first class, 2 and 16 of the second, nothing of the third."""


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Two frames of one recording and one of another."""
    counts = FrameCounts(("a", "a", "b"), np.array([0, 1, 0]), np.array([0, 0, 1]), FRAMES)
    return read_run(write_run(tmp_path / "run", counts))


def texts(sheet: Sheet) -> list[list[str]]:
    return [[cell.text for cell in row] for row in sheet.rows]


def test_scores_of_each_class(run: Run) -> None:
    (comparison,) = compare_runs([run])
    sheet = class_sheet(run, comparison.rows[0])
    assert sheet.title == "Scores of 3 frames of 2 series, all pixels pooled"
    assert sheet.headings == (
        "Class",
        "IoU",
        "95 % interval",
        "Dice",
        "Prec.",
        "Recall",
        "Acc.",
        "True pixels",
    )
    *classes, mean = [[*row[:2], *row[3:]] for row in texts(sheet)]
    assert classes == [
        # 19 of 24, 38 of 43, 19 of 21, 19 of 22, 35 of 40
        ["background", "0.7917", "0.8837", "0.9048", "0.8636", "0.8750", "22"],
        # 16 of 21, 32 of 37, 16 of 19, 16 of 18
        ["round", "0.7619", "0.8649", "0.8421", "0.8889", "0.8750", "18"],
        ["spread", "–", "–", "–", "–", "–", "0"],
    ]
    assert mean == ["mean", "0.7768", "0.8743", "0.8734", "0.8763", "0.8750", ""]
    assert sheet.notes == ("–: absent from truth and prediction, left out of the means: spread.",)


def test_rows_of_the_confusion_matrix_are_the_truth(run: Run) -> None:
    sheet = confusion_sheet(run)
    assert sheet.headings == ("Truth", "as background", "as round", "as spread")
    assert texts(sheet) == [
        ["background", "19 (86.36 %)", "3 (13.64 %)", "0 (0.00 %)"],
        ["round", "2 (11.11 %)", "16 (88.89 %)", "0 (0.00 %)"],
        ["spread", "0", "0", "0"],
    ]
    assert (sheet.rows[0][2].share, sheet.rows[0][2].value) == (3 / 22, 3)
    assert sheet.rows[2][1].share is None


def test_percent_are_of_the_part_and_training_comes_first() -> None:
    pixels = {"test": np.array([30, 10]), "validation": np.array([0, 0]), "train": np.array([1, 4])}
    sheet = balance_sheet(pixels, Classes(["background", "round"]))
    assert sheet.headings == ("Class", "train, pixels", "%", "validation, pixels", "%", "test, pixels", "%")
    assert texts(sheet) == [
        ["background", "1", "20.00", "0", "0.00", "30", "75.00"],
        ["round", "4", "80.00", "0", "0.00", "10", "25.00"],
    ]


def test_series_stand_from_the_lowest_up(run: Run) -> None:
    assert texts(series_sheet(run)) == [
        ["a", "2", "0.6571", "0.7143", "0.6000", "–"],  # 10 of 14, 6 of 10
        ["b", "1", "0.9045", "0.9000", "0.9091", "–"],
    ]


def test_series_that_are_left_out_are_said(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sheets, "MOST_ROWS", 1)
    sheet = series_sheet(run)
    assert [row[0] for row in texts(sheet)] == ["a"]
    assert sheet.notes == ("The lowest 1 of 2; frames.csv has all.",)


def test_costs_have_their_units(run: Run) -> None:
    assert texts(cost_sheet(run.record)) == [
        ["parameters", "1,234"],
        ["multiply-adds of 32x64", "5,000,000,000"],
        ["ms a step of 8 tiles", "100"],
        ["seconds a frame", "0.25"],
        ["peak memory, MiB", "3"],
    ]
    unknown = replace(run.record, costs=replace(run.record.costs, peak_memory=None))
    assert [name for name, _ in texts(cost_sheet(unknown))][-1] == "seconds a frame"
    assert not any(note.startswith("peak memory") for note in cost_sheet(unknown).notes)
    large = replace(run.record, costs=replace(run.record.costs, peak_memory=2000 * 2**20))
    assert texts(cost_sheet(large))[-1] == ["peak memory, MiB", "2,000"]


def test_nested_settings_have_names_joined_by_dots() -> None:
    sheet = settings_sheet("Settings", {"model": {"width": 8}, "seed": None})
    assert texts(sheet) == [["model.width", "8"], ["seed", "null"]]
    assert sheet.names == len(sheet.headings)  # numbers in settings are sorted as words
