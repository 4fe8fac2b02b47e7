"""One training step, one validation step, and the scores of both: any net, loss, optimiser and schedule."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import numpy as np
import pytorch_lightning as pl
import torch
from pytorch_lightning.utilities.types import LRSchedulerConfigType, OptimizerLRScheduler
from torch import Tensor, nn
from torch.optim import Adam, Optimizer
from torch.optim.lr_scheduler import LambdaLR
from torchmetrics import Metric

from hela_seg.data.classes import IGNORE_INDEX
from hela_seg.data.datamodule import TimelapseData
from hela_seg.data.dataset import Sample
from hela_seg.runs.checkpoint import CHECKPOINT_KEY, SCORE_KEY, TRANSFERRED_KEY, ModelInfo
from hela_seg.scores.confusion import scores_of
from hela_seg.system.errors import InputError
from hela_seg.system.machine import versions
from hela_seg.training.losses import DiceCrossEntropyLoss
from hela_seg.training.metrics import ConfusionMatrix, MeanLoss

log = logging.getLogger(__name__)

VALIDATION_LOSS = "loss/validation"
"""Logged name that checkpoints and early stopping look at by default."""

VALIDATION_SCORE = "m-IoU/validation"
"""Logged name of the mean intersection over union on the validation tiles, pooled over all pixels."""


def logged_names(class_names: Iterable[str]) -> list[str]:
    """What is logged while a net trains, and so can be watched: ``IoU round/validation``, for instance."""
    scores_logged = ["loss", "m-IoU", "Dice", *(f"IoU {name}" for name in class_names)]
    return [f"{name}/{part}" for part in ("validation", "train") for name in scores_logged]


@dataclass(frozen=True)
class Schedule:
    """How the learning rate changes; without ``build`` and ``decay`` it stays as it is.

    Args:
        build: makes a scheduler of PyTorch's for an optimiser.
        interval: ``epoch`` or ``step``, how often that one moves on.
        monitor: logged name that it looks at, for schedules that wait for a plateau.
        decay: in place of ``build``: the share of the learning rate by the share of all steps that are done,
            0 to 1; see `hela_seg.training.schedules`. How many steps there are follows from the trainer's
            epochs and steps.
    """

    build: Callable[[Optimizer], Any] | None = None
    interval: Literal["epoch", "step"] = "epoch"
    monitor: str | None = None
    decay: Callable[[float], float] | None = None

    def __post_init__(self) -> None:
        """Refuse settings that say two things.

        Raises:
            InputError: both ``build`` and ``decay``.
        """
        if self.build is not None and self.decay is not None:
            raise InputError("scheduler has both build and decay, expected one: set the other to null")


def info_of(
    data: TimelapseData, net: Mapping[str, Any], config: Mapping[str, Any] | None = None
) -> ModelInfo:
    """What a checkpoint says about itself.

    Args:
        data: opened, split and prepared.
        net: the net's configuration, as `hela_seg.models.build` takes it.
        config: all settings of the run; by default those of the data alone.
    """
    return ModelInfo(
        net=dict(net),
        classes=data.classes.to_plain(),
        normalisation=data.normalisation.to_plain(),
        channels=data.channels,
        axes=data.axes,
        split=data.split_rows(),
        config={"data": data.to_plain()} if config is None else dict(config),
        versions=versions("torch", "pytorch-lightning"),
        training_statistics=data.training_statistics().to_plain(),
    )


class SegmentationTask(pl.LightningModule):
    """Trains a net to segment.

    Example:
        ``pl.Trainer(max_epochs=3).fit(SegmentationTask(net), data)`` with `TimelapseData` as data.

    Args:
        net: (N, C, H, W) float32 -> logits (N, K, H, W). `hela_seg.models.make` makes one whose checkpoints
            say how it was made, and so can be opened by `hela_seg.load`.
        loss: (logits, labels (N, H, W) int64) -> scalar; by default cross-entropy and Dice.
        optimizer: makes an optimiser of the net's parameters; by default Adam with a rate of 0.001.
        info: written into every checkpoint; by default made of the net and the trainer's `TimelapseData`.
        schedule: of the learning rate; a constant one by default.
        seed: of what is random in a step, such as dropout.
        transferred: names of the net's parameters that were taken over from another checkpoint.
        transferred_lr_factor: the share of the learning rate at which these learn.
    """

    def __init__(
        self,
        net: nn.Module,
        loss: nn.Module | None = None,
        optimizer: Callable[[Iterable[Any]], Optimizer] | None = None,
        info: ModelInfo | None = None,
        schedule: Schedule | None = None,
        seed: int = 0,
        transferred: Collection[str] = (),
        transferred_lr_factor: float = 1.0,
    ) -> None:
        super().__init__()
        # cuDNN and oneDNN compute convolutions channels last, and convert any other layout at each layer
        self.net = net.to(memory_format=torch.channels_last)
        self.loss = DiceCrossEntropyLoss() if loss is None else loss
        self._optimizer = optimizer or partial(Adam, lr=1e-3)  # as conf/optimizer/adam.yaml has it
        self._schedule, self._seed = schedule or Schedule(), seed
        self._transferred, self._transferred_lr_factor = frozenset(transferred), transferred_lr_factor
        self.train_losses = MeanLoss()
        self.validation_losses = MeanLoss()
        self.validation_losses.persistent(False)
        self._validation_score: float | None = None
        if info is not None:
            self._begin(info)

    def _begin(self, info: ModelInfo) -> None:
        """Take what is known of the net, and count pixels of so many classes."""
        self.info = info
        self.train_counts = ConfusionMatrix(len(info.classes))
        self.train_counts.persistent(True)  # a run that goes on within an epoch goes on counting
        self.validation_counts = ConfusionMatrix(len(info.classes))

    def setup(self, stage: str | None = None) -> None:
        """Lightning's hook: where nothing was said of the net, take it from the trainer's data.

        Args:
            stage: makes no difference.

        Raises:
            InputError: the trainer has no `TimelapseData`.
        """
        if hasattr(self, "info"):
            return
        data = getattr(self.trainer, "datamodule", None)
        if not isinstance(data, TimelapseData):
            raise InputError(
                f"the trainer's data are {type(data).__name__}, expected TimelapseData, whose classes and "
                "normalisation checkpoints hold: give some, or info= to SegmentationTask"
            )
        net: Mapping[str, Any] = getattr(self.net, "made_of", {})
        if not net:
            log.warning(
                "warning: nothing is known of how %s was made, so that hela_seg.load cannot open the "
                "checkpoints of this training: make it with hela_seg.models.make",
                type(self.net).__name__,
            )
        self._begin(info_of(data, net))

    def forward(self, image: Tensor) -> Tensor:
        """Logits (N, K, H, W) of images (N, C, H, W)."""
        logits: Tensor = self.net(image.contiguous(memory_format=torch.channels_last))
        return logits

    def on_train_batch_start(self, batch: Sample, batch_idx: int) -> None:
        """Make what is random in this step depend on the seed, the epoch and the step alone.

        Saving and restoring the generator's state would not do: how often it was drawn from depends on the
        number of workers too.
        """
        place = (self._seed, self.current_epoch, batch_idx, self.global_rank)
        torch.manual_seed(int(np.random.SeedSequence(place).generate_state(1, np.uint64)[0]))

    def training_step(self, batch: Sample, _: int) -> Tensor:
        """The loss of one batch."""
        loss = self._step(batch, self.train_counts)
        tiles = len(batch["image"])
        # of a bar's figures Lightning reads the values every log_every_n_steps, and so waits for a GPU
        shown = self.trainer.progress_bar_callback is not None
        self.log("loss", loss, prog_bar=shown, logger=False, batch_size=tiles)
        self.train_losses.update(loss.detach(), tiles)
        self.log("loss/train", self.train_losses, on_step=False, on_epoch=True, batch_size=tiles)
        return loss

    def validation_step(self, batch: Sample, _: int) -> Tensor:
        """The loss of one batch, whose pixels are counted."""
        loss = self._step(batch, self.validation_counts)
        self.validation_losses.update(loss, (batch["label"] != IGNORE_INDEX).sum())
        return loss

    def on_train_epoch_end(self) -> None:
        """Log the scores on the tiles of this epoch, as the net was while it learned them."""
        self._log_scores("train", self.train_counts)

    def on_validation_epoch_end(self) -> None:
        """Log the loss and the scores on the validation tiles; each pixel counts once, in both."""
        self.log(VALIDATION_LOSS, self.validation_losses.compute())
        self.validation_losses.reset()
        self._validation_score = self._log_scores("validation", self.validation_counts)

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """The optimiser, and the schedule where there is one.

        Raises:
            InputError: PyTorch takes a setting of the optimiser for wrong, such as a negative learning rate.
        """
        try:
            optimizer = self._optimizer(self._parameter_groups())
        except ValueError as error:
            raise InputError(f"optimizer: {error}; choose another value") from None
        if self._transferred:
            # schedules change each group's rate by the same factor, so that the share stays
            optimizer.param_groups[0]["lr"] *= self._transferred_lr_factor
        schedule = self._schedule
        if schedule.decay is not None:
            rates = LambdaLR(optimizer, self._over_all_steps(schedule.decay))
            plan = LRSchedulerConfigType(scheduler=rates, interval="step")
            return {"optimizer": optimizer, "lr_scheduler": plan}
        if schedule.build is None:
            return optimizer
        plan = LRSchedulerConfigType(scheduler=schedule.build(optimizer), interval=schedule.interval)
        if schedule.monitor is not None:
            plan["monitor"] = schedule.monitor
            if schedule.monitor.endswith("/validation"):
                # there is a score to look at only where an epoch is validated
                plan["frequency"] = self.trainer.check_val_every_n_epoch or 1
        return {"optimizer": optimizer, "lr_scheduler": plan}

    def _parameter_groups(self) -> Iterable[Any]:
        """The net's parameters; those taken over from another checkpoint as a first group by themselves."""
        if not self._transferred:
            return self.net.parameters()
        groups: dict[bool, list[nn.Parameter]] = {True: [], False: []}
        for name, parameter in self.net.named_parameters():
            groups[name in self._transferred].append(parameter)
        return [{"params": parameters} for parameters in groups.values() if parameters]

    def _over_all_steps(self, decay: Callable[[float], float]) -> Callable[[int], float]:
        """The share of the learning rate for the next step, by the steps that are done of the whole training.

        The trainer's count is looked at in place of the scheduler's own, so that a run that takes up another
        one's checkpoint, or is made longer, comes to nothing at its last step too.

        Raises:
            InputError: the training has no end that a schedule could lead to.
        """
        trainer = self.trainer
        if trainer.max_epochs in {None, -1} and trainer.max_steps == -1:
            raise InputError(
                "scheduler falls until the last step, but trainer.max_epochs and trainer.max_steps are both "
                "-1: set one of them, or scheduler=constant"
            )

        def share(_: int) -> float:
            # before the first step the trainer's loops and loaders are not as they will be
            done = trainer.global_step
            return decay(min(done / trainer.estimated_stepping_batches, 1.0) if done else 0.0)

        return share

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Put into the checkpoint what it takes to use it without any other file."""
        checkpoint[CHECKPOINT_KEY] = self.info.to_plain()
        checkpoint[SCORE_KEY] = self._validation_score
        if self._transferred:
            checkpoint[TRANSFERRED_KEY] = sorted(self._transferred)
        for prefix, metric in self._kept():
            with metric.sync_context():  # of all processes, where there are several
                metric.state_dict(destination=checkpoint["state_dict"], prefix=prefix)

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Leave the state of another schedule aside, and that of counts in all processes but the first."""
        if checkpoint[CHECKPOINT_KEY]["config"].get("scheduler") != self.info.config.get("scheduler"):
            checkpoint["lr_schedulers"] = []
        if self.global_rank == 0:
            return  # of all, the counts would else count several times
        for prefix, metric in self._kept():
            metric.state_dict(destination=checkpoint["state_dict"], prefix=prefix)

    def _kept(self) -> list[tuple[str, Metric]]:
        """What a checkpoint holds of an epoch that has not ended, with what its names begin with."""
        return [("train_losses.", self.train_losses), ("train_counts.", self.train_counts)]

    def _step(self, batch: Sample, counts: ConfusionMatrix) -> Tensor:
        logits = self(batch["image"])
        counts.update(logits.detach(), batch["label"])
        loss: Tensor = self.loss(logits, batch["label"])
        return loss

    def _log_scores(self, part: str, counts: ConfusionMatrix) -> float:
        """Log the scores and begin to count anew; the m-IoU."""
        found = scores_of(counts.compute().cpu().numpy())
        counts.reset()
        self.log(f"m-IoU/{part}", found.mean_iou, prog_bar=part == "validation")
        self.log(f"Dice/{part}", found.mean_dice)
        for entry, iou in zip(self.info.classes, found.iou, strict=True):
            self.log(f"IoU {entry['name']}/{part}", float(iou))
        return float(found.mean_iou)
