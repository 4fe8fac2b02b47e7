"""How long an epoch's end takes for a net of 30 million weights, beside writing its weights once.

    python tests/benchmarks/epoch_end.py [NET]

The end is the time from the last step of an epoch to the first of the next: batch norm settled, frames
validated, scores logged, the best weights and all that it takes to go on written and flushed to the disk.
What the net computes in it takes as long as the data and `settled_batch_norm` ask for, so that stands by
itself.
"""

from __future__ import annotations

import logging
import os
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import pytorch_lightning as pl
import torch
from hydra import compose, initialize_config_dir

from hela_seg.cli import CONFIG
from hela_seg.train import train
from hela_seg.training.callbacks import PreciseBatchNorm
from hela_seg.training.checkpoints import AtomicCheckpointIO
from hela_seg.training.task import SegmentationTask

EPOCHS = 6
seconds: dict[str, float] = defaultdict(float)
ends: list[dict[str, float]] = []


class EpochEnds(pl.Callback):
    """Stands first: it starts the clock before anything is done at an epoch's end."""

    def on_train_batch_end(self, trainer: pl.Trainer, *_: Any) -> None:
        """Start the clock."""
        if trainer.is_last_batch:
            seconds.clear()
            self.began = time.perf_counter()

    def on_train_batch_start(self, trainer: pl.Trainer, module: Any, batch: Any, batch_idx: int) -> None:
        """Stop it."""
        if batch_idx == 0 and trainer.current_epoch:
            ends.append({"the whole end": time.perf_counter() - self.began, **seconds})


def timed(owner: type, method: str, name: str) -> None:
    """Add up the seconds that a method takes."""
    inner: Callable[..., Any] = getattr(owner, method)

    def outer(*given: Any, **named: Any) -> Any:
        began = time.perf_counter()
        result = inner(*given, **named)
        seconds[name] += time.perf_counter() - began
        return result

    setattr(owner, method, outer)


def writing_once(folder: Path) -> float:
    """Median seconds to write and flush the weights alone."""
    weights = torch.load(folder / "checkpoints" / "best.ckpt", weights_only=True)["state_dict"]
    taken = []
    for _ in range(EPOCHS):
        began = time.perf_counter()
        torch.save(weights, folder / "weights.pt")
        with (folder / "weights.pt").open("rb") as file:
            os.fsync(file.fileno())
        taken.append(time.perf_counter() - began)
    return median(taken)


def main(net: str = "unet") -> None:
    """Train for some epochs of two steps and print the medians."""
    logging.disable()
    timed(PreciseBatchNorm, "on_train_batch_end", "  batch norm settled")
    timed(SegmentationTask, "validation_step", "  validation steps")
    timed(AtomicCheckpointIO, "save_checkpoint", "  checkpoints written (best and last)")
    with tempfile.TemporaryDirectory() as scratch:
        given = [
            f"model={net}",
            f"data.root={scratch}/cells",
            "data.drawing={series: 3, frames: 1, height: 128, width: 128, seed: 0}",
            "data.steps_per_epoch=2",
            f"trainer.max_epochs={EPOCHS}",
            "trainer=cpu",
            f"output_dir={scratch}/run",
        ]
        with initialize_config_dir(str(CONFIG), version_base="1.3"):
            config = compose("train", given)
        config.callbacks = {"ends": {"_target_": "__main__.EpochEnds"}, **config.callbacks}
        train(config)
        once = writing_once(Path(scratch) / "run")
    figures = {name: median(end[name] for end in ends[1:]) for name in ends[0]}
    computed = figures["  batch norm settled"] + figures["  validation steps"]
    figures["the end less what the net computes"] = figures["the whole end"] - computed
    figures["writing the weights once"] = once
    figures["more than that"] = figures["the end less what the net computes"] - once
    for name, value in figures.items():
        print(f"{name:40} {value:6.2f} s")


if __name__ == "__main__":
    main(*sys.argv[1:])
