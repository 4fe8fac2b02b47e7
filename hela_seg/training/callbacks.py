"""Callbacks: lines and a progress bar for people, the end of training, precise batch norm."""

from __future__ import annotations

import logging
import math
import re
import time
from collections.abc import Callable
from datetime import timedelta
from itertools import islice
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import RichProgressBar
from rich import get_console
from rich.progress import BarColumn, ProgressColumn, Task
from rich.table import Column
from rich.text import Text
from torch.nn.modules.batchnorm import _BatchNorm

from hela_seg.system import distributed
from hela_seg.system.settings import Count
from hela_seg.training.task import VALIDATION_LOSS, VALIDATION_SCORE

log = logging.getLogger(__name__)


BAR_SECONDS = 0.5
"""Seconds between two updates of the figures beside the progress bar."""

_BESIDE_THE_BAR = 75
"""Columns of what stands beside the bar, such as "epoch 100/100", "1000/1000", "12:34 left, run 1:23:45" and
"loss: 0.123 m-IoU: 0.812", and between them."""


class EpochLine(pl.Callback):
    """Logs one line an epoch: losses, m-IoU on the validation frames, seconds.

    On a terminal it stands above the progress bar; where output is piped it is all there is.
    """

    def __init__(self) -> None:
        self._began = 0.0
        self._validated = False

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Start the clock, also where training goes on within an epoch."""
        self._began = time.perf_counter()

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Start the clock anew."""
        self._began = time.perf_counter()
        self._validated = False

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Note that this epoch was validated, so that its line states the scores."""
        self._validated = True

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Log the line."""
        seen = trainer.callback_metrics
        of_all = "" if trainer.max_epochs in {None, -1} else f"/{trainer.max_epochs}"
        parts = [f"epoch {trainer.current_epoch + 1:>3}{of_all}", f"loss {float(seen['loss/train']):.5f}"]
        if self._validated and VALIDATION_LOSS in seen:
            parts.append(f"validation loss {float(seen[VALIDATION_LOSS]):.5f}")
            parts.append(f"m-IoU {float(seen[VALIDATION_SCORE]):.4f}")
        log.info("%s", "  ".join([*parts, f"{time.perf_counter() - self._began:.0f} s"]))


class EpochBar(RichProgressBar):
    """The progress of an epoch on a terminal, the time left, the loss, the m-IoU on the validation frames.

    It fits into 80 columns.
    """

    def __init__(self) -> None:
        super().__init__()
        self._read = -math.inf
        self._shown: dict[str, Any] = {}
        self._began, self._first, self._last = 0.0, 0, math.inf

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Start the clock of the run."""
        super().on_train_start(trainer, pl_module)
        self._began, self._first = time.monotonic(), trainer.global_step
        self._last = trainer.estimated_stepping_batches

    def configure_columns(self, trainer: pl.Trainer) -> list[ProgressColumn]:
        """What stands beside each other: name, bar, batches, time left; Lightning adds the figures."""

        def is_training(task: Task) -> bool:
            """Whether it is the bar of training, which Lightning shows once before it notes its id."""
            return self.train_progress_bar_id in (None, task.id)

        def name(task: Task) -> str:
            """``epoch 3/100``; of a bar beside that of training, what Lightning calls it."""
            if not is_training(task):
                return task.description
            if trainer.max_epochs in {None, -1}:
                return f"epoch {trainer.current_epoch + 1}"
            # at the end of training one more is counted
            return f"epoch {min(trainer.current_epoch + 1, trainer.max_epochs)}/{trainer.max_epochs}"

        def batches(task: Task) -> str:
            """``7/20``, or ``7`` where it is not known how many come."""
            return f"{task.completed:.0f}" if task.total is None else f"{task.completed:.0f}/{task.total:.0f}"

        def left(task: Task) -> str:
            """``0:12 left, run 1:24``."""
            epoch = f"{_clock(task.time_remaining)} left"
            return f"{epoch}, run {_clock(self._seconds_left(trainer))}" if is_training(task) else epoch

        width = min(max(get_console().width - _BESIDE_THE_BAR, 5), 40)
        return [_Words(name), BarColumn(width), _Words(batches), _Words(left)]

    def _seconds_left(self, trainer: pl.Trainer) -> float | None:
        """Of the whole run, if its steps go on as they have gone since it began or was gone on with."""
        done = trainer.global_step - self._first
        if not done or not math.isfinite(self._last):
            return None
        return (time.monotonic() - self._began) / done * (self._last - trainer.global_step)

    def get_metrics(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> dict[str, Any]:
        """Loss and m-IoU under short names.

        They are read every `BAR_SECONDS` and not at each step, because reading a GPU's value waits for it.
        """
        now = time.perf_counter()
        if now - self._read >= BAR_SECONDS:
            self._read = now
            known = super().get_metrics(trainer, pl_module)
            names = {"loss": "loss", VALIDATION_SCORE: "m-IoU"}
            self._shown = {short: known[name] for name, short in names.items() if name in known}
        return self._shown


class _Words(ProgressColumn):
    """A column of words that a function makes; they are never broken into lines."""

    max_refresh = BAR_SECONDS

    def __init__(self, words: Callable[[Task], str]) -> None:
        super().__init__(Column(no_wrap=True))
        self._words = words

    def render(self, task: Task) -> Text:
        """The words."""
        return Text(self._words(task))


def _clock(seconds: float | None) -> str:
    return "-:--" if seconds is None else re.sub("^0:0?", "", str(timedelta(seconds=round(seconds))))


class ValidateAtMaxSteps(pl.Callback):
    """Validates and saves also where ``max_steps`` ends training within an epoch."""

    def on_train_batch_end(self, trainer: pl.Trainer, *_: Any) -> None:
        """Stop like early stopping does, before which Lightning validates."""
        if _at_last_step(trainer):
            trainer.should_stop = True


class Deadline(pl.Callback):
    """Ends training when its time is up, where the machine has become slower than it was when planned.

    It must stand before callbacks that act on the last step. A run that is gone on with has none: it takes
    the steps that were planned, so that it ends as it would have without an interruption.

    Args:
        seconds: from the start of training.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds, self._ends = seconds, math.inf

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Start the clock."""
        self._ends = time.monotonic() + self._seconds

    def on_train_batch_end(self, trainer: pl.Trainer, *_: Any) -> None:
        """Stop like early stopping does, before which Lightning validates."""
        late = time.monotonic() >= self._ends
        if trainer.should_stop or not trainer.strategy.reduce_boolean_decision(late, all=False):
            return
        trainer.should_stop = True
        if not _at_last_step(trainer):
            log.warning(
                "warning: the time is up after %d of %d planned steps, before the learning rate has fallen "
                "to its end: steps took longer than measured, as they do where other programs compute",
                trainer.global_step,
                trainer.max_steps,
            )


def _at_last_step(trainer: pl.Trainer) -> bool:
    return trainer.global_step == trainer.max_steps


class PreciseBatchNorm(pl.Callback):
    """Recomputes the statistics of batch normalisation at the end of an epoch, with its final weights.

    The running averages that PyTorch keeps while training lag behind weights that change fast, and a net that
    scores well on its training tiles then fails on whole frames. Averaging over batches that all pass through
    the same weights mends that (Wu and Johnson 2021, "Rethinking 'Batch' in BatchNorm", section 3). After
    200 steps on HeLa H2B frames it raised ResNet34-U-Net's m-IoU from 0.58 to 0.79.

    Args:
        batches: how many batches to average over: the first ones of the epoch, or, where ``max_steps`` ends
            training within the epoch, the ones that follow.

    Raises:
        InputError: ``batches`` is below 1.
    """

    def __init__(self, batches: Count = 16) -> None:
        self._batches = batches

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule, *_: Any) -> None:
        """Recompute after the last step of an epoch or of the run, before validation and saving."""
        layers = [module for module in pl_module.modules() if isinstance(module, _BatchNorm)]
        if not layers or not (trainer.is_last_batch or _at_last_step(trainer) or trainer.should_stop):
            return
        momenta = [layer.momentum for layer in layers]
        for layer in layers:
            layer.reset_running_stats()
            layer.momentum = None  # PyTorch's sign for a plain average
        batches: Any = trainer.train_dataloader
        eager = torch.compiler.set_stance("force_eager")  # momentum None would compile the net anew
        with torch.no_grad(), trainer.precision_plugin.forward_context(), eager:
            for again in islice(batches, self._batches):
                pl_module(again["image"].to(pl_module.device, non_blocking=True))
        for layer, momentum in zip(layers, momenta, strict=True):
            layer.momentum = momentum
            distributed.average(buffer for buffer in layer.buffers() if buffer.is_floating_point())
