"""The contract with Lightning's internals: each test fails where a version counts differently."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
from pytorch_lightning.demos.boring_classes import BoringModel

from hela_seg.system import lightning_loops

pytestmark = pytest.mark.filterwarnings("ignore:You're resuming from a checkpoint that ended before")


class Watch(pl.Callback):
    """Notes the counts at the start of each batch, and saves a checkpoint in some hook."""

    def __init__(self, path: Path | None = None) -> None:
        self.seen: list[tuple[int, int]] = []
        self.path = path

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        self.seen.append((lightning_loops.epochs_ended(trainer), lightning_loops.batches_begun(trainer)))
        if self.path is not None and (trainer.current_epoch, batch_idx) == (1, 2):
            trainer.save_checkpoint(self.path, weights_only=False)


def trainer_of(watch: pl.Callback, **settings: Any) -> pl.Trainer:
    quiet = {"enable_progress_bar": False, "enable_model_summary": False, "enable_checkpointing": False}
    chosen = {"max_epochs": 2, "limit_train_batches": 4, "limit_val_batches": 1} | settings
    return pl.Trainer(accelerator="cpu", logger=False, callbacks=[watch], **quiet, **chosen)


def saved(tmp_path: Path) -> dict[str, Any]:
    """A checkpoint of epoch 1 (counted from 0), as batch 2 is about to begin."""
    trainer_of(Watch(tmp_path / "a.ckpt")).fit(BoringModel())
    checkpoint: dict[str, Any] = torch.load(tmp_path / "a.ckpt", weights_only=True)
    return checkpoint


def test_epochs_and_batches_are_counted_from_the_trainer() -> None:
    watch = Watch()
    trainer_of(watch).fit(BoringModel())
    assert watch.seen == [(epoch, batch) for epoch in (0, 1) for batch in (1, 2, 3, 4)]


@pytest.mark.parametrize(("before", "now", "left"), [(1, 1, 2), (2, 1, 3)])
def test_a_run_continues_behind_the_batches_that_the_checkpoint_counts(
    before: int, now: int, left: int, tmp_path: Path
) -> None:
    """Of 4 batches 2 are done; where one batch now makes the step that two made, 1 is done."""
    checkpoint = saved(tmp_path)
    lightning_loops.count_between_steps(checkpoint, 2)
    lightning_loops.rescale_batches(checkpoint, before, now)
    torch.save(checkpoint, tmp_path / "b.ckpt")
    watch = Watch()
    trainer_of(watch).fit(BoringModel(), ckpt_path=tmp_path / "b.ckpt", weights_only=True)
    assert len(watch.seen) == left
    assert {epoch for epoch, _ in watch.seen} == {1}


def test_no_batches_stand_for_the_end_of_the_epoch_before(tmp_path: Path) -> None:
    checkpoint = saved(tmp_path)
    lightning_loops.count_between_steps(checkpoint, 0)
    loop = checkpoint["loops"]["fit_loop"]
    assert set(loop["epoch_progress"]["current"].values()) == {1}
    assert set(loop["epoch_loop.batch_progress"]["current"].values()) == {0}


class Plateau(BoringModel):
    """A plateau schedule that looks at a loss which never falls, and so lowers the rate after each epoch."""

    def on_validation_epoch_end(self) -> None:
        self.log("watched", 1.0)

    def configure_optimizers(self) -> Any:
        optimizer = torch.optim.SGD(self.parameters(), lr=1.0)
        schedule = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.5, patience=0)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "monitor": "watched"}}


class Continue(Watch):
    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        lightning_loops.continue_epoch_as_usual(trainer)


def test_the_epoch_in_which_a_run_resumes_moves_a_plateau_schedule(tmp_path: Path) -> None:
    """The first epoch sets the level; the second, resumed one halves the rate of 1."""
    trainer_of(Watch(tmp_path / "a.ckpt")).fit(Plateau())
    checkpoint = torch.load(tmp_path / "a.ckpt", weights_only=True)
    lightning_loops.count_between_steps(checkpoint, 2)
    torch.save(checkpoint, tmp_path / "a.ckpt")
    trainer = trainer_of(Continue())
    trainer.fit(Plateau(), ckpt_path=tmp_path / "a.ckpt", weights_only=True)
    assert trainer.optimizers[0].param_groups[0]["lr"] == 0.5


def test_the_hook_that_shares_sigterm_is_there_and_is_replaced() -> None:
    trainer = trainer_of(Watch())
    before = trainer.fit_loop.epoch_loop._broadcast_sigterm_tensor
    lightning_loops.do_not_share_sigterm(trainer)
    assert callable(before)
    assert trainer.fit_loop.epoch_loop._broadcast_sigterm_tensor() is None
    assert trainer.fit_loop.epoch_loop._broadcast_sigterm_tensor is not before
