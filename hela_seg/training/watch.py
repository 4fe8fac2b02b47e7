"""Callbacks that report trouble: a loss of NaN or infinity, a slow loader, a score that stays low."""

from __future__ import annotations

import logging
import time
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from hela_seg.data.dataset import Sample
from hela_seg.data.sampler import EpochSampler
from hela_seg.data.settings import MOST_WORKERS
from hela_seg.data.stacks import write_tiff
from hela_seg.scores.confusion import Scores, scores_of
from hela_seg.system import distributed
from hela_seg.system.errors import InputError, join_names
from hela_seg.system.machine import cores
from hela_seg.system.settings import Count
from hela_seg.training.advice import settings_to_try, unlearned

log = logging.getLogger(__name__)


class NonFiniteLossGuard(pl.Callback):
    """Ends training when a loss is NaN or infinite, with the tiles of that batch on disk to look at.

    The user can correct this in the data or the settings, so it is one line and status 2. On a CPU every loss
    is checked. On a GPU reading a value waits for the device: there the device stores the number of the first
    bad batch, which is read every ``every_steps`` batches, at the end of an epoch and before a checkpoint is
    written. The tiles of that batch are then read again, because epoch and number determine every sample.

    Args:
        folder: gets ``images.tif`` (N, C, h, w) float32, as the net saw them, and ``labels.tif``.
        every_steps: batches between two checks on a GPU.

    Raises:
        InputError: that number is below 1.
    """

    def __init__(self, folder: str, every_steps: Count = 50) -> None:
        self._folder, self._every = Path(folder), every_steps
        self._first_bad: Tensor | None = None

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Note the loss, and check it when it is due."""
        self._note(outputs["loss"], batch_idx)
        on_cpu = pl_module.device.type == "cpu"
        # validation follows, whose batches are counted anew
        at_end = trainer.is_last_batch or trainer.global_step == trainer.max_steps
        if on_cpu or at_end or (batch_idx + 1) % self._every == 0:
            self._check(trainer)

    def on_validation_batch_end(
        self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int, dataloader_idx: int = 0
    ) -> None:
        """Note the loss."""
        self._note(outputs, batch_idx)

    def on_validation_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Check before the score decides which weights are kept."""
        self._check(trainer)

    def on_save_checkpoint(self, trainer: pl.Trainer, *_: Any) -> None:
        """Check, so that no checkpoint is written with weights of NaN."""
        self._check(trainer)

    def _note(self, loss: Tensor, batch_idx: int) -> None:
        if self._first_bad is None:
            self._first_bad = torch.full((), -1, device=loss.device)
        bad = ~torch.isfinite(loss.detach()) & (self._first_bad < 0)
        # torch.where would copy the number, and wait
        self._first_bad = self._first_bad.masked_fill(bad, batch_idx)

    def _check(self, trainer: pl.Trainer) -> None:
        index = -1 if self._first_bad is None else int(self._first_bad)
        bad = [rank for rank, first in enumerate(distributed.all_gather(index)) if first >= 0]
        if not bad:
            return
        if bad[0] != trainer.global_rank:
            raise InputError(f"the loss of rank {bad[0]} is no finite number: see what it says")
        part, loader = "training", trainer.train_dataloader
        if trainer.validating:
            part, loader = "validation", trainer.val_dataloaders
        tiles = _batch(loader, index)
        images = np.stack([tile["image"].numpy() for tile in tiles])
        labels = np.stack([tile["label"].numpy() for tile in tiles]).astype(np.uint8)
        write_tiff(self._folder / "images.tif", images, "TCYX")
        write_tiff(self._folder / "labels.tif", labels, "TYX")
        half = " or set trainer.precision=32-true" if trainer.precision == "16-mixed" else ""
        raise InputError(
            f"the loss is no finite number in epoch {trainer.current_epoch + 1}, batch {index + 1} of "
            f"{part}, whose tiles are in {self._folder}: lower optimizer.lr or set "
            f"trainer.gradient_clip_val=1.0{half}"
        )


class LoaderWatch(pl.Callback):
    """Warns once that the net waits for tiles, and says what would help.

    It warns if, after the first steps of an epoch, the time between the end of one step and the beginning of
    the next is more than ``share`` of all time and adds up to a second or more. A run that resumes within an
    epoch counts from there.

    Args:
        share: of the time, from 0 to 1.
        warm_up: steps at the beginning of an epoch that are left out.
    """

    LEAST_SECONDS = 1.0

    def __init__(self, share: float = 0.2, warm_up: int = 5) -> None:
        self._share, self._warm_up = share, warm_up
        self._waited = self._began = self._ended = 0.0
        self._steps = 0
        self._reported = False

    def on_train_batch_start(self, *_: Any) -> None:
        """Add up how long the batch was waited for."""
        now = time.perf_counter()
        if self._steps == self._warm_up:
            self._began, self._waited = now, 0.0
        elif self._steps > self._warm_up:
            self._waited += now - self._ended

    def on_train_batch_end(self, trainer: pl.Trainer, *_: Any) -> None:
        """Note the time; at the end of an epoch, report."""
        self._ended = time.perf_counter()
        self._steps += 1
        if not trainer.is_last_batch:
            return
        steps, self._steps = self._steps, 0
        if self._reported or steps <= self._warm_up + 1:
            return
        share = self._waited / (self._ended - self._began)
        if share > self._share and self._waited > self.LEAST_SECONDS:
            self._reported = True
            cure, percent = _help(trainer.train_dataloader), 100 * share  # type: ignore[arg-type]
            log.warning("warning: %.0f %% of the time the net waits for tiles: %s", percent, cure)


class ScoreWatch(pl.Callback):
    """Warns once that a net scores no better than calling every pixel the most frequent class.

    Where no frame is for testing, it also names the classes that the net has not learned in the end; else
    those are named where the test scores are printed.

    Args:
        epochs: for how many validations in a row.
    """

    MARGIN = 0.01

    def __init__(self, epochs: int = 3) -> None:
        self._epochs, self._in_a_row = epochs, 0
        self._last: Scores | None = None

    def on_validation_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Compare the scores, before the counts start anew."""
        counts: Any = pl_module.validation_counts
        matrix = counts.compute().cpu().numpy()
        truth = matrix.sum(axis=1)
        if trainer.sanity_checking or np.count_nonzero(truth) < 2:
            return
        # called class k everywhere, IoU is the share of k for k itself, and 0 for the other classes present
        level = float(truth.max() / truth.sum() / np.count_nonzero(truth))
        self._last = scores_of(matrix)
        found = self._last.mean_iou
        self._in_a_row = self._in_a_row + 1 if found <= level + self.MARGIN else 0
        if self._in_a_row == self._epochs:
            name = trainer.datamodule.classes[int(truth.argmax())].name  # type: ignore[attr-defined]
            cures = join_names([*settings_to_try(pl_module.info.config), "another optimizer.lr"])  # type: ignore[union-attr, arg-type]
            found_so = f"m-IoU is {found:.3f}, and calling every pixel '{name}' gives {level:.3f}"
            advice = f"look at the masks with python -m hela_seg.check, and try, in this order, {cures}"
            log.warning("warning: after %d validations %s: %s", self._epochs, found_so, advice)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Name the classes that were not learned, where no test frames will show them."""
        data: Any = trainer.datamodule  # type: ignore[attr-defined]
        if self._last is not None and trainer.is_global_zero and not data.blocks_of("test"):
            config: Any = pl_module.info.config  # type: ignore[union-attr]
            for line in unlearned(self._last, data.classes.names, config, "the validation tiles"):
                log.warning("warning: %s", line)

    def state_dict(self) -> dict[str, Any]:
        """The count of low scores, for the checkpoint."""
        return {"in_a_row": self._in_a_row}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore the count from a checkpoint."""
        self._in_a_row = state_dict["in_a_row"]


def _batch(loader: Any, index: int) -> list[Sample]:
    """The samples of a loader's batch, read anew."""
    sampler, size = loader.sampler, loader.batch_size
    places = sampler.whole_epoch() if isinstance(sampler, EpochSampler) else sampler
    return [loader.dataset[place] for place in islice(places, index * size, (index + 1) * size)]


def _help(loader: DataLoader[Sample]) -> str:
    found = cores()
    workers = min(MOST_WORKERS, max(found - 1, 1))
    if loader.num_workers < workers:
        return f"set data.workers={workers} (now {loader.num_workers}, with {found} cores)"
    return (
        f"{loader.num_workers} workers on {found} cores do not keep up; a faster disk, images in tiles or "
        "without compression, or augment=light would help"
    )
