"""How many tiles at a time fit into a device's memory, found by training steps on made-up tiles."""

from __future__ import annotations

import copy
import gc
import logging
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from hela_seg.data.datamodule import TimelapseData
from hela_seg.runs.checkpoint import ModelInfo
from hela_seg.system import distributed
from hela_seg.system.errors import InputError
from hela_seg.system.hardware import has_bfloat16, is_out_of_memory
from hela_seg.training.settings import TrainerSettings

log = logging.getLogger(__name__)

HALVES = {"bf16-mixed": torch.bfloat16, "16-mixed": torch.float16}
"""Precisions that compute in half of the bytes, as `pytorch_lightning.Trainer` calls them."""


@dataclass(frozen=True)
class MemoryTrial:
    """Training steps with a copy of a net, to see whether they find room; the net itself stays as it is.

    Attributes:
        net: (N, C, H, W) -> logits (N, K, H, W), on any device.
        loss: (logits, labels (N, H, W) int64) -> scalar.
        optimizer: makes an optimiser of the net's weights.
        shape: (C, h, w) of a tile.
        device: to try on.
    """

    net: nn.Module
    loss: nn.Module
    optimizer: Callable[[Iterable[nn.Parameter]], Optimizer]
    shape: tuple[int, int, int]
    device: torch.device

    @property
    def tile(self) -> str:
        """For people: ``a tile of 512x512``."""
        return f"a tile of {self.shape[1]}x{self.shape[2]}"

    def fits(self, tiles: int, precision: str) -> bool:
        """Whether two steps find room; two, because an optimiser takes its memory at the end of the first.

        Args:
            tiles: N.
            precision: ``32-true``, ``bf16-mixed`` or ``16-mixed``.
        """
        try:
            self._two_steps(tiles, HALVES.get(precision))
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
            return False
        finally:
            gc.collect()
            torch.cuda.empty_cache()
        return True

    def most(self, batch: int, precision: str, fewer_than: int | None = None) -> int:
        """The largest divisor of a batch that finds room; 0 where not even one tile does.

        A divisor, so that the gradients of several such parts add up to those of the batch.

        Args:
            batch: tiles that a step of the optimiser learns from.
            precision: see `fits`.
            fewer_than: a number that is known not to find room.
        """
        largest = batch if fewer_than is None else min(batch, fewer_than - 1)
        divisors = (tiles for tiles in range(largest, 0, -1) if batch % tiles == 0)
        return next((tiles for tiles in divisors if self.fits(tiles, precision)), 0)

    def _two_steps(self, tiles: int, half: torch.dtype | None) -> None:
        image = torch.zeros(tiles, *self.shape, device=self.device)
        label = torch.zeros(tiles, *self.shape[1:], dtype=torch.int64, device=self.device)
        trained = TrialNet(self, half)
        for _ in range(2):
            trained.step(image.contiguous(memory_format=torch.channels_last), label)


class TrialNet:
    """A copy of a trial's net on its device, which learns as in a run.

    Args:
        trial: net, loss, optimiser and device.
        half: the type of mixed precision; None for float32.
    """

    def __init__(self, trial: MemoryTrial, half: torch.dtype | None) -> None:
        self._net = copy.deepcopy(trial.net).to(trial.device).to(memory_format=torch.channels_last)
        self._loss = copy.deepcopy(trial.loss).to(trial.device)  # which may hold weights of classes
        self._optimizer = trial.optimizer(self._net.parameters())
        self._device, self._half = trial.device, half

    def forward(self, image: Tensor) -> Tensor:
        """(N, C, h, w) -> logits (N, K, h, w)."""
        with self._autocast():
            logits: Tensor = self._net(image)
        return logits

    def step(self, image: Tensor, label: Tensor) -> None:
        """One step of the optimiser on a batch: (N, C, h, w) and (N, h, w)."""
        with self._autocast():
            loss = self._loss(self._net(image), label)
        loss.backward()
        self._optimizer.step()
        self._optimizer.zero_grad()

    def _autocast(self) -> AbstractContextManager[Any]:
        return nullcontext() if self._half is None else torch.autocast(self._device.type, self._half)


def resolve_batch_size(
    trial: MemoryTrial, wish: int | str | None, batch: int, precision: str, ranks: int = 1
) -> int:
    """How many tiles pass through the net at a time.

    Args:
        trial: tells what fits.
        wish: a number, ``auto``, or None for the whole batch.
        batch: tiles that a step of the optimiser learns from.
        precision: of the net.
        ranks: processes that share each batch; the tiles at a time are those of one.

    Raises:
        InputError: the number is no divisor of the batch, or not even one tile finds room.
    """
    own = batch // ranks
    if wish is None:
        return own
    if wish == "auto":
        return trial.most(own, precision) or _refuse(trial, precision)
    if not isinstance(wish, int) or wish < 1 or own % wish:
        shared = f" over {ranks} processes" if ranks > 1 else ""
        raise InputError(
            f"trainer.batch_size is {wish}, expected a divisor of data.batch_size={batch}{shared}, auto or "
            "null"
        )
    return wish


def with_batch_size(
    settings: TrainerSettings, begun: ModelInfo | None, trial: MemoryTrial, data: TimelapseData
) -> TrainerSettings:
    """The settings with how many tiles pass at a time, and over how many passes gradients add up.

    Args:
        settings: of the trainer.
        begun: what the checkpoint says that the run goes on with; None where it begins.
        trial: tells what fits.
        data: prepared; hands out so many tiles at a time from now on.

    Raises:
        InputError: see `resolve_batch_size`.
    """
    wish = settings.batch_size
    if wish == "auto" and begun is not None:
        wish = begun.config["trainer"]["batch_size"]
    batch, count = data.batch_size, data.launch.count
    # what finds room in the smallest of several devices
    fit = min(distributed.all_gather(resolve_batch_size(trial, wish, batch, settings.precision, count)))
    data.batch_size = fit
    passes = settings.accumulate_grad_batches * (batch // count // fit)
    if fit * count < batch:
        log.info("%d tiles at a time, whose gradients add up to steps of %d", fit, fit * passes)
    return replace(settings, batch_size=fit, accumulate_grad_batches=passes)


def explain(trial: MemoryTrial, tiles: int, batch: int, precision: str, ranks: int = 1) -> InputError:
    """What to say where memory ran out: the numbers of tiles and precisions that find room, measured.

    Args:
        trial: tells what fits.
        tiles: that passed through the net at a time.
        batch: tiles that a step of the optimiser learns from.
        precision: of the net.
        ranks: processes that share each batch.

    Raises:
        InputError: not even one tile finds room.
    """
    precisions = [precision]
    if precision not in HALVES and trial.device.type == "cuda":
        precisions.append("bf16-mixed" if has_bfloat16() else "16-mixed")
    # a trial may find room where training did not: other programs come and go, and memory falls to pieces
    most = {precision: tiles}
    room = {n: count for n in precisions if (count := trial.most(batch // ranks, n, most.get(n)))}
    if not room:
        _refuse(trial, precision)
    best = max(room, key=lambda name: room[name])
    cure = f"trainer.batch_size={room[best]}" + ("" if best == precision else f" trainer.precision={best}")
    measured = " and ".join(f"{count} with {name}" for name, count in room.items())
    return InputError(
        f"memory ran out with {tiles} times {trial.tile} at a time and {precision}, and {measured} was "
        f"measured to fit: set {cure}, or trainer.batch_size=auto, which keep steps of {batch} tiles by "
        "accumulation"
    )


def _refuse(trial: MemoryTrial, precision: str) -> int:
    raise InputError(
        f"memory does not hold a step with {trial.tile} and {precision}: set a smaller data.tile or "
        "model.width"
    )
