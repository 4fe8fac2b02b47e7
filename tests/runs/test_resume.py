"""A run that is killed goes on where its last checkpoint is, and ends like one that was left alone."""

from __future__ import annotations

import json
import logging
import math
import shutil
import signal
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from benchmarks import resume as killing
from conftest import SMALL_NET
from small_checkpoints import saved

from hela_seg.cli import main
from hela_seg.data.dataset import RandomTiles, Sample
from hela_seg.data.sampler import Draw
from hela_seg.runs import run_folder
from hela_seg.runs.checkpoint import read_checkpoint, read_content
from hela_seg.runs.resume import newest, starting_point
from hela_seg.system.errors import InputError
from hela_seg.training import outcome
from hela_seg.training.task import SegmentationTask


def train(folder: Path, *more: str) -> int:
    return main("train", [*more, f"hydra.run.dir={folder}"])


@pytest.fixture(scope="module")
def settings(cells: Path) -> list[str]:
    """A run of three epochs of four steps, with a checkpoint at every second one."""
    data = ["data=folder", f"data.root={cells}", "data.classes=[background,dim,bright]", *SMALL_NET]
    more = ["model=unet", "trainer.max_epochs=3", "callbacks.last.every_steps=2", "data.steps_per_epoch=4"]
    more += ["scheduler=constant"]  # a run that is made longer would have had other rates from its beginning
    return [*data, *more]


@pytest.fixture(scope="module")
def whole(settings: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of that run, undisturbed."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    assert train(folder, *settings) == 0
    return folder


@pytest.fixture(scope="module")
def interrupted_once(settings: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run that ended for no reason after ten of its twelve steps."""
    step, calls = SegmentationTask.training_step, iter(range(100))

    def fail_in_the_eleventh(self: SegmentationTask, batch: Any, batch_idx: int) -> torch.Tensor:
        if next(calls) == 10:
            raise KeyError("a fault")
        return step(self, batch, batch_idx)

    folder = tmp_path_factory.mktemp("interrupted") / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SegmentationTask, "training_step", fail_in_the_eleventh)
        assert train(folder, *settings) == 1
    return folder


@pytest.fixture
def interrupted(interrupted_once: Path, tmp_path: Path) -> Path:
    """A copy of that folder, for a test to go on with."""
    return shutil.copytree(interrupted_once, tmp_path / "run")


def steps_of(path: Path) -> int:
    return int(torch.load(path, weights_only=True)["global_step"])


@pytest.mark.slow
def test_killed_and_resumed_it_ends_like_one_left_alone(tmp_path: Path) -> None:
    given = (*killing.SETTINGS, f"data.root={tmp_path}/cells")
    assert killing.run(tmp_path / "whole", given) == 0
    folder = tmp_path / "killed"
    death = partial(killing.die_writing, 7)
    assert killing.run(folder, (*given, "data.workers=1"), death) == -signal.SIGKILL
    assert killing.run(folder, (*given, "data.workers=2", "resume=true")) == 0
    assert killing.differences(tmp_path / "whole", folder) == []
    assert not list(folder.rglob("*.part"))


@pytest.mark.slow
def test_killed_at_twenty_moments_and_resumed_it_ends_alike() -> None:
    assert killing.main(20, seed=0) == 0


def test_the_run_is_named_and_its_settings_are_its_own(whole: Path, interrupted: Path) -> None:
    assert steps_of(interrupted / "checkpoints" / "last.ckpt") == 10
    assert main("train", [f"resume={interrupted}"]) == 0
    assert killing.differences(whole, interrupted) == []


@pytest.mark.parametrize("tiles", [2, 1])
def test_samples_seen_are_not_read_again(
    tiles: int, interrupted: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, draws = RandomTiles.__getitem__, []

    def recorded(self: RandomTiles, draw: Draw) -> Sample:
        draws.append(draw)
        return read(self, draw)

    monkeypatch.setattr(RandomTiles, "__getitem__", recorded)
    monkeypatch.setattr(outcome, "write_report", lambda *_: None)  # it shows some training tiles
    assert main("train", [f"resume={interrupted}", f"trainer.batch_size={tiles}"]) == 0
    rest = [Draw(2, number) for number in range(4, 8)]
    again_for_batch_norm = [Draw(2, number) for number in range(8)]
    assert draws == rest + again_for_batch_norm
    assert steps_of(interrupted / "checkpoints" / "last.ckpt") == 12


def test_a_checkpoint_cut_short_is_left_aside_for_the_one_before(
    whole: Path, interrupted: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    last = interrupted / "checkpoints" / "last.ckpt"
    last.write_bytes(last.read_bytes()[:-1000])
    assert main("train", [f"resume={interrupted}"]) == 0
    assert "last.ckpt is cut short or damaged and left aside" in capfd.readouterr().err
    assert killing.differences(whole, interrupted) == []


def test_a_finished_run_is_not_trained_again(whole: Path, capfd: pytest.CaptureFixture[str]) -> None:
    before = {path: path.stat().st_mtime_ns for path in (whole / "checkpoints").iterdir()}
    assert main("train", [f"resume={whole}"]) == 0
    assert capfd.readouterr().err == f"{whole} is finished\n"
    assert before == {path: path.stat().st_mtime_ns for path in (whole / "checkpoints").iterdir()}
    assert json.loads((whole / "finished.json").read_text())["checkpoint"] == "checkpoints/best.ckpt"


def test_a_finished_run_is_not_said_to_have_other_settings(
    whole: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main("train", [f"resume={whole}", "model.width=8"]) == 2
    assert "model.width is 8, but this run began with 4" in capfd.readouterr().err


def test_a_finished_run_that_is_to_be_shorter_is_refused_and_stays_finished(
    whole: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    before = (whole / "finished.json").read_text()
    assert main("train", [f"resume={whole}", "trainer.max_epochs=2"]) == 2
    assert "trainer.max_epochs is 2, but" in capfd.readouterr().err
    assert (whole / "finished.json").read_text() == before


def test_a_finished_run_can_be_made_longer(
    whole: Path, settings: list[str], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(whole, tmp_path / "run")
    assert main("train", [f"resume={tmp_path / 'run'}", "trainer.max_epochs=4"]) == 0
    assert "epoch   4/4" in capfd.readouterr().err
    assert train(tmp_path / "at once", *settings, "trainer.max_epochs=4") == 0
    assert killing.differences(tmp_path / "at once", tmp_path / "run") == []


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ("optimizer.lr=0.5", "optimizer.lr is 0.5, but this run began with 0.006"),
        ("model.width=8", "model.width is 8, but this run began with 4"),
        ("model=resnet34_unet", "model._target_ is"),
    ],
)
def test_other_settings_are_refused(
    changed: str, said: str, interrupted: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main("train", [f"resume={interrupted}", changed]) == 2
    error = capfd.readouterr().err
    assert said in error
    assert error.count("\n") == 1
    assert steps_of(interrupted / "checkpoints" / "last.ckpt") == 10


def test_settings_that_were_refused_are_not_those_of_the_run(
    interrupted: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    before = {path: path.read_bytes() for path in interrupted.rglob("*") if path.is_file()}
    for refused in ("resume", "hydra.run.dir"):
        others = [f"{refused}={interrupted}", "model=resnet34_unet", "trainer.max_epochs=9"]
        assert main("train", others) == 2
        assert "error" in capfd.readouterr().err
    assert {path: path.read_bytes() for path in before} == before


def test_where_there_is_nothing_to_go_on_with_training_begins(settings: list[str], tmp_path: Path) -> None:
    assert train(tmp_path / "run", *settings, "trainer.max_epochs=1", "resume=true") == 0
    assert steps_of(tmp_path / "run" / "checkpoints" / "last.ckpt") == 4


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["resume=nowhere"], "nowhere holds no run to go on with"),
        (["resume=nowhere", "--multirun", "seed=0,1"], "nowhere holds no sweep to go on with"),
        (["resume=true"], "does not say which run"),
    ],
)
def test_what_cannot_be_gone_on_with_is_refused(
    arguments: list[str], said: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main("train", arguments) == 2
    assert said in capfd.readouterr().err


def test_the_newest_is_the_one_with_most_steps_whatever_its_age_and_name(tmp_path: Path) -> None:
    for name, steps in (("previous.ckpt", 3), ("next.ckpt", 2), ("last.ckpt", 1)):
        saved(tmp_path / name, global_step=steps)
    assert newest(tmp_path) == tmp_path / "previous.ckpt"


def test_a_single_wrong_byte_is_found(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    last = saved(tmp_path / "last.ckpt", global_step=2, padding=torch.zeros(1000))
    saved(tmp_path / "previous.ckpt", global_step=1)
    content = bytearray(last.read_bytes())
    content[len(content) // 2] ^= 1
    last.write_bytes(content)
    with caplog.at_level(logging.WARNING):
        assert newest(tmp_path) == tmp_path / "previous.ckpt"
    assert "last.ckpt is cut short or damaged" in caplog.text


def test_whatever_byte_is_wrong_it_is_left_aside_or_makes_no_difference(tmp_path: Path) -> None:
    saved(tmp_path / "previous.ckpt", global_step=1)
    whole = saved(tmp_path / "last.ckpt", global_step=2).read_bytes()
    directory = whole.index(b"PK\x01\x02")  # of the file's parts; what stands before it has checksums
    for place in range(directory, len(whole)):
        for bit in (0, 3, 5, 7):
            content = bytearray(whole)
            content[place] ^= 1 << bit
            (tmp_path / "last.ckpt").write_bytes(content)
            assert newest(tmp_path) in {tmp_path / "previous.ckpt", tmp_path / "last.ckpt"}


def test_without_one_whole_checkpoint_it_says_so(tmp_path: Path) -> None:
    (tmp_path / "last.ckpt").write_bytes(b"PK")
    with pytest.raises(InputError, match="no whole checkpoint"):
        newest(tmp_path)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ("model.width=8", "holds weights of model=unet with width=4"),
        ("model=resnet34_unet", "holds weights of model=unet"),
        ("data.classes=[background,{name: cell, values: [1, 2]}]", "classes=3, expected those of this run's"),
        ("optimizer=sgd", "holds the state of torch.optim.Adam, but optimizer is torch.optim.SGD"),
        ("data.classes=[background,bright,dim]", "was trained with the classes background, dim, bright, but"),
        ("trainer.max_epochs=3", "has 3 epochs behind it, which count: choose more"),
        ("trainer.max_steps=12", "has 12 steps behind it, which count: choose more"),
    ],
)
def test_a_checkpoint_that_another_run_cannot_start_from_is_refused(
    changed: str,
    said: str,
    whole: Path,
    settings: list[str],
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    start = f"ckpt_path={whole / 'checkpoints' / 'last.ckpt'}"
    assert train(tmp_path / "run", *settings, start, "trainer.max_epochs=4", changed) == 2
    (error,) = [line for line in capfd.readouterr().err.splitlines() if line.startswith("error: ")]
    assert said in error


def test_a_run_is_not_made_shorter_than_it_is(interrupted: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main("train", [f"resume={interrupted}", "trainer.max_epochs=1"]) == 2
    assert "trainer.max_epochs is 1, but" in capfd.readouterr().err


def test_a_run_that_starts_from_another_has_its_own_settings_of_the_optimiser(
    whole: Path, settings: list[str], tmp_path: Path
) -> None:
    start = whole / "checkpoints" / "last.ckpt"
    own = [setting for setting in settings if setting != "scheduler=constant"]
    more = ["scheduler=cosine", "trainer.max_epochs=4", "optimizer.lr=0.0", f"ckpt_path={start}"]
    assert train(tmp_path / "run", *own, *more) == 0
    before, after = (
        read_checkpoint(path)[1] for path in (start, tmp_path / "run" / "checkpoints" / "last.ckpt")
    )
    learned = [name for name in before if "running" not in name and "batches" not in name]
    assert all(torch.equal(before[name], after[name]) for name in learned)


def test_a_run_that_starts_from_another_has_its_own_schedule(settings: list[str], tmp_path: Path) -> None:
    own = [setting for setting in settings if setting != "scheduler=constant"]
    first = [*own, "trainer.max_epochs=1", "scheduler=cosine"]  # which has come to a rate of 0
    assert train(tmp_path / "first", *first) == 0
    start = f"ckpt_path={tmp_path / 'first' / 'checkpoints' / 'last.ckpt'}"
    rates = {}
    for name in ("polynomial", "cosine"):
        assert train(tmp_path / name, *own, f"scheduler={name}", start, "trainer.max_epochs=3") == 0
        content = read_content(tmp_path / name / "checkpoints" / "previous.ckpt")  # of 5 steps of the 6
        rates[name] = content["optimizer_states"][0]["param_groups"][0]["lr"]
    fallen = (5 / 6 - 0.05) / 0.95
    cosine = 6e-3 * (1 + math.cos(math.pi * fallen)) / 2
    assert rates == pytest.approx({"polynomial": 6e-3 / 6**0.9, "cosine": cosine})


def test_a_run_that_started_from_another_goes_on_with_its_own_checkpoint(tmp_path: Path) -> None:
    (tmp_path / "checkpoints").mkdir()
    saved(tmp_path / "checkpoints" / "last.ckpt", global_step=1)
    own = starting_point(tmp_path, resume=True, ckpt_path="elsewhere.ckpt")
    assert own == tmp_path / "checkpoints" / "last.ckpt"
    with pytest.raises(InputError, match="is there from an earlier run"):
        starting_point(tmp_path, resume=False, ckpt_path="elsewhere.ckpt")


def test_a_run_from_another_that_died_before_its_first_checkpoint_starts_from_it_again(
    whole: Path, settings: list[str], tmp_path: Path
) -> None:
    start = whole / "checkpoints" / "last.ckpt"
    more = ["trainer.max_epochs=4", f"ckpt_path={start}", "resume=true", "data.seed=7"]
    assert train(tmp_path / "run", *settings, *more) == 0
    assert read_content(tmp_path / "run" / "checkpoints" / "last.ckpt")["epoch"] == 4


@pytest.mark.parametrize("left", run_folder.RESUMABLE)
def test_a_death_between_two_moves_loses_nothing(left: str, tmp_path: Path) -> None:
    (tmp_path / "checkpoints").mkdir()
    saved(tmp_path / "checkpoints" / left, global_step=1)
    assert starting_point(tmp_path, resume=True, ckpt_path=None) == tmp_path / "checkpoints" / left
