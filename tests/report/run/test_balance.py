"""Shares of classes and the split, in figures and tables, are those of the counted pixels and frames."""

from __future__ import annotations

import numpy as np
import pytest
from figures import keep_figures

from hela_seg.data.classes import Classes
from hela_seg.report.run import balance
from hela_seg.report.run.balance import MOST_ROWS, balance_sheet, draw_balance, parts_sheet, split_sheet
from hela_seg.report.tables import Sheet

CLASSES = Classes(["background", "round"])
PIXELS = {"test": np.array([30, 10]), "scored": np.array([0, 0]), "train": np.array([1, 4])}
SPLIT = [
    {"series": "dish 0", "start": 0, "stop": 4, "part": "train"},
    {"series": "dish 0", "start": 6, "stop": 9, "part": "train"},
    {"series": "dish 1", "start": 5, "stop": 6, "part": "test"},
]


def texts(sheet: Sheet) -> list[list[str]]:
    return [[cell.text for cell in row] for row in sheet.rows]


def test_bars_follow_each_other_to_the_whole_and_training_comes_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    figures = keep_figures(monkeypatch, balance)
    drawing = draw_balance(PIXELS, CLASSES)
    axes = figures[0].axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["train", "test", "scored"]
    bars = [(round(bar.get_y() + 0.35), bar.get_x(), bar.get_width()) for bar in axes.patches]
    assert bars[:4] == [(0, 0.0, 0.2), (0, 0.2, 0.8), (1, 0.0, 0.75), (1, 0.75, 0.25)]
    assert axes.yaxis_inverted()  # the first stands on top
    assert "train: background 20.0 %, round 80.0 %; test: background 75.0 %, round 25.0 %" in drawing.caption


def test_percent_are_of_the_part_and_a_part_without_pixels_has_none() -> None:
    assert texts(balance_sheet(PIXELS, CLASSES)) == [
        ["train", "background", "1", "20.00"],
        ["train", "round", "4", "80.00"],
        ["test", "background", "30", "75.00"],
        ["test", "round", "10", "25.00"],
        ["scored", "background", "0", "0.00"],
        ["scored", "round", "0", "0.00"],
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
    assert texts(parts_sheet(SPLIT)) == [["train", "1", "7"], ["validation", "0", "0"], ["test", "1", "1"]]
