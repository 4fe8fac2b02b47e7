"""What a run says while it lasts, and what is done for its net."""

from __future__ import annotations

import io
import logging
from types import SimpleNamespace
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import RichProgressBar
from pytorch_lightning.demos.boring_classes import BoringModel
from rich.console import Console
from rich.progress import Progress, TextColumn
from torch import nn
from torch.utils.data import DataLoader

from hela_seg.training.callbacks import EpochBar, EpochLine, PreciseBatchNorm


class Scripted(BoringModel):
    """Logs the validation losses it is given, one an epoch."""

    def __init__(self, losses: list[float]) -> None:
        super().__init__()
        self.losses = losses

    def training_step(self, batch: torch.Tensor, batch_idx: int) -> Any:
        self.log("loss/train", 1.0, on_step=False, on_epoch=True)
        return super().training_step(batch, batch_idx)

    def on_validation_epoch_end(self) -> None:
        self.log("loss/validation", self.losses[self.current_epoch])
        self.log("m-IoU/validation", 1 - self.losses[self.current_epoch])


def fit(losses: list[float], callback: pl.Callback | None = None, **settings: Any) -> None:
    trainer = pl.Trainer(
        accelerator="cpu",
        max_epochs=len(losses),
        limit_train_batches=1,
        limit_val_batches=1,
        num_sanity_val_steps=0,
        callbacks=[callback or EpochLine()],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        **settings,
    )
    trainer.fit(Scripted(losses))


def test_a_line_an_epoch_says_how_it_goes(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "hela_seg.training.callbacks"):
        fit([0.5, 0.25])
    lines = [record.getMessage() for record in caplog.records if record.name == "hela_seg.training.callbacks"]
    assert len(lines) == 2
    assert lines[1].startswith("epoch   2/2  loss 1.00000  validation loss 0.25000  m-IoU 0.7500")


def test_an_epoch_that_is_not_validated_has_no_figures_of_another(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "hela_seg.training.callbacks"):
        fit([0.5, 0.25, 0.1], check_val_every_n_epoch=2)
    lines = [record.getMessage() for record in caplog.records if record.name == "hela_seg.training.callbacks"]
    assert ["m-IoU" in line for line in lines] == [False, True, False]


def test_a_bar_reads_its_figures_every_so_often_and_not_at_each_step(monkeypatch: pytest.MonkeyPatch) -> None:
    read = []

    def figures(self: object, *_: object) -> dict[str, float]:
        read.append(1)
        return {"loss": float(len(read)), "v_num": 0}

    monkeypatch.setattr(RichProgressBar, "get_metrics", figures)
    seconds = iter([10.0, 10.1, 10.4, 10.6])
    monkeypatch.setattr("hela_seg.training.callbacks.time.perf_counter", lambda: next(seconds))
    bar: Any = EpochBar()
    assert [bar.get_metrics(None, None)["loss"] for _ in range(4)] == [1.0, 1.0, 1.0, 2.0]


def test_the_bar_fits_80_columns_and_tells_what_is_left_of_epoch_and_run(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    console, now = Console(width=80, file=io.StringIO()), [0.0]
    monkeypatch.setattr("hela_seg.training.callbacks.get_console", lambda: console)
    monkeypatch.setattr("hela_seg.training.callbacks.time.monotonic", lambda: now[0])
    trainer: Any = SimpleNamespace(
        max_epochs=100, current_epoch=4, global_step=4000, estimated_stepping_batches=100_000
    )
    bar: Any = EpochBar()
    bar.disable()  # this test draws the columns itself
    bar.on_train_start(trainer, None)
    figures = TextColumn("loss: 0.123 m-IoU: 0.812")
    columns = bar.configure_columns(trainer)
    progress = Progress(*columns, figures, console=console, get_time=lambda: now[0])
    bar.train_progress_bar_id = progress.add_task("Epoch", total=1000)
    for done in (50, 100, 150):  # 5 steps a second
        now[0] += 10.0
        trainer.global_step = 4000 + done
        progress.update(bar.train_progress_bar_id, completed=done)
    console.print(progress.get_renderable())
    (line,) = console.file.getvalue().splitlines()  # type: ignore[attr-defined]
    assert line.startswith("epoch 5/100 ")
    assert line.endswith(" 150/1000 2:50 left, run 5:19:30 loss: 0.123 m-IoU: 0.812")
    for shown, epoch in (("epoch 100/100 ", 99), ("epoch 100/100 ", 100)):  # Lightning counts on at the end
        trainer.current_epoch = epoch
        console.file = io.StringIO()
        console.print(progress.get_renderable())
        assert console.file.getvalue().startswith(shown)


class Normalised(pl.LightningModule):
    """Batch normalisation whose input moves on by 1 with every step."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(1)
        self.shift = nn.Parameter(torch.tensor(0.0))

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return self.norm(image + self.shift)

    def training_step(self, batch: dict[str, torch.Tensor], _: int) -> torch.Tensor:
        return self(batch["image"]).sum() * 0 - self.shift

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD([self.shift], lr=1.0)


@pytest.mark.parametrize("workers", [0, 2])
def test_statistics_are_those_of_the_last_weights(workers: int) -> None:
    generator = torch.Generator().manual_seed(0)
    samples = [{"image": torch.rand(1, 4, 4, generator=generator)} for _ in range(12)]
    loader = DataLoader(samples, 2, num_workers=workers, persistent_workers=workers > 0)  # type: ignore[arg-type]
    module = Normalised()
    trainer = pl.Trainer(
        accelerator="cpu",
        max_epochs=2,
        callbacks=[PreciseBatchNorm(batches=4)],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(module, loader)
    assert float(module.shift.detach()) == pytest.approx(12.0)
    seen = torch.stack([sample["image"] for sample in samples[:8]]).view(4, -1) + 12.0
    torch.testing.assert_close(module.norm.running_mean, seen.mean().view(1))
    torch.testing.assert_close(module.norm.running_var, seen.var(dim=1).mean().view(1))
    assert module.norm.momentum == 0.1
