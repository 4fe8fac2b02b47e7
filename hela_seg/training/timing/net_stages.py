"""Times of what a net does: its training step, the parts of it, prediction, and the same by others."""

from __future__ import annotations

import copy
import gc
import importlib
import importlib.util
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytorch_lightning as pl
import segmentation_models_pytorch as smp
import torch
from numpy.typing import NDArray
from pytorch_lightning.plugins.precision import MixedPrecision
from torch import nn
from torch.optim import Optimizer
from torch.utils.data import DataLoader, Dataset
from torch.utils.flop_counter import FlopCounterMode

from hela_seg.data.dataset import Sample
from hela_seg.inference import Predictor, TrainedNet
from hela_seg.runs.checkpoint import ModelInfo
from hela_seg.system.machine import forget_peak_memory, now, peak_memory
from hela_seg.training.task import SegmentationTask
from hela_seg.training.timing.bare import BareLoop
from hela_seg.training.timing.record import FULL_STEP, NetTimes, Stage

ALONE, WARM_UP = 2, 3
"""Steps before others have a turn, the second with the optimiser's state in memory, and before any counts."""

SMP_STAGE = "smp Unet, ResNet34"
MONAI_STAGE = "MONAI sliding window"
MONAI: Any = importlib.import_module("monai.inferers") if importlib.util.find_spec("monai") else None
# Here, before any net is built: of what it fails to import, MONAI keeps all the frames that led there.
MONAI_BATCH = 4
"""Windows that MONAI's sliding window takes at once, as in its examples."""


@dataclass(frozen=True)
class Setting:
    """What all nets are timed with.

    Attributes:
        batch: real tiles, which every step uses again.
        frame: (C, H, W) grey values of one frame, for prediction.
        info: as a checkpoint would have it, but for the net.
        loss: (logits, labels) -> scalar, on any device.
        optimizer: makes an optimiser of a net's parameters.
        repeats: how often.
        peers: whether others' nets and loops are timed beside.
    """

    batch: Sample
    frame: NDArray[Any]
    info: ModelInfo
    loss: nn.Module
    optimizer: Callable[[Iterable[nn.Parameter]], Optimizer]
    repeats: int
    peers: bool


def time_net(
    build: Callable[[], nn.Module], trainer: Callable[..., pl.Trainer], setting: Setting, *, compiled: bool
) -> NetTimes:
    """Time one net: after each step of a real run its parts and its peers have a turn.

    Args:
        build: makes the net.
        trainer: makes a trainer with the arguments ``callbacks`` and ``max_steps``.
        setting: batch, frame and how often.
        compiled: whether the run's net is compiled; its peers are not.
    """
    gc.collect()  # the net before this one, which its trainer and its callbacks hold in a circle
    turns = _Turns(setting)
    steps = WARM_UP + setting.repeats
    task = SegmentationTask(build(), setting.loss, setting.optimizer, setting.info)
    if compiled:
        task.net.compile()
    trainer(callbacks=[turns], max_steps=steps).fit(task, DataLoader(_Again(setting.batch, steps), None))
    step, forward = multiply_adds(build, setting.batch)
    tile = setting.batch["image"][0, 0].numel()
    n, per_frame = len(setting.batch["image"]), setting.frame[0].size / tile
    per_stage: dict[str, tuple[float, float | None]] = {
        "forward": (n, forward),
        "forward and backward": (n, step),
        FULL_STEP: (n, step),
        "bare PyTorch loop": (n, step),
        SMP_STAGE: (n, None),
        "prediction": (per_frame, forward * per_frame / n),
        MONAI_STAGE: (per_frame, None),
    }
    stages = {
        name: Stage(turns.seconds[name], *facts) for name, facts in per_stage.items() if name in turns.seconds
    }
    return NetTimes(stages, turns.peak)


def multiply_adds(build: Callable[[], nn.Module], batch: Sample) -> tuple[float, float]:
    """Multiply-adds of one batch, forward and backward, and forward alone, as the layers are written.

    They are counted on torch's meta device, without computing anything.
    """
    with torch.device("meta"):
        net, image = build(), torch.empty(batch["image"].shape)
    counter = FlopCounterMode(display=False)
    with counter:
        net(image)
    forward = counter.get_total_flops() / 2
    with counter:
        net(image).sum().backward()
    return counter.get_total_flops() / 2, forward


class _Again(Dataset[Sample]):
    """One batch, many times."""

    def __init__(self, batch: Sample, times: int) -> None:
        self._batch, self._times = batch, times

    def __len__(self) -> int:
        return self._times

    def __getitem__(self, index: int) -> Sample:
        return self._batch


class _Turns(pl.Callback):
    """Watches the steps of a run, and gives everything else its turn between them."""

    def __init__(self, setting: Setting) -> None:
        self.seconds: dict[str, list[float]] = {FULL_STEP: []}
        self.peak: int | None = None
        self._setting = setting
        self._others: Mapping[str, Callable[[], Any]] = {}
        self._since = 0.0

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Begin to watch the memory."""
        forget_peak_memory(pl_module.device)

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: Any, outputs: Any, batch: Sample, batch_idx: int
    ) -> None:
        """Take the time of this step, then of all the others."""
        device = pl_module.device
        ended = now(device)
        if batch_idx == ALONE - 1:
            self.peak = peak_memory(device)
            self._others = _others(trainer, pl_module, batch, self._setting)
            for action in self._others.values():
                action()
        elif batch_idx >= WARM_UP:
            self.seconds[FULL_STEP].append(ended - self._since)
            for name, action in self._others.items():
                began = now(device)
                action()
                self.seconds.setdefault(name, []).append(now(device) - began)
        self._since = now(device)


def _others(
    trainer: pl.Trainer, task: SegmentationTask, batch: Sample, setting: Setting
) -> dict[str, Callable[[], Any]]:
    net: nn.Module = task.net
    precision = trainer.precision_plugin
    scaled = isinstance(precision, MixedPrecision) and precision.scaler is not None

    def bare_loop(of: nn.Module) -> BareLoop:
        return BareLoop(of, task.loss, setting.optimizer, batch, precision.forward_context, scaled)

    bare = bare_loop(copy.deepcopy(net))
    trained = TrainedNet(copy.deepcopy(net), setting.info)
    predictor = Predictor([trained], device=str(task.device))
    actions: dict[str, Callable[[], Any]] = {
        "prediction": lambda: predictor.predict(setting.frame[np.newaxis], axes="TCYX")
    }
    if setting.peers:
        if MONAI is not None:
            actions[MONAI_STAGE] = _monai(copy.deepcopy(net).eval(), batch, setting.frame, precision)
        channels, classes = batch["image"].shape[1], len(setting.info.classes)
        theirs = smp.Unet("resnet34", encoder_weights=None, in_channels=channels, classes=classes)
        actions[SMP_STAGE] = bare_loop(theirs).step
    # Last, so that a full step comes after one that used the memory in the same way, as the bare step does.
    actions |= {"forward": bare.forward, "forward and backward": bare.forward_and_backward}
    return actions | ({"bare PyTorch loop": bare.step} if setting.peers else {})


def _monai(net: nn.Module, batch: Sample, frame: NDArray[Any], precision: Any) -> Callable[[], Any]:
    """MONAI's sliding window over the frame, in windows of the tiles' size that overlap by a quarter."""
    tile = batch["image"].shape[-2:]
    image = torch.from_numpy(frame.astype(np.float32))[np.newaxis].to(batch["image"].device)

    @torch.inference_mode()
    def predict() -> Any:
        with precision.forward_context():
            return MONAI.sliding_window_inference(image, tile, MONAI_BATCH, net).argmax(1).cpu()

    return predict
