"""How many steps a training of so many minutes has, and that it keeps to them and to its time."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
import pytorch_lightning as pl
import torch

from hela_seg.cli import main
from hela_seg.data.datamodule import TimelapseData
from hela_seg.models.unet import UNet
from hela_seg.runs.checkpoint import read_checkpoint
from hela_seg.system.errors import InputError
from hela_seg.training import plan
from hela_seg.training.losses import CrossEntropyLoss
from hela_seg.training.memory import MemoryTrial
from tests.conftest import SMALL_NET


def test_steps_fill_what_the_test_and_the_spare_time_leave():
    # 120 s less 10 s for the page are 110 s, of which 95 % are 104.5 s: 209 steps of half a second
    made = plan.plan(120, plan.Pace(0.5, 0.1), plan.Work(epoch_steps=20, settling=0, validation=0, test=0))
    assert (made.steps, made.epochs, made.every, made.seconds) == (209, 11, 1, pytest.approx(104.5))


def test_validation_passes_over_epochs_where_it_would_take_more_than_a_tenth_of_the_time():
    # an epoch of 10 s may be followed by 10 s / 9 of validation: of 5 s, every fifth epoch
    work = plan.Work(epoch_steps=20, settling=10, validation=40, test=25)
    made = plan.plan(120, plan.Pace(0.5, 0.1), work)
    assert made.every == 5
    # 10 s for the page and 2 * 25 * 0.1 s for the test; of the others 95 %, the last 5 s of them to validate
    assert made.steps == int(((120 - 15) * 0.95 - 5) / (10 + 5 / 5) * 20)


def test_too_few_minutes_are_refused_with_how_many_seconds_are_needed():
    with pytest.raises(InputError, match=r"leaves 8 s .* take about 11 s here: set more minutes"):
        plan.plan(8, plan.Pace(0.5, 0.1), plan.Work(20, 0, 0, 0))


def test_measuring_changes_neither_the_net_nor_what_is_drawn_later(cells: Path):
    data = TimelapseData("folder", cells, ["background", "dim", "bright"], tile=(32, 32), batch_size=2)
    data.prepare()
    net = UNet(1, 3, width=4, dropout=0.5)
    before, random = [weights.clone() for weights in net.parameters()], torch.random.get_rng_state()
    trial = MemoryTrial(net, CrossEntropyLoss(), torch.optim.Adam, (1, 32, 32), torch.device("cpu"))
    pace = plan.measure(trial, data, "32-true")
    assert 0 < pace.forward < pace.step
    assert all(torch.equal(a, b) for a, b in zip(before, net.parameters(), strict=True))
    assert torch.equal(random, torch.random.get_rng_state())


@pytest.fixture
def arguments(cells: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.setattr(plan, "PAGE_SECONDS", 0.0)
    settings = ["data=folder", f"data.root={cells}", "data.classes=[background,dim,bright]", *SMALL_NET]
    return [*settings, "model=unet", f"hydra.run.dir={tmp_path / 'run'}"]


def test_a_run_takes_the_steps_that_were_planned_and_keeps_them(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(plan, "measure", lambda *_: plan.Pace(1.0, 0.0))
    assert main("train", [*arguments, "minutes=0.2"]) == 0
    last = tmp_path / "run" / "checkpoints" / "last.ckpt"
    info, _ = read_checkpoint(last)
    assert info.config["minutes"] == 0.2
    steps = info.config["trainer"]["max_steps"]
    assert 6 <= steps <= 11  # 95 % of 12 s, less what starting took
    assert torch.load(last, weights_only=True)["global_step"] == steps
    assert main("train", [*arguments, "minutes=0.2", "resume=true"]) == 0  # which is finished
    assert torch.load(last, weights_only=True)["global_step"] == steps


def test_a_run_that_goes_on_keeps_the_steps_that_were_planned_when_it_began(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(plan, "measure", lambda *_: plan.Pace(1.0, 0.0))
    typed, epochs = [*arguments, "minutes=0.2", "trainer.max_epochs=1"], []

    def interrupt(_: object, trainer: pl.Trainer, task: object) -> None:
        epochs.append(trainer.max_epochs)
        if trainer.current_epoch == 2:
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("hela_seg.training.callbacks.EpochLine.on_train_epoch_start", interrupt)
        assert main("train", typed) == 130
    assert main("train", [*typed, "resume=true"]) == 0
    last = tmp_path / "run" / "checkpoints" / "last.ckpt"
    info, _ = read_checkpoint(last)
    planned = info.config["trainer"]
    assert planned["max_epochs"] == epochs[0] > 2
    assert torch.load(last, weights_only=True)["global_step"] == planned["max_steps"]


def test_a_run_ends_in_time_where_steps_are_slower_than_measured(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr(plan, "measure", lambda *_: plan.Pace(1e-5, 0.0))
    began = time.monotonic()
    assert main("train", [*arguments, "minutes=0.08"]) == 0
    assert time.monotonic() - began < 60
    said = capsys.readouterr()
    assert "the time is up after" in said.out + said.err
    assert (tmp_path / "run" / "scores.json").exists()
