"""The out-of-fold table has a row a fold, and one of all their pixels together."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from comparison.test_folds import folds_on_disk, part_of
from fabricated import NAMES, frame_counts, write_run

from hela_seg.comparison import compare_runs, find_runs
from hela_seg.report.comparison.folds import write_folds
from hela_seg.scores.confusion import scores_of


def test_a_row_a_fold_and_one_of_the_summed_matrices(tmp_path: Path) -> None:
    whole = folds_on_disk(tmp_path / "runs", "unet", seed=1)
    assert write_folds(tmp_path / "out_of_fold.csv", compare_runs(find_runs([tmp_path / "runs"])[0]))
    with (tmp_path / "out_of_fold.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["net"], row["seed"], row["fold"], row["frames"]) for row in rows] == [
        ("unet", "1", fold, frames) for fold, frames in (("0", "4"), ("1", "4"), ("2", "4"), ("all", "12"))
    ]
    for row, counts in zip(rows, [*(part_of(whole, fold) for fold in range(3)), whole], strict=True):
        expected = scores_of(counts.pooled)
        assert float(row["mean iou"]) == expected.mean_iou
        for measure in ("iou", "dice", "precision", "recall"):
            found = [float(row[f"{name} {measure}"]) for name in NAMES]
            np.testing.assert_array_equal(found, getattr(expected, measure))
    # pooled pixels, and not the mean of the folds
    assert float(rows[3]["mean iou"]) != pytest.approx(np.mean([float(row["mean iou"]) for row in rows[:3]]))


def test_without_folds_there_is_no_table(tmp_path: Path) -> None:
    write_run(tmp_path / "runs" / "one", frame_counts())
    assert not write_folds(tmp_path / "out_of_fold.csv", compare_runs(find_runs([tmp_path / "runs"])[0]))
    assert not (tmp_path / "out_of_fold.csv").exists()
