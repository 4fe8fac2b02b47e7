"""One task trains any net, and what it logs and saves is what happened."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import pytorch_lightning as pl
import torch
from small_checkpoints import INFO
from torch import Tensor, nn
from torch.utils.data import DataLoader

from hela_seg.data.datamodule import TimelapseData
from hela_seg.data.dataset import Sample
from hela_seg.runs.checkpoint import read_checkpoint
from hela_seg.scores.confusion import scores_of
from hela_seg.scores.metrics import confusion_matrix
from hela_seg.system.errors import InputError
from hela_seg.training.losses import CrossEntropyLoss
from hela_seg.training.task import Schedule, SegmentationTask


class Threshold(nn.Module):
    """Class 1 where the grey value is above a learnt one."""

    def __init__(self) -> None:
        super().__init__()
        self.level = nn.Parameter(torch.tensor(0.8))

    def forward(self, image: Tensor) -> Tensor:
        return torch.cat([self.level - image, image - self.level], dim=1)


def batches(count: int = 3) -> DataLoader[Sample]:
    random = torch.Generator().manual_seed(0)
    images = [torch.rand(1, 8, 8, generator=random) for _ in range(2 * count)]
    samples = [
        Sample(image=image, label=(image[0] > 0.5).long(), origin=torch.zeros(4, dtype=torch.int64))
        for image in images
    ]
    return DataLoader(samples, batch_size=2)  # type: ignore[arg-type]


def fitted(
    tmp_path: Path, schedule: Schedule | None = None, epochs: int = 2
) -> tuple[pl.Trainer, SegmentationTask]:
    task = SegmentationTask(
        Threshold(),
        CrossEntropyLoss(),
        lambda parameters: torch.optim.SGD(parameters, lr=0.5),
        INFO,
        schedule,
    )
    trainer = pl.Trainer(
        accelerator="cpu",
        max_epochs=epochs,
        logger=pl.loggers.CSVLogger(tmp_path, "", ""),
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        log_every_n_steps=1,
        enable_checkpointing=False,
    )
    trainer.fit(task, batches(), batches())
    return trainer, task


def test_training_moves_the_net_towards_the_labels(tmp_path: Path) -> None:
    _, task = fitted(tmp_path, epochs=6)
    assert 0.4 < float(task.net.level.detach()) < 0.6


def test_logged_scores_are_those_of_the_pooled_pixels(tmp_path: Path) -> None:
    trainer, task = fitted(tmp_path)
    matrix = torch.zeros(2, 2, dtype=torch.int64)
    for batch in batches():
        matrix += confusion_matrix(task(batch["image"]).argmax(dim=1), batch["label"], 2)
    assert matrix.sum() == 6 * 64
    expected = scores_of(matrix)
    logged = {name: float(value) for name, value in trainer.callback_metrics.items()}
    assert logged["m-IoU/validation"] == pytest.approx(expected.mean_iou)
    assert logged["Dice/validation"] == pytest.approx(expected.mean_dice)
    assert logged["IoU cell/validation"] == pytest.approx(expected.iou[1])
    with (tmp_path / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert float(rows[-1]["m-IoU/validation"] or rows[-2]["m-IoU/validation"]) == pytest.approx(
        expected.mean_iou
    )


def test_counts_start_anew_each_epoch(tmp_path: Path) -> None:
    _, task = fitted(tmp_path)
    assert int(task.train_counts.matrix.sum()) == int(task.validation_counts.matrix.sum()) == 0


def test_a_checkpoint_holds_plain_values_and_the_weights(tmp_path: Path) -> None:
    trainer, task = fitted(tmp_path)
    trainer.save_checkpoint(tmp_path / "a.ckpt")
    info, weights = read_checkpoint(tmp_path / "a.ckpt")
    assert info == INFO
    json.dumps(info.to_plain())
    assert weights.keys() == {"level"}
    assert torch.equal(weights["level"], task.net.level.detach())


def test_what_is_random_in_a_step_follows_from_seed_epoch_and_step() -> None:
    def drawn(seed: int, epoch: int, step: int) -> float:
        torch.rand(step + 7)  # whatever was drawn before
        task = SegmentationTask(Threshold(), CrossEntropyLoss(), torch.optim.SGD, INFO, seed=seed)
        task.trainer = SimpleNamespace(current_epoch=epoch, global_rank=0)  # type: ignore[assignment]
        task.on_train_batch_start(next(iter(batches())), step)
        return float(torch.rand(1))

    places = [(0, 0, 0), (0, 0, 1), (0, 1, 0), (1, 0, 0)]
    assert [drawn(*place) for place in places] == [drawn(*place) for place in places]
    assert len({drawn(*place) for place in places}) == 4


def test_schedules_move_by_epoch_step_or_plateau(tmp_path: Path) -> None:
    def halve(optimizer: torch.optim.Optimizer) -> torch.optim.lr_scheduler.StepLR:
        return torch.optim.lr_scheduler.StepLR(optimizer, 1, 0.5)

    def patient(optimizer: torch.optim.Optimizer) -> torch.optim.lr_scheduler.ReduceLROnPlateau:
        return torch.optim.lr_scheduler.ReduceLROnPlateau(
            optimizer, factor=0.5, patience=0, threshold=1e9, threshold_mode="abs"
        )

    rates = {}
    for name, schedule in {
        "constant": Schedule(),
        "epoch": Schedule(halve),
        "step": Schedule(halve, "step"),
        "plateau": Schedule(patient, monitor="loss/validation"),
    }.items():
        trainer, _ = fitted(tmp_path / name, schedule)
        rates[name] = trainer.optimizers[0].param_groups[0]["lr"]
    assert rates == {"constant": 0.5, "epoch": 0.125, "step": 0.5**7, "plateau": 0.25}


def line(progress: float) -> float:
    return 1 - progress


@pytest.mark.parametrize(
    ("limits", "steps"),
    [
        ({"max_epochs": 1}, 3),
        ({"max_epochs": 2}, 6),
        ({"max_epochs": -1, "max_steps": 4}, 4),
        ({"max_epochs": 5, "max_steps": 4}, 4),
        ({"max_epochs": 2, "accumulate_grad_batches": 2}, 4),
    ],
)
def test_a_decay_covers_all_steps_there_are(limits: dict[str, int], steps: int) -> None:
    rates: list[float] = []

    class Rates(pl.Callback):
        def on_before_optimizer_step(self, trainer: pl.Trainer, *_: object) -> None:
            rates.append(trainer.optimizers[0].param_groups[0]["lr"])

    task = SegmentationTask(
        Threshold(),
        CrossEntropyLoss(),
        lambda parameters: torch.optim.SGD(parameters, lr=0.5),
        INFO,
        Schedule(decay=line),
    )
    trainer = pl.Trainer(
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        callbacks=[Rates()],
        enable_progress_bar=False,
        enable_model_summary=False,
        **limits,  # type: ignore[arg-type]
    )
    trainer.fit(task, batches(), batches())
    assert len(rates) == steps
    assert rates == pytest.approx([0.5 * (1 - step / steps) for step in range(steps)])


def test_a_decay_needs_an_end(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"trainer\.max_epochs and trainer\.max_steps are both -1"):
        fitted(tmp_path, Schedule(decay=line), epochs=-1)
    with pytest.raises(InputError, match="both build and decay"):
        Schedule(build=line, decay=line)


def test_the_net_is_given_images_channels_last() -> None:
    seen: list[bool] = []

    class Looker(nn.Module):
        def forward(self, image: Tensor) -> Tensor:
            seen.append(image.is_contiguous(memory_format=torch.channels_last))
            return image

    task = SegmentationTask(Looker(), CrossEntropyLoss(), torch.optim.SGD, INFO)
    image = torch.rand(2, 3, 8, 8)
    np.testing.assert_array_equal(task(image), image)
    assert seen == [True]


def test_without_a_word_of_the_net_the_trainers_data_are_asked() -> None:
    task = SegmentationTask(Threshold())
    quiet = {"logger": False, "enable_checkpointing": False, "enable_model_summary": False}
    trainer = pl.Trainer(accelerator="cpu", max_epochs=1, **quiet)
    with pytest.raises(InputError, match="the trainer's data are NoneType, expected TimelapseData"):
        trainer.fit(task, batches(), batches())


def test_a_net_that_nobody_knows_how_to_make_is_trained_with_a_warning(
    cells: Path, caplog: pytest.LogCaptureFixture
) -> None:
    classes = ["background", "dim", "bright"]
    data = TimelapseData("folder", cells, classes=classes, tile=(16, 16), steps_per_epoch=1)
    quiet = {"enable_progress_bar": False, "enable_model_summary": False, "enable_checkpointing": False}
    trainer = pl.Trainer(accelerator="cpu", max_steps=1, logger=False, limit_val_batches=0, **quiet)
    net = nn.Conv2d(1, 3, 3, padding=1)
    before = net.weight.detach().clone()
    trainer.fit(task := SegmentationTask(net), data)
    assert "hela_seg.models.make" in caplog.text
    assert [entry["name"] for entry in task.info.classes] == classes
    assert (task.info.channels, task.info.net, task.info.config["data"]["tile"]) == (1, {}, [16, 16])
    # Adam's first step is the learning rate
    moved = float((net.weight.detach() - before).abs().max())
    assert moved == pytest.approx(1e-3, rel=0.01)
