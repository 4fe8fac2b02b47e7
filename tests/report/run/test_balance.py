"""Shares of classes and the split, in tables, are those of the counted pixels and frames."""

from __future__ import annotations

import numpy as np

from hela_seg.data.classes import Classes
from hela_seg.report.run.balance import MOST_ROWS, balance_sheet, split_sheet
from hela_seg.report.tables import Sheet

CLASSES = Classes(["background", "round"])
PIXELS = {"test": np.array([30, 10]), "validation": np.array([0, 0]), "train": np.array([1, 4])}
SPLIT = [
    {"series": "dish 0", "start": 0, "stop": 4, "part": "train"},
    {"series": "dish 0", "start": 6, "stop": 9, "part": "train"},
    {"series": "dish 1", "start": 5, "stop": 6, "part": "test"},
]


def texts(sheet: Sheet) -> list[list[str]]:
    return [[cell.text for cell in row] for row in sheet.rows]


def test_percent_are_of_the_part_and_training_comes_first() -> None:
    sheet = balance_sheet(PIXELS, CLASSES)
    assert sheet.headings == ("Class", "train, pixels", "%", "validation, pixels", "%", "test, pixels", "%")
    assert texts(sheet) == [
        ["background", "1", "20.00", "0", "0.00", "30", "75.00"],
        ["round", "4", "80.00", "0", "0.00", "10", "25.00"],
    ]


def test_a_split_names_the_last_frame_and_not_the_one_after_it() -> None:
    assert texts(split_sheet(SPLIT)) == [
        ["train", "dish 0", "0", "3", "4"],
        ["train", "dish 0", "6", "8", "3"],
        ["test", "dish 1", "5", "5", "1"],
    ]


def test_a_long_split_is_cut_and_says_so() -> None:
    sheet = split_sheet(SPLIT[:1] * (MOST_ROWS + 2))
    assert len(sheet.rows) == MOST_ROWS
    assert sheet.notes == ("And 2 more rows, see split.csv.",)
    assert split_sheet(SPLIT[:1] * MOST_ROWS).notes == ()


def test_a_series_of_several_blocks_counts_once() -> None:
    by_part = "7 frames of 1 series train, 0 frames of 0 series validation, 1 frame of 1 series test"
    assert split_sheet(SPLIT).title == f"Split: {by_part}"
