"""Several processes train one net, and what comes out is what one process makes."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch
from ranks import (
    LIMIT_SECONDS,
    Dies,
    KeepsStatistics,
    LosesItsLoss,
    RunsOutOfMemory,
    WithoutBatchStatistics,
    srun,
    torchrun,
    train,
)
from torch import nn

from hela_seg.cli import main
from hela_seg.models.resnet34_unet import ResNet34UNet
from hela_seg.runs.checkpoint import read_checkpoint
from hela_seg.scores.counts import read_counts
from hela_seg.training.ddp import SyncedBatchNorm

STEPS = 20
NAMES = ["background", "dim", "bright"]


@pytest.fixture(scope="module")
def settings(cells: Path) -> list[str]:
    """A run of twenty steps, for any number of processes."""
    data = ["data=folder", f"data.root={cells}", "data.classes=[background,dim,bright]", "data.tile=[32,32]"]
    length = [f"data.steps_per_epoch={STEPS}", "trainer.max_epochs=1", "report=false"]
    length += ["trainer.precision=32-true"]  # what is left of a difference is to be rounding
    # the Dice loss of a batch is not the mean of those of its parts
    return [*data, *length, "data.batch_size=6", "model=resnet34_unet", "model.width=4", "loss=focal"]


@pytest.fixture(scope="module")
def by(settings: list[str], tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    """The folders of that run, with its report, by one process and by three."""
    base = tmp_path_factory.mktemp("by")
    for count in (1, 3):
        more = [
            "optimizer=sgd",
            "report=true",
            f"trainer={'cpu' if count == 1 else 'ddp'}",
            f"hydra.run.dir={base / str(count)}",
        ]
        ended = train(base / f"said {count}", count, [*settings, *more], WithoutBatchStatistics())
        assert ended.status == [0] * count, ended.said
    return {count: base / str(count) for count in (1, 3)}


def weights(run: Path) -> dict[str, torch.Tensor]:
    return read_checkpoint(run / "checkpoints" / "last.ckpt")[1]


def logged(run: Path) -> list[dict[str, str]]:
    with (run / "logs" / "metrics.csv").open() as file:
        return list(csv.DictReader(file))


def assert_same_but_for_rounding(one: Path, other: Path) -> None:
    ours, theirs = weights(one), weights(other)
    assert ours.keys() == theirs.keys()
    for name, value in ours.items():
        torch.testing.assert_close(value, theirs[name], rtol=1e-5, atol=1e-6)
    for ours_row, theirs_row in zip(logged(one), logged(other), strict=True):
        assert ours_row.keys() == theirs_row.keys()
        for name, number in ours_row.items():
            if name.startswith("loss") and number:
                assert float(number) == pytest.approx(float(theirs_row[name]), rel=1e-5)
            elif "/" in name and number:
                assert float(number) == pytest.approx(float(theirs_row[name]), abs=0.01), name
            else:
                assert number == theirs_row[name], name
    assert_same_pixels(confusion(one), confusion(other))


def confusion(run: Path) -> np.ndarray:
    return np.array(json.loads((run / "scores.json").read_text())["confusion_matrix"])


def frames_measured(run: Path) -> list[int]:
    scores = json.loads((run / "scores.json").read_text())
    return [scores[key]["frames"] for key in ("boundaries", "cells")]


def assert_same_pixels(ours: np.ndarray, theirs: np.ndarray) -> None:
    """Confusion matrices (..., K, K) of the same true pixels; one in a thousand may lie between two classes.

    Weights differ by rounding, and so do the logits of tiles that are computed together with others.
    """
    np.testing.assert_array_equal(ours.sum(axis=-1), theirs.sum(axis=-1))
    assert np.abs(ours - theirs).sum() <= 2 * 0.001 * ours.sum()


def test_twenty_steps_end_with_the_weights_and_scores_of_one_process(by: dict[int, Path]) -> None:
    begun = torch.load(by[1] / "checkpoints" / "last.ckpt", weights_only=True)
    assert begun["global_step"] == STEPS
    assert_same_but_for_rounding(by[3], by[1])


def test_boundaries_and_cells_are_those_of_the_frames_of_all_processes(by: dict[int, Path]) -> None:
    assert frames_measured(by[3]) == frames_measured(by[1])
    assert min(frames_measured(by[1])) >= 2


def test_one_process_writes_the_files_of_a_run(by: dict[int, Path]) -> None:
    def names(run: Path) -> list[str]:
        found = (path.relative_to(run).as_posix() for path in run.rglob("*") if path.is_file())
        return sorted(name.split("tfevents")[0] for name in found)

    assert names(by[3]) == names(by[1])
    ours, theirs = (read_counts(by[number] / "frames.csv", NAMES) for number in (3, 1))
    assert ours.places == theirs.places
    assert_same_pixels(ours.matrix, theirs.matrix)
    assert (by[3] / "split.csv").read_bytes() == (by[1] / "split.csv").read_bytes()
    record = json.loads((by[3] / "run.json").read_text())
    assert record["costs"]["batch_size"] == 6
    assert record["config"]["trainer"]["devices"] == 3
    assert record["launch"] == {"launcher": "torchrun", "nodes": 1, "processes_per_node": 3}


def test_a_rank_that_dies_is_named_by_the_others_and_any_number_of_processes_goes_on(
    settings: list[str], by: dict[int, Path], tmp_path: Path
) -> None:
    run = tmp_path / "run"
    more = ["trainer=ddp", "optimizer=sgd", "callbacks.last.every_steps=5", f"hydra.run.dir={run}"]
    ended = train(tmp_path / "said", 3, [*settings, *more], Dies(rank=1, step=13))
    assert ended.status == [2, -9, 2]
    for said in (ended.said[0], ended.said[2]):
        last = said.splitlines()[-1]
        assert last.startswith("error: rank 1 (process ")
        assert "has ended, so the others end too" in last
        assert "Traceback" not in said
    assert max(ended.seconds) < LIMIT_SECONDS / 2  # they do not wait for it, on a slow machine either
    last = torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)
    assert last["global_step"] == 10
    again = train(tmp_path / "again", 2, [f"resume={run}"], WithoutBatchStatistics())
    assert again.status == [0, 0], again.said
    assert_same_but_for_rounding(run, by[1])


def test_a_loss_of_one_rank_that_is_no_number_ends_all(settings: list[str], tmp_path: Path) -> None:
    more = ["trainer=ddp", "callbacks.last.every_steps=1", f"hydra.run.dir={tmp_path / 'run'}"]
    ended = train(tmp_path / "said", 2, [*settings, *more], LosesItsLoss(rank=1, step=2))
    assert ended.status == [2, 2]
    assert ended.said[0].splitlines()[-1].startswith("error: the loss of rank 1 is no finite number")
    assert "error: the loss is no finite number in epoch 1, batch 3 of training" in ended.said[1]
    assert tifffile.imread(tmp_path / "run" / "not_finite" / "images.tif").shape[0] == 3  # half of the batch
    last = torch.load(tmp_path / "run" / "checkpoints" / "last.ckpt", weights_only=True)
    assert last["global_step"] == 2
    assert all(torch.isfinite(value).all() for value in last["state_dict"].values())


def test_a_rank_whose_memory_runs_out_ends_all_with_what_fits_and_auto_finds_it(
    settings: list[str], tmp_path: Path
) -> None:
    more = ["trainer=ddp", "model=unet", "data.steps_per_epoch=3"]
    little = RunsOutOfMemory(rank=1)
    ended = train(tmp_path / "said", 2, [*settings, *more, f"hydra.run.dir={tmp_path / 'run'}"], little)
    assert ended.status == [2, 2], ended.said
    cure = "set trainer.batch_size=1, or trainer.batch_size=auto"
    assert "error: memory ran out with 3 times a tile of 32x32" in ended.said[1]
    assert cure in ended.said[1]
    last = ended.said[0].splitlines()[-1]
    assert last.startswith("error: rank 1 (process ")
    assert cure in last
    auto = ["trainer.batch_size=auto", f"hydra.run.dir={tmp_path / 'auto'}"]
    found = train(tmp_path / "found", 2, [*settings, *more, *auto], little)
    assert found.status == [0, 0], found.said
    assert "1 tiles at a time, whose gradients add up to steps of 3" in found.said[0]


def test_two_runs_end_alike_whatever_launched_them_and_statistics_are_those_of_all(
    settings: list[str], tmp_path: Path
) -> None:
    for launcher in (torchrun, srun):
        folder = tmp_path / launcher.__name__
        folder.mkdir()
        more = ["trainer=ddp", "data.steps_per_epoch=3", f"hydra.run.dir={folder / 'run'}"]
        ended = train(folder / "said", 2, [*settings, *more], KeepsStatistics(folder), launcher)
        assert ended.status == [0, 0], ended.said
    one, other = (weights(tmp_path / name / "run") for name in ("torchrun", "srun"))
    assert all(torch.equal(one[name], other[name]) for name in one)
    first, second = (torch.load(tmp_path / "srun" / f"{rank}.pt", weights_only=True) for rank in (0, 1))
    assert any("running_var" in name for name in first)
    assert all(torch.equal(first[name], second[name]) for name in first)


@pytest.mark.slow
def test_a_rank_without_a_tile_to_validate_waits_for_the_others(settings: list[str], tmp_path: Path) -> None:
    more = ["trainer=ddp", "data.tile=[64,64]", "data.steps_per_epoch=1", f"hydra.run.dir={tmp_path / 'run'}"]
    ended = train(tmp_path / "said", 3, [*settings, *more])  # two frames of one tile each
    assert ended.status == [0] * 3, ended.said
    assert (
        np.sum(json.loads((tmp_path / "run" / "scores.json").read_text())["confusion_matrix"]) == 2 * 48 * 64
    )
    assert float(logged(tmp_path / "run")[0]["loss/validation"]) > 0


def test_data_that_cannot_be_used_end_all_with_the_reason(settings: list[str], tmp_path: Path) -> None:
    more = ["trainer=ddp", "data.classes=[background,dim]", f"hydra.run.dir={tmp_path / 'run'}"]
    ended = train(tmp_path / "said", 2, [*settings, *more])
    assert ended.status == [2, 2]
    for said in ended.said:
        assert "dish 0.tif, frame 0" in said.splitlines()[-1]
    assert ended.said[1].splitlines()[-1].startswith("error: rank 0 (process ")


@pytest.mark.parametrize(
    ("said", "arguments", "message"),
    [
        ({}, ["trainer=ddp"], "trainer=ddp was started as a single process, expected torchrun or srun"),
        ({}, ["trainer.devices=2"], "trainer.devices is 2, but this trainer is for one device"),
        (
            {"WORLD_SIZE": "2"},
            ["trainer=cpu"],
            "torchrun started 2 processes, but this trainer is for a single",
        ),
        (
            {"WORLD_SIZE": "3"},
            ["trainer=ddp", "data.batch_size=4"],
            "data.batch_size is 4, but 3 processes share each batch",
        ),
        (
            {"WORLD_SIZE": "2"},
            ["trainer=ddp", "trainer.devices=4"],
            "trainer.devices is 4, but torchrun started 2",
        ),
        (
            {"WORLD_SIZE": "2"},
            ["trainer=ddp", "trainer.sync_batchnorm=true"],
            "synchronises batch normalisation",
        ),
        (
            {"WORLD_SIZE": "2"},
            ["trainer=ddp", "--multirun", "seed=0,1"],
            "--multirun was given to 2 processes",
        ),
    ],
)
def test_what_does_not_belong_together_is_refused_in_one_line(
    said: dict[str, str],
    arguments: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    for name, value in ({"RANK": "0", "LOCAL_WORLD_SIZE": said["WORLD_SIZE"]} | said if said else {}).items():
        monkeypatch.setenv(name, value)
    assert main("train", [*arguments, f"hydra.run.dir={tmp_path}"]) == 2
    error = capfd.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def test_synchronised_batch_norm_keeps_weights_names_and_results() -> None:
    torch.manual_seed(0)
    net = ResNet34UNet(in_channels=1, classes=2, width=4)
    net(torch.rand(2, 1, 32, 32))
    net.eval()
    image, before = (
        torch.rand(1, 1, 32, 32),
        {name: value.clone() for name, value in net.state_dict().items()},
    )
    expected, parameters = net(image), {name for name, _ in net.named_parameters()}
    SyncedBatchNorm().apply(net)
    assert not any(isinstance(layer, nn.BatchNorm2d) for layer in net.modules())
    assert any(isinstance(layer, nn.SyncBatchNorm) for layer in net.modules())
    after = net.state_dict()
    assert list(after) == list(before)
    assert all(torch.equal(after[name], before[name]) for name in before)
    assert {name for name, _ in net.named_parameters()} == parameters
    torch.testing.assert_close(net(image), expected)


def typed(command: list[str], *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "torch.distributed.run", *command, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


@pytest.mark.slow
def test_the_torchrun_of_the_documentation_makes_one_folder_and_one_table(
    settings: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    page = (Path(__file__).parents[2] / "docs" / "devices.md").read_text(encoding="utf-8")
    launch, *command = next(line for line in page.splitlines() if line.startswith("torchrun")).split()
    done = typed(command, *settings, "data.steps_per_epoch=2")
    assert (launch, done.returncode) == ("torchrun", 0), done.stderr
    assert done.stdout.count("Test scores") == 1
    assert done.stderr.count("epoch   1/1") == 1
    assert {path.name for path in tmp_path.iterdir()} == {"outputs"}
    [run] = (tmp_path / "outputs" / "train").iterdir()
    assert (run / "finished.json").is_file()


@pytest.mark.slow
def test_torchrun_names_a_rank_that_ends(settings: list[str], tmp_path: Path) -> None:
    launch = ["--standalone", "--nproc-per-node=2", "-m", "hela_seg.train", "trainer=ddp"]
    done = typed(launch, *settings, "data.classes=[background,dim]", f"hydra.run.dir={tmp_path / 'run'}")
    assert done.returncode == 1
    assert "dish 0.tif, frame 0" in done.stderr
    assert "rank      : 0 (local_rank: 0)" in done.stderr.split("Root Cause")[1]


@pytest.mark.slow
def test_help_ends_in_every_process(tmp_path: Path) -> None:
    done = typed(["--standalone", "--nproc-per-node=2", "-m", "hela_seg.train", "--help"])
    assert done.returncode == 0, done.stderr
