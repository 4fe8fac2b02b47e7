"""What a net costs to train and to use, measured as `hela_seg.runs.records.MEASURED` says."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import Any

import pytorch_lightning as pl
import torch
from torch.utils.flop_counter import FlopCounterMode

from hela_seg.models import build, is_own
from hela_seg.runs.checkpoint import ModelInfo
from hela_seg.runs.records import Costs, RunRecord
from hela_seg.system.errors import InputError
from hela_seg.system.hardware import Machine, choose
from hela_seg.system.machine import hardware, now
from hela_seg.system.ranks import RankInfo


def costs_of(info: ModelInfo, trust: Sequence[str] = ()) -> Costs:
    """What can be known of a net without running it; nothing is computed and no memory taken.

    Of a net that was converted, and not trained here, that is its parameters alone; and so it is of a net
    that cannot be run without numbers, as one of another package may be. Of one whose module is not trusted,
    which only an ONNX file can hold here, it is nothing.

    Args:
        info: what its checkpoint says about it.
        trust: see `hela_seg.models.find_net`.

    Raises:
        InputError: no net of this program.
    """
    own = is_own(str(info.net["_target_"]))
    try:
        with torch.device("meta"):
            net = build(info.net, trust).eval()
    except InputError:
        if own:
            raise
        return Costs()  # an ONNX file computes a net whose code nobody needs
    parameters = sum(parameter.numel() for parameter in net.parameters())
    if "trainer" not in info.config:
        return Costs(parameters)
    data, trainer = info.config["data"], info.config["trainer"]
    rows, columns = data["tile"]
    at_a_time = trainer.get("batch_size") or data["batch_size"]
    processes = trainer["devices"] * trainer["num_nodes"] if "num_nodes" in trainer else 1
    counted = None
    try:
        with torch.device("meta"), FlopCounterMode(display=False) as counter:
            net(torch.empty(1, info.input_channels, rows, columns))
        counted = int(counter.get_total_flops()) // 2
    except Exception:  # whatever code that is not ours raises of tensors without numbers
        if own:
            raise
    batch = at_a_time * trainer["accumulate_grad_batches"] * processes
    return Costs(parameters, counted, tile=(rows, columns), batch_size=batch)


def record_of(
    info: ModelInfo,
    costs: Costs,
    accelerator: str,
    precision: str = "auto",
    split: list[dict[str, Any]] | None = None,
    launch: RankInfo | None = None,
) -> RunRecord:
    """What a run leaves behind for comparison.

    Args:
        info: what the checkpoint says about its net.
        costs: what was measured.
        accelerator: where: ``auto``, ``gpu``, ``cuda`` or ``cpu``.
        precision: of the computation; ``auto`` stands for what the rules of `hela_seg.system.hardware` say.
        split: of the scored data; by default that of the training.
        launch: this process' place among those that trained together.
    """
    machine, launch = Machine.here(accelerator), launch or RankInfo()
    where = hardware(machine) | {"precision": choose(machine, precision=precision).precision}
    if launch.launcher is not None:
        where["processes"] = f"{launch.count} process(es) of {launch.launcher} on {launch.nodes} node(s)"
    seed, rows = info.config.get("seed"), info.split if split is None else split
    return RunRecord(info.net, seed, rows, info.config, where, info.versions, costs, launch.to_plain())


class StepClock(pl.Callback):
    """Times training steps, without the last batch of each epoch, behind which other work begins."""

    def __init__(self) -> None:
        self._first: tuple[int, float] | None = None
        self._epochs: list[float] = []

    @property
    def step_ms(self) -> float | None:
        """Milliseconds a step, the median over epochs; None before an epoch of two batches."""
        return 1000 * median(self._epochs) if self._epochs else None

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Forget the epoch before."""
        self._first = None

    def on_train_batch_start(self, trainer: pl.Trainer, pl_module: Any, batch: Any, batch_idx: int) -> None:
        """Read the clock where an epoch's first and last batches begin."""
        if self._first is None:
            # a run that goes on may begin in the middle of an epoch
            self._first = batch_idx, now(pl_module.device)
        elif trainer.is_last_batch:
            number, began = self._first
            seconds = (now(pl_module.device) - began) / (batch_idx - number)
            self._epochs.append(seconds * trainer.accumulate_grad_batches)
