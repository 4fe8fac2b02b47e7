"""Training that goes wrong says so, once, and what to do."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import tifffile
import torch
from conftest import SMALL_NET

from hela_seg.cli import main
from hela_seg.training import watch
from hela_seg.training.task import SegmentationTask
from hela_seg.training.watch import LoaderWatch, NonFiniteLossGuard, ScoreWatch


def train(cells: Path, folder: Path, *more: str) -> int:
    data = ["data=folder", f"data.root={cells}", "data.classes=[background,dim,bright]", "augment=none"]
    return main("train", [*data, *SMALL_NET, "trainer.max_epochs=2", f"hydra.run.dir={folder}", *more])


def break_loss(monkeypatch: pytest.MonkeyPatch, steps: list[int], value: float) -> list[torch.Tensor]:
    """Make the loss of some training steps infinite or NaN; the images of these steps are returned."""
    step, count, images = SegmentationTask.training_step, iter(range(1000)), []

    def broken(self: SegmentationTask, batch: Any, batch_idx: int) -> torch.Tensor:
        loss = step(self, batch, batch_idx)
        if next(count) not in steps:
            return loss
        images.append(batch["image"].clone())
        return loss * value

    monkeypatch.setattr(SegmentationTask, "training_step", broken)
    return images


def test_a_loss_that_is_no_number_ends_training_with_its_tiles_on_disk(
    cells: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    images = break_loss(monkeypatch, [3], float("nan"))
    assert train(cells, tmp_path) == 2
    error = capfd.readouterr().err
    assert "error: the loss is no finite number in epoch 2, batch 2 of training" in error
    assert "lower optimizer.lr" in error
    seen = tifffile.imread(tmp_path / "not_finite" / "images.tif")
    np.testing.assert_array_equal(seen.reshape(images[0].shape), images[0])
    assert tifffile.imread(tmp_path / "not_finite" / "labels.tif").shape == (2, 32, 32)
    assert torch.load(tmp_path / "checkpoints" / "last.ckpt", weights_only=True)["global_step"] == 2


def fake_trainer(**more: Any) -> Any:
    facts = {"is_last_batch": False, "validating": False, "sanity_checking": False}
    return SimpleNamespace(**(facts | {"global_step": 0, "max_steps": -1} | more))


@pytest.mark.parametrize("value", [torch.nan, torch.inf])
def test_on_a_gpu_the_loss_is_looked_at_every_so_often(value: float, monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[int] = []
    monkeypatch.setattr(NonFiniteLossGuard, "_check", lambda self, _: looks.append(int(self._first_bad)))
    watched, module = NonFiniteLossGuard("", every_steps=4), SimpleNamespace(device=torch.device("cuda"))
    losses = torch.ones(10)
    losses[[5, 6]] = value
    for index, loss in enumerate(losses):
        watched.on_train_batch_end(fake_trainer(), module, {"loss": loss}, None, index)  # type: ignore[arg-type]
    assert looks == [-1, 5]
    last_step = fake_trainer(global_step=11, max_steps=11)
    watched.on_train_batch_end(last_step, module, {"loss": losses[0]}, None, 10)  # type: ignore[arg-type]
    assert len(looks) == 3


def test_a_slow_loader_is_reported_once_with_the_cure(
    cells: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(watch, "cores", lambda: 6)
    monkeypatch.setattr(LoaderWatch, "LEAST_SECONDS", 0.0)
    steps = "data.steps_per_epoch=8"
    assert train(cells, tmp_path / "a", steps, "callbacks.loader_watch.share=0.001") == 0
    said = capfd.readouterr().err
    assert said.count("of the time the net waits for tiles: set data.workers=5 (now 0, with 6 cores)") == 1
    assert train(cells, tmp_path / "b", steps, "callbacks.loader_watch.share=0.999") == 0
    assert "waits for tiles" not in capfd.readouterr().err


def test_waiting_is_the_time_between_steps(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    now = iter(range(10_000))  # each look at the clock takes a second
    monkeypatch.setattr(watch.time, "perf_counter", lambda: float(next(now)))
    loader = SimpleNamespace(num_workers=1000)
    watched = LoaderWatch(share=0.4, warm_up=2)
    for index in range(9):
        trainer = fake_trainer(train_dataloader=loader)
        trainer.is_last_batch = index == 8
        watched.on_train_batch_start(trainer, None, None, index)  # type: ignore[arg-type]
        watched.on_train_batch_end(trainer, None, None, None, index)  # type: ignore[arg-type]
    assert "warning: 46 % of the time the net waits for tiles: 1000 workers" in caplog.text  # 6 of 13 seconds


def test_a_run_that_goes_on_within_an_epoch_has_not_waited_before(caplog: pytest.LogCaptureFixture) -> None:
    watched, trainer = LoaderWatch(warm_up=2), fake_trainer(train_dataloader=SimpleNamespace(num_workers=0))
    for index in range(20, 26):
        trainer.is_last_batch = index == 25
        watched.on_train_batch_start(trainer, None, None, index)  # type: ignore[arg-type]
        watched.on_train_batch_end(trainer, None, None, None, index)  # type: ignore[arg-type]
    assert not caplog.text


SETTINGS = {"loss": {"_target_": "hela_seg.training.losses.FocalLoss"}}


def validated(watched: ScoreWatch, matrix: list[list[int]]) -> None:
    classes = [SimpleNamespace(name=name) for name in ("background", "cell", "border")]
    counts = SimpleNamespace(compute=lambda: torch.tensor(matrix))
    trainer = fake_trainer(datamodule=SimpleNamespace(classes=classes))
    task = SimpleNamespace(validation_counts=counts, info=SimpleNamespace(config=SETTINGS))
    watched.on_validation_epoch_end(trainer, task)  # type: ignore[arg-type]


NOTHING_LEARNT = [[60, 0, 0], [20, 0, 0], [20, 0, 0]]  # m-IoU is 0.6 / 3
ALMOST_NOTHING = [[60, 0, 0], [20, 0, 0], [19, 0, 1]]
LEARNT = [[55, 5, 0], [5, 15, 0], [0, 0, 20]]


@pytest.mark.parametrize(
    ("matrices", "said"),
    [
        ([NOTHING_LEARNT] * 2, 0),
        ([NOTHING_LEARNT] * 3, 1),
        ([NOTHING_LEARNT] * 9, 1),
        ([NOTHING_LEARNT, NOTHING_LEARNT, LEARNT, NOTHING_LEARNT, NOTHING_LEARNT], 0),
        ([LEARNT] * 5, 0),
        ([ALMOST_NOTHING] * 3, 0),
        ([[[60, 0], [0, 0]]] * 4, 0),
    ],
)
def test_a_score_of_one_class_everywhere_is_pointed_out(
    matrices: list[list[list[int]]], said: int, caplog: pytest.LogCaptureFixture
) -> None:
    watched = ScoreWatch(epochs=3)
    for index, matrix in enumerate(matrices):
        if index == 1:  # a run that goes on counts on
            state, watched = watched.state_dict(), ScoreWatch(epochs=3)
            watched.load_state_dict(state)
        validated(watched, matrix)
    told = [record.getMessage() for record in caplog.records]
    assert len(told) == said
    if told:
        assert "m-IoU is 0.200, and calling every pixel 'background' gives 0.200" in told[0]
        assert "try, in this order, loss=dice_ce, " in told[0]


@pytest.mark.parametrize(("test_blocks", "said"), [([], 1), (["one"], 0)])
def test_without_test_frames_the_classes_that_were_not_learned_are_named_after_validation(
    test_blocks: list[str], said: int, caplog: pytest.LogCaptureFixture
) -> None:
    watched = ScoreWatch()
    validated(watched, [[60, 0, 0], [5, 15, 0], [20, 0, 0]])
    classes = SimpleNamespace(names=["background", "cell", "border"])
    data = SimpleNamespace(classes=classes, blocks_of=lambda part: test_blocks)
    task = SimpleNamespace(info=SimpleNamespace(config=SETTINGS))
    watched.on_train_end(fake_trainer(datamodule=data, is_global_zero=True), task)  # type: ignore[arg-type]
    told = [record.getMessage() for record in caplog.records]
    assert len(told) == said
    assert all("class 'border' is not learned, its IoU on the validation tiles is 0.0000" in t for t in told)
