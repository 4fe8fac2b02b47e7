"""Runs that differ by their seed are one net, and others are told apart by what differs."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

from fabricated import frame_counts, write_run

from hela_seg.comparison.found import Run, find_runs
from hela_seg.comparison.nets import by_net, by_test, what_differs, what_numbers_mean, without_repeats
from hela_seg.comparison.rows import compare_runs
from hela_seg.report.comparison.sheets import sheets_of
from hela_seg.report.comparison.write import write_comparison


def runs(root: Path, *settings: dict[str, Any]) -> list[Run]:
    for number, setting in enumerate(settings):
        write_run(root / f"{number:02}", setting.pop("counts", frame_counts(number)), **setting)
    found, faults = find_runs([root])
    assert faults == []
    return found


def test_seeds_folders_and_loggers_make_no_other_net(tmp_path: Path) -> None:
    ways = (
        {"seed": 0},
        {"seed": 1, "logger": {"csv": {"save_dir": "b"}}},
        {"seed": 2, "data": {"root": "/c"}},
    )
    assert {name: len(group) for name, group in by_net(runs(tmp_path, *ways)).items()} == {"unet": 3}


def test_nets_of_one_kind_are_named_by_what_differs(tmp_path: Path) -> None:
    ways = (
        {"loss": {"gamma": 2.0, "alpha": 0.25}},
        {"loss": {"gamma": 3.0, "alpha": 0.25}},
        {"net": "vgg19_unet", "loss": {"gamma": 3.0, "alpha": 0.25}},
    )
    assert list(by_net(runs(tmp_path, *ways))) == [
        "unet, loss.gamma=2.0",
        "unet, loss.gamma=3.0",
        "vgg19_unet",
    ]


def test_nets_that_differ_in_much_are_numbered_and_the_numbers_are_told(tmp_path: Path) -> None:
    ways = [
        {"loss": {"_target_": f"hela_seg.training.losses.{name}"}, "optimizer": {"lr": rate}}
        for name, rate in (("FocalLoss", 0.001), ("FocalDiceLoss", 0.003))
    ]
    found = runs(tmp_path, *ways, {"net": "vgg19_unet"})
    assert list(by_net(found)) == ["unet (1)", "unet (2)", "vgg19_unet"]
    assert what_numbers_mean(found[::-1]) == {
        "unet (1)": "loss._target_=hela_seg.training.losses.FocalLoss, optimizer.lr=0.001",
        "unet (2)": "loss._target_=hela_seg.training.losses.FocalDiceLoss, optimizer.lr=0.003",
    }
    (table,) = compare_runs(found)
    told = "unet (1): loss._target_=hela_seg.training.losses.FocalLoss, optimizer.lr=0.001."
    assert told in sheets_of(table)[0].notes
    write_comparison(tmp_path, [table], [])
    with (tmp_path / "comparison.csv").open(encoding="utf-8", newline="") as file:
        settings = {row["net"]: row["settings"] for row in csv.DictReader(file) if row["source"] == "own"}
    assert settings == {**what_numbers_mean(found), "vgg19_unet": ""}


def test_settings_that_mean_the_same_make_no_other_net(tmp_path: Path) -> None:
    ways = (
        {"loss": {"gamma": 2.0, "class_weights": [1.0, 2.0]}, "seed": 0},
        {"loss": {"gamma": 2, "class_weights": [1, 2]}, "seed": 1},
        {"loss": {"gamma": 2, "class_weights": [1, 2], "smooth": None}, "seed": 2},
    )
    assert {name: len(group) for name, group in by_net(runs(tmp_path, *ways)).items()} == {"unet": 3}


def test_no_net_is_lost_where_the_names_of_two_are_alike(tmp_path: Path) -> None:
    found = runs(tmp_path, {"data": {"z": 1}}, {"data": {"z": "1"}}, {"data": {"z": True}})
    assert {name: len(group) for name, group in by_net(found).items()} == {
        "unet (1)": 1,
        "unet (2)": 1,
        "unet (3)": 1,
    }
    assert [len(row.runs) for row in compare_runs(found)[0].rows] == [1, 1, 1]


def test_a_setting_that_one_alone_has_is_named_there(tmp_path: Path) -> None:
    assert list(by_net(runs(tmp_path, {}, {"augment": {"probability": 0.3}}))) == [
        "unet",
        "unet, augment.probability=0.3",
    ]


def test_what_evaluate_repeats_is_left_out_and_said(tmp_path: Path) -> None:
    found = runs(
        tmp_path, {"counts": frame_counts(5), "step_ms": None}, {"counts": frame_counts(5)}, {"seed": 1}
    )
    kept = without_repeats(found)
    assert [run.folder.name for run in kept] == ["01", "02"]
    assert kept[0].repeats == (f"{tmp_path / '00'} repeats {tmp_path / '01'} and was left out.",)
    assert kept[1].repeats == ()


def test_runs_are_compared_with_their_like_alone(tmp_path: Path) -> None:
    other_split = [{"series": "dish 1", "start": 0, "stop": 9, "part": "train"}]
    other_truth = frame_counts()
    other_truth.matrix[0, 0, 0] += 1
    found = runs(
        tmp_path,
        {},
        {"net": "vgg19_unet", "seed": 3},
        {"split": other_split},
        {"names": ("background", "nucleus", "spread")},
        {"counts": frame_counts(frames=11)},
        {"counts": other_truth},
    )
    groups = by_test(found)
    assert [len(group) for group in groups] == [2, 1, 1, 1, 1]
    assert [what_differs(found[0], group[0]) for group in groups] == [
        "",
        "another split",
        "other classes",
        "other frames, another truth",
        "another truth",
    ]
