"""One training step as ``hela_seg.train`` makes it, against the same net, loss and optimiser in a bare loop.

    python tests/benchmarks/training_step.py [NET ...] [--steps 20] [--tile 128] [--batch 4] [--smp]
        [--precision bf16-mixed]

Both take turns within one process, step by step, on the same tiles in memory. The step of a run has all that
the shipped configuration adds: scores of the training tiles, losses and loggers, checkpoints, callbacks.
``--smp`` has the bare loop train segmentation-models-pytorch's Unet on a ResNet34 in place of the run's net.
"""

from __future__ import annotations

import argparse
import logging
import statistics
import tempfile
import time
from typing import Any

import numpy as np
import pytorch_lightning as pl
import segmentation_models_pytorch as smp
import torch
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate
from torch.utils.data import DataLoader

from hela_seg.cli import CONFIG
from hela_seg.runs.checkpoint import ModelInfo
from hela_seg.system.ranks import RankInfo
from hela_seg.system.settings import build
from hela_seg.training.settings import TrainSettings, resolve
from hela_seg.training.task import SegmentationTask

NETS = ("residual_unet", "unet", "vgg19_unet", "inception_unet", "resnet34_unet")
logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)
GOAL, WARM_UP, SHARES = 1.03, 3, (0.94, 0.02, 0.04)


def tiles(batch: int, tile: int) -> tuple[np.ndarray, np.ndarray]:
    """Images (N, H, W, 3) float32 and labels (N, H, W) int64, about as rare as cells are."""
    random = np.random.default_rng(0)
    images = random.uniform(0, 1, (batch, tile, tile, 3)).astype(np.float32)
    return images, random.choice(3, (batch, tile, tile), p=SHARES)


def fit(net: str, precision: str, batch: int, tile: int, steps: int, watch: pl.Callback) -> None:
    """Train for some steps with the shipped configuration, plus one callback that is called last."""
    torch.manual_seed(0)
    with tempfile.TemporaryDirectory() as folder, initialize_config_dir(str(CONFIG), version_base="1.3"):
        arguments = [f"model={net}", f"output_dir={folder}", "trainer=cpu", f"trainer.precision={precision}"]
        arguments += ["model.norm=batch"] * (net == "residual_unet")  # auto needs data
        config = compose("train", arguments)
        settings, hardware = resolve(config, RankInfo())
        hardware.apply()
        task = SegmentationTask(
            build(settings.model, "model", in_channels=3, classes=3),
            build(settings.loss, "loss"),
            build(settings.optimizer, "optimizer"),
            _info(),
            build(settings.scheduler, "scheduler"),
        )
        further = {"max_steps": steps, "enable_progress_bar": False, "default_root_dir": folder}
        trainer = instantiate(
            settings.trainer.for_lightning() | further,
            callbacks=[*_without_validation(settings), watch],
            logger=[build(logger, name) for name, logger in settings.chosen("logger").items()],
        )
        image, label = tiles(batch, tile)
        sample = {"image": torch.from_numpy(image).permute(0, 3, 1, 2), "label": torch.from_numpy(label)}
        trainer.fit(task, DataLoader([sample] * (steps + 1), batch_size=None))


def _info() -> ModelInfo:
    classes = [{"name": name, "colour": "#808080"} for name in ("background", "round", "spread")]
    plain: Any = {"classes": classes, "net": {}, "normalisation": {}, "split": [], "config": {}}
    return ModelInfo(**plain, channels=3, axes="TYXC", versions={})


def _without_validation(settings: TrainSettings) -> list[pl.Callback]:
    callbacks = settings.chosen("callbacks")
    return [build(callback, name) for name, callback in callbacks.items() if callback.get("monitor") is None]


class BesideBareLoop(pl.Callback):
    """After each step of the run makes one of a bare loop, and takes the time of both."""

    def __init__(self, peer: torch.nn.Module | None = None) -> None:
        self.peer = peer
        self.run: list[float] = []
        self.bare: list[float] = []

    def on_train_start(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """Make the bare loop's own net and optimiser."""
        net = self.peer or type(pl_module.net)()
        fresh = SegmentationTask(net, pl_module.loss, pl_module._optimizer, pl_module.info)
        self.net, self.loss = fresh.net.train(), pl_module.loss
        self.optimizer = pl_module._optimizer(self.net.parameters())
        self.since = time.perf_counter()

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: Any, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Stop the run's clock, make a bare step, start it again."""
        self.run.append(time.perf_counter() - self.since)
        began = time.perf_counter()
        with torch.autocast("cpu", torch.bfloat16, enabled=trainer.precision == "bf16-mixed"):
            logits = self.net(batch["image"].contiguous(memory_format=torch.channels_last))
            loss = self.loss(logits, batch["label"])
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        self.since = time.perf_counter()
        self.bare.append(self.since - began)


def main() -> None:
    """Print a line a net."""
    parser = argparse.ArgumentParser()
    parser.add_argument("nets", nargs="*", default=NETS)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--tile", type=int, default=128)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--smp", action="store_true")
    parser.add_argument("--precision", default="32-true", choices=["32-true", "bf16-mixed"])
    given = parser.parse_args()
    print("net               run s   bare s   median of ratios")
    for net in given.nets:
        peer = smp.Unet("resnet34", encoder_weights=None, in_channels=3, classes=3) if given.smp else None
        watch = BesideBareLoop(peer)
        fit(net, given.precision, given.batch, given.tile, given.steps + WARM_UP, watch)
        pairs = list(zip(watch.run, watch.bare, strict=True))[WARM_UP:]
        run, bare = (statistics.median(times) for times in zip(*pairs, strict=True))
        ratio = statistics.median(a / b for a, b in pairs)
        verdict = "" if ratio <= GOAL else f"  MISSED {GOAL}"
        print(f"{net:15} {run:7.3f}  {bare:7.3f}   {ratio:.3f}{verdict}", flush=True)


if __name__ == "__main__":
    main()
