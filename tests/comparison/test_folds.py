"""The folds of a cross-validation are one run, scored on every frame once."""

from __future__ import annotations

import csv
import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import SMALL_NET
from fabricated import frame_counts, write_run

from hela_seg.cli import main
from hela_seg.comparison.folds import fold_of, median_costs, missing_folds, pool_folds
from hela_seg.comparison.found import Run, find_runs
from hela_seg.comparison.rows import compare_runs
from hela_seg.data.classes import Classes
from hela_seg.report.comparison.sheets import sheets_of
from hela_seg.runs.records import Costs
from hela_seg.scores.confusion import scores_of
from hela_seg.scores.counts import FrameCounts


def part_of(counts: FrameCounts, fold: int, folds: int = 3) -> FrameCounts:
    chosen = np.flatnonzero(np.arange(len(counts)) % folds == fold)
    names = tuple(counts.series[frame] for frame in chosen)
    return FrameCounts(names, counts.frame[chosen], np.arange(len(chosen)), counts.matrix[chosen])


def folds_on_disk(root: Path, net: str, seed: int, chosen: tuple[int, ...] = (0, 1, 2)) -> FrameCounts:
    whole = frame_counts(seed)
    for fold in chosen:
        split: list[dict[str, Any]] = [
            {"series": f"dish {fold}", "start": 0, "stop": 1, "part": "test"},
            {"series": "dish 9", "start": 0, "stop": 1, "part": "train"},
        ]
        data = {"split": {"folds": 3, "fold": fold, "seed": 0}}
        counts = part_of(whole, fold)
        write_run(root / f"{net} {seed} {fold}", counts, net=net, seed=seed, split=split, data=data)
    return whole


def runs_in(root: Path) -> list[Run]:
    found, faults = find_runs([root])
    assert faults == []
    return found


def test_of_two_runs_of_one_fold_the_first_is_taken_and_the_other_named(tmp_path: Path) -> None:
    folds_on_disk(tmp_path / "a", "unet", 1)
    counts = part_of(frame_counts(5), 2)
    again = write_run(tmp_path / "c", counts, seed=1, data={"split": {"folds": 3, "fold": 2, "seed": 0}})
    first, second, third = (tmp_path / "a" / f"unet 1 {fold}" for fold in range(3))
    (pooled,) = pool_folds([*runs_in(tmp_path / "a"), *runs_in(again)])
    assert [run.folder for run in pooled.folds] == [first, second, third]
    said = f"{again} is of the same fold, seed and settings as {third} and was left out."
    assert said in compare_runs([*runs_in(tmp_path / "a"), *runs_in(again)])[0].notes


def test_all_folds_together_score_as_if_they_were_one_test(tmp_path: Path) -> None:
    whole = folds_on_disk(tmp_path, "unet", 1)
    (pooled,) = pool_folds(runs_in(tmp_path))
    assert np.array_equal(pooled.counts.pooled, whole.pooled)
    assert sorted(pooled.counts.places)[0][0] == "dish 0"
    assert len(set(pooled.counts.block.tolist())) == len(whole)
    assert [fold_of(run) for run in pooled.folds] == [0, 1, 2]
    assert [row["fold"] for row in pooled.record.split] == [0, 1, 2]
    assert missing_folds(pooled) == []


def test_nets_and_seeds_stand_in_one_table_out_of_fold(tmp_path: Path) -> None:
    for net, seed in (("unet", 1), ("unet", 2), ("vgg19_unet", 1)):
        folds_on_disk(tmp_path, net, seed)
    (table,) = compare_runs(runs_in(tmp_path))
    assert {row.name: len(row.runs) for row in table.rows} == {"unet": 2, "vgg19_unet": 1}
    expected = np.mean([scores_of(frame_counts(seed).pooled).mean_iou for seed in (1, 2)])
    unet = next(row for row in table.rows if row.name == "unet")
    assert unet.means["iou"].interval.value == pytest.approx(expected)
    assert len(table.counts) == 12
    assert table.notes[0].startswith("Out of fold: 3 trainings a net and seed")


def cells_at(matched: int, missed: int) -> dict[str, Any]:
    """Cells of a fold's frames as ``scores.json`` has them, at a single least overlap."""
    rows = [{"iou": 0.5, "matched": matched, "missed": missed, "extra": 0}]
    counts = {"frames": 4, "true_cells": matched + missed, "found_cells": matched}
    return {
        "cells": {
            "truth": "ids",
            "found": "split",
            "neck": 0.5,
            "least_area": 0,
            **counts,
            "thresholds": rows,
        }
    }


def evaluated(root: Path, matched: tuple[int, ...]) -> None:
    """Evaluations of the folds of `folds_on_disk`, which counted so many of 10 cells as found."""
    for fold, found in enumerate(matched):
        trained = root / f"unet 1 {fold}"
        again = shutil.copytree(trained, root / "evaluated" / str(fold))
        record, scores = (json.loads((again / name).read_text()) for name in ("run.json", "scores.json"))
        record["costs"]["step_ms"] = None
        (again / "run.json").write_text(json.dumps(record))
        (again / "scores.json").write_text(json.dumps(scores | cells_at(found, 10 - found)))


def test_cells_of_evaluated_folds_are_counted_together(tmp_path: Path) -> None:
    folds_on_disk(tmp_path, "unet", 1)
    evaluated(tmp_path, (1, 4, 10))
    (table,) = compare_runs(runs_in(tmp_path))
    (row,) = table.rows
    assert row.quality.average_precision_50 == 15 / 30
    assert row.costs.step_ms == 100
    assert sum("its boundaries and cells are shown there" in note for note in table.notes) == 3
    (sheet,) = [sheet for sheet in sheets_of(table) if sheet.title == "Boundaries and cells"]
    assert any(note.startswith("Of folds, boundary pixels and cells are added up") for note in sheet.notes)


def test_cells_that_were_not_measured_for_all_folds_are_not_shown(tmp_path: Path) -> None:
    folds_on_disk(tmp_path, "unet", 1)
    evaluated(tmp_path, (1, 4))
    (table,) = compare_runs(runs_in(tmp_path))
    assert table.rows[0].quality.seeds_measured == 0


def test_a_fold_that_is_not_there_is_named(tmp_path: Path) -> None:
    folds_on_disk(tmp_path, "unet", 1, chosen=(0, 2))
    (pooled,) = pool_folds(runs_in(tmp_path))
    assert missing_folds(pooled) == [1]
    (table,) = compare_runs([pooled])
    assert f"{tmp_path} lacks fold 1: its frames are not among those scored" in table.notes[0]


def test_of_several_runs_of_a_fold_the_first_counts_and_folds_are_in_order(tmp_path: Path) -> None:
    folds_on_disk(tmp_path, "unet", 1)
    last, middle, first = sorted(runs_in(tmp_path), key=lambda run: -(fold_of(run) or 0))
    twice = replace(middle, folder=tmp_path / "again", counts=last.counts)
    (pooled,) = pool_folds([last, middle, twice, first])
    assert [run.folder for run in pooled.folds] == [first.folder, middle.folder, last.folder]


def test_folds_of_other_classes_are_of_another_net(tmp_path: Path) -> None:
    folds_on_disk(tmp_path, "unet", 1, chosen=(0, 1))
    first, second = runs_in(tmp_path)
    renamed = replace(second, classes=Classes(["background", "a", "b"]))
    assert pool_folds([first, renamed]) == [first, renamed]


def test_costs_are_the_medians_of_those_that_are_known() -> None:
    costs = [
        Costs(7, 9, (32, 32), 8, step, frame, memory)
        for step, frame, memory in ((100.0, None, 5), (400.0, None, 6), (300.0, 2.0, None))
    ]
    found = median_costs(costs)
    assert (found.step_ms, found.frame_s, found.peak_memory) == (300.0, 2.0, 6)
    assert median_costs([Costs(7, 9, (32, 32), 8, None, None, None)]).peak_memory is None


def test_a_single_fold_and_other_runs_are_left_as_they_are(tmp_path: Path) -> None:
    folds_on_disk(tmp_path, "unet", 1, chosen=(2,))
    write_run(tmp_path / "other", frame_counts(3))
    runs = runs_in(tmp_path)
    assert pool_folds(runs) == runs


def test_folds_as_a_sweep_end_with_a_table(cells: Path, tmp_path: Path) -> None:
    data = ["data=folder", f"data.root={cells}", "data.classes=[background,dim,bright]"]
    sweep = ["--multirun", f"hydra.sweep.dir={tmp_path}", "data.split.folds=3", "data.split.fold=0,1,2"]
    settings = [*SMALL_NET, "model=unet", "trainer.max_epochs=1", "logger=csv"]
    assert main("train", [*data, *settings, *sweep]) == 0
    with (tmp_path / "comparison" / "out_of_fold.csv").open(encoding="utf-8", newline="") as file:
        *folds, together = csv.DictReader(file)
    assert [row["fold"] for row in folds] == ["0", "1", "2"]
    assert (together["fold"], together["frames"]) == ("all", "10")
    assert sum(int(row["frames"]) for row in folds) == 10
    with (tmp_path / "comparison" / "comparison.csv").open(encoding="utf-8", newline="") as file:
        own = next(csv.DictReader(file))
    assert own["mean iou"] == together["mean iou"]
    assert own["dim recall"] == together["dim recall"]
