"""Scores of a checkpoint, on its own test data or on others."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch
from conftest import write_folder

import hela_seg
from hela_seg.cells import match_cells, split_cells
from hela_seg.cli import main
from hela_seg.scores.boundaries import compare_boundaries, pool_boundaries

pytestmark = pytest.mark.usefixtures("no_report")


def test_its_own_test_data_give_the_scores_of_the_training_run(
    checkpoint: Path, run: Path, tmp_path: Path
) -> None:
    assert main("evaluate", [str(checkpoint), f"hydra.run.dir={tmp_path}"]) == 0
    for name in ("scores.csv", "frames.csv"):
        assert (tmp_path / name).read_text() == (run / name).read_text()
    found, of_run = (json.loads((folder / "scores.json").read_text()) for folder in (tmp_path, run))
    assert {"boundaries", "cells"} <= found.keys()
    assert {key: found[key] for key in of_run} == of_run


def test_other_data_are_scored_whole_and_boundaries_and_cells_are_those_of_the_predictions(
    checkpoint: Path, tmp_path: Path
) -> None:
    root = write_folder(tmp_path / "others", series=2, frames=3)
    arguments = ["data=folder", f"data.root={root}", f"hydra.run.dir={tmp_path}"]
    assert main("evaluate", [f"ckpt={checkpoint}", *arguments]) == 0
    net, boundaries, cells = hela_seg.load(checkpoint), [], []
    for image in sorted((root / "images").iterdir()):
        truth = tifffile.imread(root / "masks" / image.name)
        for one, other in zip(truth, net.predict(image), strict=True):
            boundaries.append(compare_boundaries(one, other, 3, 2))
            cells.append(match_cells(split_cells(one), split_cells(other)))
    found = json.loads((tmp_path / "scores.json").read_text())
    assert [entry["name"] for entry in found["classes"]] == ["background", "dim", "bright"]
    assert np.sum(found["confusion_matrix"]) == 2 * 3 * 48 * 64
    expected = pool_boundaries(boundaries, 2, "pixels").surface_distance
    by_class = [of["normalised_surface_distance"] for of in found["boundaries"]["classes"].values()]
    assert by_class == [None if np.isnan(value) else value for value in expected]
    matched = sum(of.true_positives[0] for of in cells)
    assert found["cells"]["thresholds"][0]["matched"] == matched
    assert found["cells"]["found_cells"] == sum(of.true_positives[0] + of.false_positives[0] for of in cells)


def test_the_folder_of_a_training_run_keeps_its_own_scores(
    checkpoint: Path, run: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    before = {path: path.stat().st_mtime_ns for path in run.rglob("*") if path.is_file()}
    assert main("evaluate", [str(checkpoint), "part=all", f"hydra.run.dir={run}"]) == 2
    assert f"{run} holds the results of hela_seg.train" in capfd.readouterr().err
    assert before == {path: path.stat().st_mtime_ns for path in run.rglob("*") if path.is_file()}


def test_classes_of_other_names_are_told_and_refused_where_one_has_moved(
    checkpoint: Path, cells: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    typed = [str(checkpoint), "data=folder", f"data.root={cells}", f"hydra.run.dir={tmp_path}"]
    assert main("evaluate", [*typed, "data.classes=[background,bright,debris]"]) == 2
    assert "expected background, dim, bright, the order that the net" in capfd.readouterr().err
    assert main("evaluate", [*typed, "data.classes=[background,dim,debris]"]) == 0
    assert "dim, debris are scored as the net's background, dim, bright" in capfd.readouterr().err


@pytest.mark.parametrize(("part", "series"), [("train", 3), ("validation", 1), ("all", 5)])
def test_any_part_can_be_scored(part: str, series: int, checkpoint: Path, tmp_path: Path) -> None:
    assert main("evaluate", [str(checkpoint), f"part={part}", f"hydra.run.dir={tmp_path}"]) == 0
    matrix = json.loads((tmp_path / "scores.json").read_text())["confusion_matrix"]
    assert np.sum(matrix) == series * 2 * 48 * 64


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["part=tset"], "part is 'tset', expected train, validation, test or all"),
        (
            ["data=synthetic", "data.drawing={series: 1, frames: 1, height: 64, width: 64}"],
            "the data have 3 channels, expected 1 as the net was trained on: pick some",
        ),
        (
            ["data=folder", "data.classes=[background,cell]"],
            "images is not there, expected images as data.images",
        ),
    ],
)
def test_what_cannot_be_scored_gets_one_line(
    arguments: list[str],
    expected: str,
    checkpoint: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main("evaluate", [str(checkpoint), *arguments]) == 2
    error = capfd.readouterr().err
    assert expected in error
    assert error.count("\n") == 1
    assert not list(tmp_path.rglob("scores.*"))


def test_data_that_are_gone_are_named(
    checkpoint: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    content = torch.load(checkpoint, weights_only=True)
    content["hela_seg"]["config"]["data"]["root"] = str(tmp_path / "cells")
    torch.save(content, tmp_path / "moved.ckpt")
    assert main("evaluate", [str(tmp_path / "moved.ckpt"), f"hydra.run.dir={tmp_path / 'out'}"]) == 2
    assert f"{tmp_path / 'cells'} is no folder" in capfd.readouterr().err


def test_moved_data_are_scored_on_the_frames_of_the_run(
    checkpoint: Path, run: Path, cells: Path, tmp_path: Path
) -> None:
    moved = Path(shutil.copytree(cells, tmp_path / "moved"))
    assert main("evaluate", [str(checkpoint), f"data.root={moved}", f"hydra.run.dir={tmp_path / 'out'}"]) == 0
    assert (tmp_path / "out" / "scores.csv").read_text() == (run / "scores.csv").read_text()


def test_frames_that_trained_the_net_are_counted_loudly(
    checkpoint: Path, cells: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    arguments = ["data=folder", f"data.root={cells}", f"hydra.run.dir={tmp_path}"]
    assert main("evaluate", [str(checkpoint), *arguments]) == 0
    said = capfd.readouterr()
    assert "6 of 10 frame(s) have the series and number of frames that trained this net" in said.err
    assert "6 OF THEM SEEN IN TRAINING" in said.out
    assert json.loads((tmp_path / "scores.json").read_text())["frames_of_training"] == 6


def test_a_checkpoint_draws_nothing_where_it_says(
    checkpoint: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    content = torch.load(checkpoint, weights_only=True)
    drawing = {"series": 3, "frames": 2, "height": 64, "width": 64, "seed": 0}
    data = {"layout": "synthetic", "root": str(tmp_path / "planted"), "drawing": drawing}
    content["hela_seg"]["config"]["data"] |= data
    torch.save(content, tmp_path / "stranger.ckpt")
    assert main("evaluate", [str(tmp_path / "stranger.ckpt"), f"hydra.run.dir={tmp_path / 'out'}"]) == 2
    assert "draw some with data=synthetic" in capfd.readouterr().err
    assert not (tmp_path / "planted").exists()
