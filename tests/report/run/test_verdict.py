"""The sentences at the top of a page say what was counted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fabricated import write_run

from hela_seg.comparison.found import Run, read_run
from hela_seg.data.classes import Classes
from hela_seg.report.run.verdict import foreground_mean_iou, verdict_of
from hela_seg.runs.records import RunRecord
from hela_seg.scores.counts import FrameCounts

NAMES = ("background", "round", "spread")


def run_of(*matrices: list[list[int]], quality: dict[str, Any] | None = None) -> Run:
    frames = len(matrices)
    counts = FrameCounts(
        ("dish",) * frames, np.arange(frames), np.zeros(frames, np.int64), np.array(matrices)
    )
    record: Any = RunRecord
    return Run(Path(), record, Classes(NAMES), counts, quality=quality or {})


GOOD, LOST = [[900, 0, 0], [0, 50, 0], [2, 0, 48]], [[900, 0, 0], [0, 50, 0], [45, 0, 5]]


def test_what_is_missed_is_said_with_the_frame_from_which_it_is_lost() -> None:
    # 48 + 48 + 5 + 5 of 200 pixels are found; of the last two frames 10 of 100
    assert verdict_of(run_of(GOOD, GOOD, LOST, LOST)) == (
        "47 % of the pixels of class spread are missed. From frame 2 on hardly any of it is found (10 %)."
    )


def test_a_class_that_is_found_too_often_and_one_that_is_right() -> None:
    assert verdict_of(run_of([[900, 100, 0], [0, 50, 0], [0, 0, 50]])) == (
        "67 % of the pixels that are called round are something else."
    )
    assert verdict_of(run_of(GOOD)) == (
        "Of spread, the class with the lowest IoU, 96 % of the pixels are found, and 100 % of what is called "
        "so is right."
    )
    assert verdict_of(run_of([[900, 0, 0], [0, 0, 0], [0, 0, 0]])).startswith("No pixel of any class")
    assert "found where there is none of it" in verdict_of(run_of([[900, 9, 0], [0, 0, 0], [0, 0, 50]]))


@pytest.mark.parametrize(
    ("matched", "missed", "extra", "said"),
    [
        (12, 9, 3, "Of 21 cells 12 are found (IoU from 0.5 on), and 3 that are found match none,"),
        (1, 0, 1, "Of 1 cell 1 is found (IoU from 0.5 on), and 1 that is found matches none,"),
        (1, 0, 2000, "Of 1 cell 1 is found (IoU from 0.5 on), and 2,000 that are found match none."),
        (0, 0, 2, "No cell is there to be found, and 2 are found."),
        (0, 4, 0, "Of 4 cells none is found (IoU from 0.5 on), and nothing is found beside them."),
    ],
)
def test_cells_are_counted(matched: int, missed: int, extra: int, said: str) -> None:
    row = {"iou": 0.5, "matched": matched, "missed": missed, "extra": extra}
    assert said in verdict_of(run_of(GOOD, quality={"cells": {"thresholds": [row]}}))


def test_shares_are_not_rounded_to_none_and_all() -> None:
    nearly = [[9000, 0, 0], [0, 5000, 0], [1, 0, 1999]]
    assert "99.9 % of the pixels are found, and 100 % of what" in verdict_of(run_of(nearly))


def test_the_mean_without_the_background_is_that_of_the_other_classes(tmp_path: Path) -> None:
    assert foreground_mean_iou(run_of(GOOD)) == pytest.approx((1 + 48 / 50) / 2)
    run = read_run(write_run(tmp_path / "run", run_of(GOOD).counts, names=NAMES))
    assert verdict_of(run) == verdict_of(run_of(GOOD))
