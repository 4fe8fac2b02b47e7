"""What a training run says of itself, epoch by epoch."""

from __future__ import annotations

import logging
import time

import pytorch_lightning as pl

from hela_seg.task import VALIDATION_LOSS, VALIDATION_SCORE

log = logging.getLogger(__name__)


class EpochLine(pl.Callback):
    """Logs one line an epoch: losses, m-IoU on the validation frames, seconds.

    On a terminal it stands under the progress bar's place; where output is piped it is all there is.
    """

    def __init__(self) -> None:
        self._began = 0.0

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Start the clock."""
        self._began = time.perf_counter()

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Log the line."""
        seen = trainer.callback_metrics
        parts = [
            f"epoch {trainer.current_epoch + 1:>3}/{trainer.max_epochs}",
            f"loss {float(seen['loss/train']):.5f}",
        ]
        if VALIDATION_LOSS in seen:
            parts.append(f"validation loss {float(seen[VALIDATION_LOSS]):.5f}")
            parts.append(f"m-IoU {float(seen[VALIDATION_SCORE]):.4f}")
        log.info("%s", "  ".join([*parts, f"{time.perf_counter() - self._began:.0f} s"]))
