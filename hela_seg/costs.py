"""What a net costs to train and to use, measured as `hela_seg.runs.MEASURED` says."""

from __future__ import annotations

import platform
import time
from pathlib import Path
from statistics import median
from typing import Any

import pytorch_lightning as pl
import torch
from torch.utils.flop_counter import FlopCounterMode

from hela_seg.models import build
from hela_seg.runs import Costs, ModelInfo

STATUS, RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")
"""Where Linux states the peak memory of a process, and how the peak is forgotten."""


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
            self._began = _now(pl_module.device)
        elif trainer.is_last_batch:
            self._epochs.append((_now(pl_module.device) - self._began) / batch_idx)


def forget_peak_memory(device: torch.device) -> None:
    """Begin to watch for the peak of memory anew, where the system lets us."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    elif RESET.exists():
        RESET.write_text("5")


def peak_memory(device: torch.device) -> int | None:
    """Most bytes used since: of the GPU, or else of this process; None where the system does not tell."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    if not RESET.exists():
        return None
    line = next(line for line in STATUS.read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024


def hardware(device: torch.device, precision: str) -> dict[str, str]:
    """What times depend on, in words."""
    on_gpu = device.type == "cuda"
    name = torch.cuda.get_device_name(device) if on_gpu else f"{torch.get_num_threads()} CPU threads"
    return {"device": name, "processor": platform.machine(), "precision": precision}


def _now(device: torch.device) -> float:
    """Seconds on a clock, once the device has done all that it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()
