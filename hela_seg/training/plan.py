"""How many steps fit into so many minutes: the time of a step is measured on the run's own tiles."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from hela_seg.data.datamodule import TimelapseData
from hela_seg.data.dataset import Sample
from hela_seg.system import distributed
from hela_seg.system.errors import InputError
from hela_seg.system.machine import now
from hela_seg.training.memory import HALVES, MemoryTrial, TrialNet
from hela_seg.training.settings import TrainerSettings, TrainSettings

log = logging.getLogger(__name__)

FIRST, LEAST, SECONDS = 2, 6, 3.0
"""Steps that are not timed, steps that are at least, and for how long more are taken."""

SPARE = 0.05
"""Share of the time that is kept back, since steps are not equally long."""

VALIDATING = 0.1
"""Share of the time that validation takes at most, by passing over epochs."""

PAGE_SECONDS = 10.0
"""For starting the test and writing files and report."""

OVERLAP = 2.0
"""How often a pixel of a test frame passes through the net, about."""


@dataclass(frozen=True)
class Pace:
    """Seconds that a run needs on this machine.

    Attributes:
        step: a training step of a batch, with reading its tiles.
        forward: a batch of tiles through the net, without reading them.
    """

    step: float
    forward: float


@dataclass(frozen=True)
class Plan:
    """What a run does with its time.

    Attributes:
        steps: of the optimiser in all.
        epochs: that these lie in.
        every: epochs from one validation to the next.
        seconds: that training and validation have.
        step: seconds of a step.
    """

    steps: int
    epochs: int
    every: int
    seconds: float
    step: float

    def __str__(self) -> str:
        """What a run says before it begins."""
        ends = time.strftime("%H:%M", time.localtime(time.time() + self.seconds))
        return (
            f"a step takes {self.step:.2g} s here, so {self.steps:,} steps in {self.epochs} epochs, with a "
            f"validation every {self.every}, will last until about {ends}; the test follows"
        )


@dataclass(frozen=True)
class Work:
    """What there is to do.

    Attributes:
        epoch_steps: steps in an epoch.
        settling: batches that pass forward at the end of a validated epoch, for batch normalisation.
        validation: batches in a validation.
        test: batches' worth of pixels in all test frames.
    """

    epoch_steps: int
    settling: int
    validation: int
    test: float


def planned_until(
    ends: float, settings: TrainSettings, trainer: TrainerSettings, trial: MemoryTrial, data: TimelapseData
) -> tuple[TrainerSettings, float]:
    """The trainer's settings with as many steps as there is time for, and the seconds that training may take.

    Args:
        ends: when the run shall be over, by `time.monotonic`; to measure a step takes some of the time.
        settings: of the run.
        trainer: of it, with how many tiles pass at a time.
        trial: net, loss, optimiser and device.
        data: prepared.

    Raises:
        InputError: see `plan`.
    """
    pixels = sum(
        (block.stop - block.start) * math.prod(data.recordings[block.series].image.shape[2:])
        for block in data.blocks_of("test")
    )
    work = Work(
        epoch_steps=max(len(data.train_dataloader()) // trainer.accumulate_grad_batches, 1),
        settling=settings.chosen("callbacks").get("settled_batch_norm", {}).get("batches", 0),
        validation=len(data.val_dataloader()),
        test=pixels / (math.prod(data.tile) * data.batch_size),
    )
    pace = measure(trial, data, trainer.precision)
    made = distributed.broadcast_from_rank_zero(plan(ends - time.monotonic(), pace, work))
    log.info("minutes=%g: %s", settings.minutes, made)
    limited = replace(
        trainer, max_steps=made.steps, max_epochs=made.epochs, check_val_every_n_epoch=made.every
    )
    return limited, made.seconds


def plan(seconds: float, pace: Pace, work: Work) -> Plan:
    """Fill the time with steps.

    Args:
        seconds: that are left for training, validation and test.
        pace: measured.
        work: in an epoch, a validation and a test.

    Raises:
        InputError: not even one step, one validation and the test fit in.

    Example:
        Of 120 s, a step of 0.5 s and nothing to validate or test, `PAGE_SECONDS` and `SPARE` are taken off,
        and 209 steps fit into the 104.5 s that are left.
    """
    testing = PAGE_SECONDS + OVERLAP * work.test * pace.forward
    training = (seconds - testing) * (1 - SPARE)
    epoch = work.epoch_steps * pace.step
    validation = (work.settling + work.validation) * pace.forward
    allowed = epoch * VALIDATING / (1 - VALIDATING)
    every = max(1, math.ceil(validation / allowed)) if work.validation else 1
    steps = math.floor((training - validation) / (epoch + validation / every) * work.epoch_steps)
    if steps < 1:
        least = testing + (validation + pace.step) / (1 - SPARE)
        raise InputError(
            f"minutes leaves {max(seconds, 0):.0f} s after the start, but one step, one validation and the "
            f"test take about {least:.0f} s here: set more minutes"
        )
    epochs = math.ceil(steps / work.epoch_steps)
    return Plan(steps, epochs, min(every, epochs), training, pace.step)


def measure(trial: MemoryTrial, data: TimelapseData, precision: str) -> Pace:
    """Time training steps of a copy of the net on the run's own tiles; nothing of the run is changed by it.

    Args:
        trial: net, loss, optimiser and device.
        data: prepared.
        precision: see `hela_seg.training.memory.MemoryTrial.fits`.
    """
    trained = TrialNet(trial, HALVES.get(precision))
    with torch.random.fork_rng():  # dropout draws as if nothing had been measured
        times = []
        for image, label in _batches(data, trial.device):
            trained.step(image, label)
            times.append(now(trial.device))
            if len(times) > FIRST + LEAST and times[-1] - times[FIRST] > SECONDS:
                break
        began = now(trial.device)
        with torch.no_grad():
            for _ in range(FIRST):
                trained.forward(image)
    forward = (now(trial.device) - began) / FIRST
    timed = times[min(FIRST, len(times) - 2) :]
    return Pace((timed[-1] - timed[0]) / (len(timed) - 1), forward)


def _batches(data: TimelapseData, device: torch.device) -> Iterator[tuple[Tensor, Tensor]]:
    """Batches of the first epoch, again and again."""
    loader = data.train_dataloader()
    while True:
        batch: Sample
        for batch in loader:
            image = batch["image"].to(device).contiguous(memory_format=torch.channels_last)
            yield image, batch["label"].to(device)
