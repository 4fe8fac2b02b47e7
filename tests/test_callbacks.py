"""What is kept of a run, and what it says while it lasts."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
from pytorch_lightning.demos.boring_classes import BoringModel
from torch import nn
from torch.utils.data import DataLoader

from hela_seg.callbacks import EpochLine, RunCheckpoint, SettledBatchNorm


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


def fit(folder: Path, losses: list[float], go_on_from: Path | None = None) -> None:
    callbacks: list[pl.Callback] = [
        RunCheckpoint(str(folder), "best", monitor="loss/validation", save_weights_only=True),
        RunCheckpoint(str(folder), "last"),
        EpochLine(),
    ]
    trainer = pl.Trainer(
        accelerator="cpu",
        max_epochs=len(losses),
        limit_train_batches=1,
        limit_val_batches=1,
        num_sanity_val_steps=0,
        callbacks=callbacks,
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(Scripted(losses), ckpt_path=go_on_from, weights_only=True)


def epoch_of(path: Path) -> int:
    return int(torch.load(path, weights_only=True)["epoch"])


@pytest.mark.parametrize(
    ("losses", "best"), [([3.0, 1.0, 2.0], 1), ([1.0, 2.0, 3.0], 0), ([3.0, 2.0, 1.0], 2)]
)
def test_the_best_and_the_last_are_kept_and_nothing_else(
    losses: list[float], best: int, tmp_path: Path
) -> None:
    fit(tmp_path, losses)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["best.ckpt", "last.ckpt"]
    assert (epoch_of(tmp_path / "best.ckpt"), epoch_of(tmp_path / "last.ckpt")) == (best, 2)


@pytest.mark.parametrize(("later", "best"), [([5.0, 5.0], 1), ([5.0, 0.5], 3)])
def test_a_run_that_goes_on_keeps_the_best_of_both_halves(
    later: list[float], best: int, tmp_path: Path
) -> None:
    former, latter = tmp_path / "former", tmp_path / "latter"
    fit(former, [3.0, 1.0])
    before = (former / "best.ckpt").read_bytes()
    fit(latter, [3.0, 1.0, *later], go_on_from=former / "last.ckpt")
    assert (epoch_of(latter / "best.ckpt"), epoch_of(latter / "last.ckpt")) == (best, 3)
    assert (former / "best.ckpt").read_bytes() == before
    assert epoch_of(former / "last.ckpt") == 1


def test_a_run_that_goes_on_without_the_former_best_keeps_one_of_its_own(tmp_path: Path) -> None:
    former, latter = tmp_path / "former", tmp_path / "latter"
    fit(former, [3.0, 1.0])
    (former / "best.ckpt").unlink()
    fit(latter, [3.0, 1.0, 5.0], go_on_from=former / "last.ckpt")
    assert epoch_of(latter / "best.ckpt") == 2


def test_a_line_an_epoch_says_how_it_goes(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "hela_seg.callbacks"):
        fit(tmp_path, [0.5, 0.25])
    lines = [record.getMessage() for record in caplog.records if record.name == "hela_seg.callbacks"]
    assert len(lines) == 2
    assert lines[1].startswith("epoch   2/2  loss 1.00000  validation loss 0.25000  m-IoU 0.7500")


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
def test_statistics_are_those_of_the_last_weights(workers: int, tmp_path: Path) -> None:
    generator = torch.Generator().manual_seed(0)
    samples = [{"image": torch.rand(1, 4, 4, generator=generator)} for _ in range(12)]
    loader = DataLoader(samples, 2, num_workers=workers, persistent_workers=workers > 0)  # type: ignore[arg-type]
    module = Normalised()
    trainer = pl.Trainer(
        accelerator="cpu",
        max_epochs=2,
        callbacks=[SettledBatchNorm(batches=4)],
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
