"""How long the parts of training and prediction take on this machine, measured for `hela_seg.benchmark`."""

from __future__ import annotations

import copy
import gc
from collections import defaultdict
from collections.abc import Callable
from itertools import chain, repeat
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from numpy.typing import NDArray
from torch.utils.data import DataLoader

from hela_seg.data.augment import Augmentation
from hela_seg.data.datamodule import TimelapseData
from hela_seg.data.dataset import Sample
from hela_seg.data.sampler import Draw
from hela_seg.inference import Predictor, TrainedNet
from hela_seg.runs.checkpoint import ModelInfo
from hela_seg.system.machine import forget_peak_memory, now, peak_memory
from hela_seg.training.task import SegmentationTask

Seconds = dict[str, list[float]]
"""The seconds of each repeat, by the name of the stage."""

FULL_STEP = "full step"
WARM_UP = 3
"""Training steps before the first that is timed."""

CLOCK = torch.device("cpu")


def time_data(data: TimelapseData, augment: Augmentation, repeats: int) -> tuple[Seconds, Sample]:
    """Time reading the tiles of a batch, augmenting them, and taking a batch from the training loader.

    Args:
        data: prepared; its loader augments.
        augment: the augmentation.
        repeats: how often each stage is timed.

    Returns:
        The seconds, and the last batch of the loader.
    """
    tiles = data.train_tiles(augmented=False)
    batches = chain.from_iterable(repeat(data.train_dataloader()))  # epoch after epoch
    batch = next(batches)  # starts the workers
    size, seconds = len(batch["image"]), defaultdict[str, list[float]](list)
    for number in range(repeats):
        draws = [Draw(0, number * size + index) for index in range(size)]
        began = now(CLOCK)
        samples = [tiles[draw] for draw in draws]
        seconds["reading"].append(now(CLOCK) - began)
        pairs = [(sample["image"].numpy(), sample["label"].numpy()) for sample in samples]
        began = now(CLOCK)
        for draw, (image, label) in zip(draws, pairs, strict=True):
            augment(image, label, (0, *draw))
        seconds["augmentation"].append(now(CLOCK) - began)
        began = now(CLOCK)
        batch = next(batches)
        seconds["loader"].append(now(CLOCK) - began)
    return dict(seconds), batch


def time_net(
    task: SegmentationTask,
    trainer: Callable[..., pl.Trainer],
    batch: Sample,
    frame: NDArray[Any],
    info: ModelInfo,
    repeats: int,
) -> tuple[Seconds, int | None]:
    """Time a net: after each step of a real training run its parts and a prediction are timed in turn.

    Args:
        task: the net with its loss and optimiser.
        trainer: makes a trainer with the arguments ``callbacks`` and ``max_steps``.
        batch: real tiles, which every step uses again.
        frame: (C, H, W) grey values of one frame, to predict.
        info: of the net, as a checkpoint would hold it.
        repeats: how often each stage is timed.

    Returns:
        The seconds, and the most bytes in use during full steps (None where the system does not tell).
    """
    gc.collect()  # the net before this one, which its trainer and its callbacks hold in a circle
    watch, steps = _TimedSteps(frame, info), WARM_UP + repeats
    trainer(callbacks=[watch], max_steps=steps).fit(task, DataLoader([batch] * steps, batch_size=None))  # type: ignore[arg-type]
    return dict(watch.seconds), watch.peak


class _TimedSteps(pl.Callback):
    """Times the steps of a run, and between them the parts of a step and a prediction."""

    def __init__(self, frame: NDArray[Any], info: ModelInfo) -> None:
        self.seconds: dict[str, list[float]] = defaultdict(list)
        self.peak: int | None = None
        self._frame, self._info = frame, info
        self._parts: dict[str, Callable[[], Any]] = {}
        self._began = 0.0

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Begin to watch the memory."""
        forget_peak_memory(pl_module.device)

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: Any, outputs: Any, batch: Sample, batch_idx: int
    ) -> None:
        """Note the time of this step, then time the other stages."""
        device = pl_module.device
        took = {FULL_STEP: now(device) - self._began}
        if batch_idx == 1:  # the optimiser has its state, and nothing but steps has run yet
            self.peak = peak_memory(device)
            self._parts = self._stages(trainer, pl_module, batch)
        for name, run in self._parts.items():
            began = now(device)
            run()
            took[name] = now(device) - began
        if batch_idx >= WARM_UP:
            for name, seconds in took.items():
                self.seconds[name].append(seconds)
        self._began = now(device)

    def _stages(
        self, trainer: pl.Trainer, task: SegmentationTask, batch: Sample
    ) -> dict[str, Callable[[], Any]]:
        predictor = Predictor([TrainedNet(copy.deepcopy(task.net), self._info)], device=str(task.device))

        def forward() -> Any:
            """The loss of the batch."""
            with trainer.precision_plugin.forward_context():
                return task.loss(task(batch["image"]), batch["label"])

        def forward_and_backward() -> None:
            """Gradients of that loss."""
            task.zero_grad()
            forward().backward()

        # backward comes last, so that a full step follows what used the memory in the same way
        return {
            "prediction of a frame": lambda: predictor.predict(self._frame[np.newaxis], axes="TCYX"),
            "forward": forward,
            "forward and backward": forward_and_backward,
        }
