"""What a net costs to train and to use, measured as `hela_seg.runs.MEASURED` says."""

from __future__ import annotations

from statistics import median
from typing import Any

import pytorch_lightning as pl
import torch
from torch.utils.flop_counter import FlopCounterMode

from hela_seg.models import build
from hela_seg.runs import Costs, ModelInfo
from hela_seg.timing.machine import now


def costs_of(info: ModelInfo) -> Costs:
    """What can be known of a net without running it; nothing is computed and no memory taken.

    Raises:
        InputError: no net of this program.
    """
    data = info.config["data"]
    rows, columns = data["tile"]
    with torch.device("meta"), FlopCounterMode(display=False) as counter:
        net = build(info.net).eval()
        net(torch.empty(1, info.channels, rows, columns))
    return Costs(
        parameters=sum(parameter.numel() for parameter in net.parameters()),
        multiply_adds=int(counter.get_total_flops()) // 2,
        tile=(rows, columns),
        batch_size=data["batch_size"],
    )


class StepClock(pl.Callback):
    """Times training steps, without the last of each epoch, behind which other work begins."""

    def __init__(self) -> None:
        self._began = 0.0
        self._epochs: list[float] = []

    @property
    def step_ms(self) -> float | None:
        """Milliseconds a step, the median over epochs; None before an epoch of two steps."""
        return 1000 * median(self._epochs) if self._epochs else None

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Read the clock where an epoch's first and last steps begin."""
        if batch_idx == 0:
            self._began = now(pl_module.device)
        elif trainer.is_last_batch:
            self._epochs.append((now(pl_module.device) - self._began) / batch_idx)
