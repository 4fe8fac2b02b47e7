"""The checkpoints that a run writes: the best weights, and the last state, from which it resumes."""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from lightning_fabric.plugins import TorchCheckpointIO
from pytorch_lightning.callbacks import ModelCheckpoint
from torch.optim.lr_scheduler import LambdaLR

from hela_seg.runs import logs, run_folder
from hela_seg.runs.checkpoint import PROGRESS_KEY, rotate_checkpoints, save_whole
from hela_seg.system import distributed, lightning_loops
from hela_seg.system.files import whole_file


class AtomicCheckpointIO(TorchCheckpointIO):
    """Writes a checkpoint under a temporary name, and renames it once all of it is on the disk."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        """Write a checkpoint.

        Raises:
            InputError: the disk is full or the folder cannot be written; the file is then as it was before.
        """
        save_whole(Path(path), checkpoint)


class BestCheckpoint(ModelCheckpoint):
    """Keeps the weights with the best score, as ``best.ckpt``.

    A run that goes on from another one's checkpoint brings the best so far along into its own folder, so that
    the best of all epochs is kept, not only of those since.

    Args:
        folder: where the checkpoint lies.
        monitor: logged name of the score.
        mode: ``min`` or ``max``, which score is the better one.
    """

    def __init__(self, folder: str, monitor: str, mode: str = "min") -> None:
        super().__init__(
            dirpath=folder,
            filename=Path(run_folder.BEST_CHECKPOINT).stem,
            monitor=monitor,
            mode=mode,
            save_weights_only=True,
            enable_version_counter=False,
        )

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue with the best checkpoint that this or another run kept; without one, if it is gone.

        The record names the folder in which it was written, from where the run may since have been moved.
        """
        former = Path(state_dict["best_model_path"])
        mine = Path(str(self.dirpath)) / former.name
        moved = distributed.broadcast_from_rank_zero(mine.is_file())
        if not moved and not former.is_file():
            return
        if not moved and distributed.is_rank_zero():
            with whole_file(mine) as beside:
                shutil.copyfile(former, beside)
        record = {"dirpath": self.dirpath, "best_model_path": str(mine), "kth_best_model_path": str(mine)}
        kept = {str(mine): score for score in state_dict["best_k_models"].values()}
        super().load_state_dict(state_dict | record | {"best_k_models": kept})


class LastCheckpoint(pl.Callback):
    """Keeps the state from which a run resumes, as ``last.ckpt``, and the one before as ``previous.ckpt``.

    Written when an epoch has ended and, in long epochs, also within one. A run that resumes from it ends with
    the weights of a run that was never interrupted, bit by bit on the same CPU with as many threads.

    It stands first among the callbacks, so that it saves the state between two steps: the step before is
    complete and logged, and the next has not begun.

    Args:
        folder: where the checkpoints lie.
        every_minutes: time between two of them within an epoch; None for none within.
        every_steps: steps of the optimiser between two of them, in place of a time.
    """

    def __init__(
        self, folder: str, every_minutes: float | None = 10.0, every_steps: int | None = None
    ) -> None:
        self._folder = Path(folder)
        self._seconds = None if every_minutes is None else 60 * every_minutes
        self._steps = every_steps
        self._saved_step, self._saved_at = 0, 0.0
        self._batches: int | None = None
        self._restored: dict[str, Any] | None = None

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Start the clock; in a resumed run, correct what Lightning restores incompletely."""
        self._saved_step, self._saved_at = trainer.global_step, time.monotonic()
        if self._restored is not None:
            trainer.callback_metrics.update(self._restored["metrics"])
            lightning_loops.continue_epoch_as_usual(trainer)
            if not self._is_own(trainer):
                _set_optimisers(trainer)

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Save the end of the epoch before; only now are its scores logged and its learning rates set."""
        self._save(trainer, batches=0)

    def on_train_batch_start(self, trainer: pl.Trainer, _: Any, batch: Any, batch_idx: int) -> None:
        """Save within an epoch, when it is due and no gradient is being accumulated."""
        if batch_idx % trainer.accumulate_grad_batches == 0 and self._due(trainer):
            self._save(trainer, batches=batch_idx)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Save the end of the last epoch."""
        self._save(trainer, batches=0)

    def on_save_checkpoint(self, trainer: pl.Trainer, _: Any, checkpoint: dict[str, Any]) -> None:
        """Add metrics, the extent of the logs and early stopping, which Lightning does not save."""
        if self._batches is None:
            return
        lightning_loops.count_between_steps(checkpoint, self._batches)
        for logger in trainer.loggers:
            logger.save()
        checkpoint[PROGRESS_KEY] = {
            # by early stopping, and not by `ValidateAtMaxSteps`: a run may be made longer
            "stopped": trainer.should_stop and trainer.global_step != trainer.max_steps,
            "batches_in_step": trainer.accumulate_grad_batches,
            "metrics": dict(trainer.callback_metrics),
            # only the first process writes, both this and the logs
            "logs": logs.marks(self._folder.parent / run_folder.LOGS) if distributed.is_rank_zero() else {},
        }

    def on_load_checkpoint(self, trainer: pl.Trainer, _: Any, checkpoint: dict[str, Any]) -> None:
        """Restore what `on_save_checkpoint` added.

        A run that was stopped early does not train on, but another run that starts from it does. With another
        ``trainer.batch_size`` the samples seen so far are another number of batches.
        """
        own, self._restored = self._is_own(trainer), checkpoint.get(PROGRESS_KEY)
        for callback in trainer.early_stopping_callbacks:  # keeps this run's patience, not the saved one
            state = checkpoint["callbacks"].get(callback.state_key, {})
            state.update({"patience": callback.patience} | ({} if own else {"wait_count": 0}))
        if self._restored is not None:
            trainer.should_stop = own and self._restored["stopped"]
            before, now = self._restored["batches_in_step"], trainer.accumulate_grad_batches
            lightning_loops.rescale_batches(checkpoint, before, now)

    def _is_own(self, trainer: pl.Trainer) -> bool:
        """Whether the checkpoint that training starts from is one of this run's."""
        return Path(str(trainer.ckpt_path)).parent == self._folder

    def _due(self, trainer: pl.Trainer) -> bool:
        if self._steps is not None:
            return trainer.global_step - self._saved_step >= self._steps
        if self._seconds is None:
            return False
        # clocks of several processes differ, and all of them must take part in saving
        return distributed.broadcast_from_rank_zero(time.monotonic() - self._saved_at >= self._seconds)

    def _save(self, trainer: pl.Trainer, batches: int) -> None:
        if trainer.global_step == self._saved_step:
            return
        self._batches = batches
        trainer.save_checkpoint(self._folder / run_folder.NEXT_CHECKPOINT, weights_only=False)
        self._batches = None
        if trainer.is_global_zero:
            rotate_checkpoints(self._folder)
        self._saved_step, self._saved_at = trainer.global_step, time.monotonic()


def _set_optimisers(trainer: pl.Trainer) -> None:
    """Give optimisers the settings of this run instead of those restored from another run.

    With a schedule, the learning rate is the one that the schedule has reached.
    """
    for optimizer in trainer.optimizers:
        for group in optimizer.param_groups:
            group.update(optimizer.defaults)
    for plan in trainer.lr_scheduler_configs:
        scheduler, groups = plan.scheduler, plan.scheduler.optimizer.param_groups
        rates = scheduler.get_last_lr()
        if isinstance(scheduler, LambdaLR):  # whose restored base is the learning rate of the other run
            scheduler.base_lrs = [group["lr"] for group in groups]
            shares = (share(scheduler.last_epoch) for share in scheduler.lr_lambdas)
            rates = [base * share for base, share in zip(scheduler.base_lrs, shares, strict=True)]
        for group, rate in zip(groups, rates, strict=True):
            group["lr"] = rate
