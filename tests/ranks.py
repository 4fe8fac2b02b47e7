"""Training runs of several processes, each with its rank, as ``torchrun`` or ``srun`` would start them."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from torch import nn
from torch.nn import functional as F

from hela_seg.cli import main
from hela_seg.models.unet import UNet
from hela_seg.system import distributed
from hela_seg.system.ranks import RankInfo
from hela_seg.training.ddp import DDPSyncCallback
from hela_seg.training.task import SegmentationTask

CONTEXT = multiprocessing.get_context("forkserver")
# what takes seconds is imported once, not for each process
CONTEXT.set_forkserver_preload(["hela_seg.train", "hela_seg.cli", "torch.utils.tensorboard"])

LIMIT_SECONDS = 300
"""After which processes that hang are killed, and a test fails."""

Environment = Callable[[int, int, int], dict[str, str]]
"""What a launcher says to a process: of its rank, the number of processes, and a free port."""


def torchrun(rank: int, count: int, port: int) -> dict[str, str]:
    """The words of ``torchrun``, without the agent that ends others when one has ended."""
    place = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": count, "LOCAL_WORLD_SIZE": count}
    return {name: str(number) for name, number in place.items()} | _meeting(port)


def srun(rank: int, count: int, port: int) -> dict[str, str]:
    """The words of ``srun`` on a single node."""
    place = {"SLURM_PROCID": rank, "SLURM_LOCALID": rank, "SLURM_NODEID": 0, "SLURM_JOB_ID": 7}
    sizes = {"SLURM_STEP_NUM_TASKS": count, "SLURM_NTASKS": count, "SLURM_STEP_NUM_NODES": 1}
    numbers = {name: str(number) for name, number in (place | sizes).items()}
    return numbers | {"SLURM_STEP_NODELIST": "localhost", "MASTER_PORT": str(port), "SLURM_JOB_NAME": "train"}


def _meeting(port: int) -> dict[str, str]:
    return {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}


@dataclass
class Ended:
    """How processes ended, in the order of their ranks.

    Attributes:
        status: exit statuses; negative for signals.
        said: what each printed, to standard output and error.
        seconds: from the start of the first to the end of each.
    """

    status: list[int | None]
    said: list[str]
    seconds: list[float]


def train(
    log: Path,
    count: int,
    arguments: Sequence[str],
    before: Callable[[int], None] | None = None,
    launcher: Environment = torchrun,
) -> Ended:
    """Train with several processes, or for a count of 1 with one that knows of no launcher.

    Args:
        log: folder for what they print.
        count: of processes.
        arguments: of ``hela_seg.train``.
        before: called in each process first, with its rank.
        launcher: speaks to the processes.
    """
    log.mkdir(parents=True, exist_ok=True)
    port, began = _free_port(), time.monotonic()
    processes = []
    for rank in range(count):
        said = launcher(rank, count, port) if count > 1 else {}
        target = (list(arguments), said, log / str(rank), before, rank)
        processes.append(CONTEXT.Process(target=_train, args=target))
        processes[-1].start()
    seconds = [_wait(process, began) for process in processes]
    said_by_each = [(log / str(rank)).read_text() for rank in range(count)]
    return Ended([process.exitcode for process in processes], said_by_each, seconds)


def _wait(process: BaseProcess, began: float) -> float:
    process.join(max(began + LIMIT_SECONDS - time.monotonic(), 0))
    if process.is_alive():
        process.kill()
        process.join()
    return time.monotonic() - began


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def _train(
    arguments: list[str],
    said: dict[str, str],
    log: Path,
    before: Callable[[int], None] | None,
    rank: int,
) -> None:
    sink = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(sink, 1), os.dup2(sink, 2)
    os.environ |= said
    if before is not None:
        before(rank)
    status = main("train", arguments)
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError):
            stream.flush()
    os._exit(status)


@dataclass(frozen=True)
class WithoutBatchStatistics:
    """Makes nets whose outputs for a tile do not depend on the other tiles: layer norm for batch norm."""

    def __call__(self, rank: int) -> None:
        nn.BatchNorm2d.forward = lambda self, x: F.group_norm(x, 1, self.weight, self.bias)  # type: ignore[method-assign]


@dataclass(frozen=True)
class Dies:
    """As `WithoutBatchStatistics`, and one rank is killed in one of its steps, from 0."""

    rank: int
    step: int

    def __call__(self, rank: int) -> None:
        WithoutBatchStatistics()(rank)
        if rank == self.rank:
            _change_step(self.step, lambda loss: os.kill(os.getpid(), signal.SIGKILL))


@dataclass(frozen=True)
class LosesItsLoss:
    """In one of its steps, from 0, the loss of one rank is NaN."""

    rank: int
    step: int

    def __call__(self, rank: int) -> None:
        if rank == self.rank:
            _change_step(self.step, lambda loss: loss * torch.nan)


@dataclass(frozen=True)
class RunsOutOfMemory:
    """The device of one rank holds no more than one tile in a net that trains."""

    rank: int

    def __call__(self, rank: int) -> None:
        forward = UNet.forward

        def greedy(self: UNet, image: torch.Tensor) -> torch.Tensor:
            if len(image) > 1 and self.training:
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
            return forward(self, image)

        if rank == self.rank:
            UNet.forward = greedy  # type: ignore[method-assign]


@dataclass(frozen=True)
class KeepsStatistics:
    """Each rank saves what it validates with, as it is before rank 0 shares its own."""

    folder: Path

    def __call__(self, rank: int) -> None:
        def save(_: object, trainer: pl.Trainer, task: pl.LightningModule) -> None:
            torch.save(dict(task.net.named_buffers()), self.folder / f"{rank}.pt")

        DDPSyncCallback.on_validation_start = save  # type: ignore[method-assign, assignment]


def _change_step(number: int, change: Callable[[torch.Tensor], Any]) -> None:
    step, calls = SegmentationTask.training_step, iter(range(1000))

    def changed(self: SegmentationTask, batch: Any, batch_idx: int) -> torch.Tensor:
        loss = step(self, batch, batch_idx)
        return change(loss) if next(calls) == number else loss

    SegmentationTask.training_step = changed  # type: ignore[method-assign]


@dataclass(frozen=True)
class Talks:
    """Each rank says and hears by all the ways there are, and leaves in a folder what it heard."""

    folder: Path

    def __call__(self, rank: int) -> None:
        mean, taken = torch.tensor([float(rank)]), torch.tensor([float(rank)])
        with distributed.process_group(RankInfo.here(), gpu=False):
            distributed.average([mean])
            distributed.broadcast_tensors([taken])
            with distributed.rank_zero_first():
                if distributed.is_rank_zero():
                    time.sleep(0.3)
                    (self.folder / "made").touch()
                made = (self.folder / "made").exists()
            heard = {
                "first": distributed.is_rank_zero(),
                "told": distributed.broadcast_from_rank_zero(f"by {rank}"),
                "gathered": distributed.all_gather(10 * rank),
                "mean": mean.item(),
                "taken": taken.item(),
                "made": made,
            }
        (self.folder / f"{rank}.json").write_text(json.dumps(heard))
