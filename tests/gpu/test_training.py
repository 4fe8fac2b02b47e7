"""Training runs on a GPU: repeatable, resumable, within its memory, and without waiting for it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
from conftest import SMALL_NET

from hela_seg.cli import main
from hela_seg.models.unet import UNet
from hela_seg.runs.checkpoint import read_checkpoint
from hela_seg.system.hardware import has_bfloat16
from hela_seg.training import assembly
from hela_seg.training.losses import DiceCrossEntropyLoss
from hela_seg.training.memory import MemoryTrial

SMALL = [entry for entry in SMALL_NET if not entry.startswith("trainer=")]
LONG = [
    "trainer.max_epochs=1",
    "data.steps_per_epoch=60",
    "logger=csv",
    "callbacks.loss_watch.every_steps=1000",
]
REPEATABLE = ["trainer.deterministic=true", "augment=microscopy", "model=unet", "scheduler=cosine"]


def arguments(cells: Path, folder: Path, trainer: list[str], *more: str) -> list[str]:
    data = ["data=folder", f"data.root={cells}", "data.classes=[background,dim,bright]"]
    return [*data, *SMALL, *trainer, "trainer.max_epochs=2", f"hydra.run.dir={folder}", *more]


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return read_checkpoint(folder / "checkpoints" / "last.ckpt")[1]


def same(first: Path, second: Path) -> bool:
    one, other = weights(first), weights(second)
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("loss", ["dice_ce", "focal", "focal_dice", "cross_entropy"])
def test_a_deterministic_run_gives_the_same_weights_twice(
    loss: str, cells: Path, tmp_path: Path, trainer: list[str]
) -> None:
    for name in ("a", "b"):
        assert main("train", arguments(cells, tmp_path / name, trainer, *REPEATABLE, f"loss={loss}")) == 0
    assert same(tmp_path / "a", tmp_path / "b")


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed", "16-mixed"])
def test_every_precision_trains_and_scores(
    precision: str, cells: Path, tmp_path: Path, trainer: list[str]
) -> None:
    if precision == "16-mixed" and trainer == ["trainer=cpu"]:
        pytest.skip("float16 is for GPUs")
    assert main("train", arguments(cells, tmp_path, trainer, f"trainer.precision={precision}")) == 0
    assert (tmp_path / "scores.json").exists()


def test_a_killed_run_goes_on_to_the_same_weights(cells: Path, tmp_path: Path, trainer: list[str]) -> None:
    long = [*REPEATABLE, "trainer.max_epochs=4", "data.steps_per_epoch=20", "callbacks.last.every_steps=3"]
    assert main("train", arguments(cells, tmp_path / "whole", trainer, *long)) == 0
    command = [sys.executable, "-m", "hela_seg.train", *arguments(cells, tmp_path / "cut", trainer, *long)]
    run = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    last = tmp_path / "cut" / "checkpoints" / "last.ckpt"
    while not last.exists() and run.poll() is None:
        time.sleep(0.05)
    os.kill(run.pid, signal.SIGKILL)
    assert run.wait() == -signal.SIGKILL
    assert main("train", [f"resume={tmp_path / 'cut'}"]) == 0
    assert same(tmp_path / "whole", tmp_path / "cut")


def test_the_number_of_tiles_that_a_trial_finds_is_what_really_fits(cuda: torch.device) -> None:
    _leave(cuda, 2 * 2**30)
    trial = MemoryTrial(UNet(width=16), DiceCrossEntropyLoss(), torch.optim.Adam, (3, 256, 256), cuda)
    tiles = trial.most(1024, "32-true")
    assert 1 <= tiles < 1024
    assert trial.fits(tiles, "32-true")
    assert not trial.fits(2 * tiles, "32-true")
    if has_bfloat16():
        assert trial.most(1024, "bf16-mixed") >= tiles


def test_auto_trains_where_the_whole_batch_does_not_fit(
    cells: Path, tmp_path: Path, cuda: torch.device, capfd: pytest.CaptureFixture[str], trainer: list[str]
) -> None:
    large = [
        "data.batch_size=512",
        "data.steps_per_epoch=1",
        "model=unet",
        "model.width=16",
        "data.workers=0",
    ]
    large += ["data.tile=[48,64]"]
    _leave(cuda, 2**29)
    assert main("train", arguments(cells, tmp_path / "whole", trainer, *large)) == 2
    error = capfd.readouterr().err.splitlines()[-1]
    assert error.startswith("error: memory ran out with 512 times a tile of 48x64")
    assert "trainer.batch_size=" in error
    assert main("train", arguments(cells, tmp_path / "auto", trainer, *large, "trainer.batch_size=auto")) == 0


def _leave(cuda: torch.device, size: int) -> None:
    """Let this process have so many bytes of the GPU, whatever its size."""
    total = torch.cuda.get_device_properties(cuda).total_memory
    torch.cuda.set_per_process_memory_fraction(min(1.0, size / total), cuda.index or 0)


class _Steps(pl.Callback):
    """Watches steps 10 to 40 of a run: in a trace, or for what waits for the GPU."""

    def __init__(self, trace: Any = None) -> None:
        self.trace = trace

    def on_train_batch_start(self, trainer: pl.Trainer, *_: Any) -> None:
        if trainer.global_step == 10:
            self.trace.start() if self.trace else torch.cuda.set_sync_debug_mode("warn")

    def on_train_batch_end(self, trainer: pl.Trainer, *_: Any) -> None:
        if trainer.global_step == 40:
            self.trace.stop() if self.trace else torch.cuda.set_sync_debug_mode("default")


def test_a_step_waits_for_nothing(
    cells: Path, tmp_path: Path, cuda: torch.device, trainer: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    _watched(monkeypatch, _Steps())
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert main("train", arguments(cells, tmp_path, trainer, *LONG)) == 0
    waits = [warning for warning in caught if "called a synchronizing" in str(warning.message)]
    assert [f"{warning.filename}:{warning.lineno}" for warning in waits] == []


def test_tiles_go_to_the_gpu_from_pinned_memory_while_it_computes(
    cells: Path, tmp_path: Path, cuda: torch.device, trainer: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    activities = [torch.profiler.ProfilerActivity.CPU, torch.profiler.ProfilerActivity.CUDA]
    trace = torch.profiler.profile(activities=activities)
    _watched(monkeypatch, _Steps(trace))
    assert main("train", arguments(cells, tmp_path, trainer, *LONG)) == 0
    copies = [event.name for event in trace.events() if "Memcpy HtoD" in event.name]
    pinned = [name for name in copies if "Pinned" in name]
    assert len(pinned) >= 2 * 29  # images and labels of each step
    assert len(copies) - len(pinned) <= 29  # nothing but a scalar of the optimiser's a step


def _watched(monkeypatch: pytest.MonkeyPatch, watch: pl.Callback) -> None:
    """Have runs call one callback more, last of all."""
    made = assembly.trainer_of

    def with_watch(*given: Any, **named: Any) -> pl.Trainer:
        trainer = made(*given, **named)
        trainer.callbacks.append(watch)
        return trainer

    monkeypatch.setattr(assembly, "trainer_of", with_watch)
