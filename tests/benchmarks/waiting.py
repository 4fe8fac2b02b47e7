"""How much of the time of training is spent waiting for data, beside ``resnet34_unet``.

Run by hand: ``python tests/benchmarks/waiting.py``. Asked for, with ``augment=microscopy`` and two workers:
at most 2 % of the step's time. A step begins when its batch is there and ends where the next one is asked
for; the first ones, in which workers start and memory is laid out, count in no figure. Beside a CPU the
workers take time from the net, so steps are timed without workers too, where all their work is waited for.
"""

from __future__ import annotations

import argparse
import logging
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
import pytorch_lightning as pl
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf

from hela_seg.cli import CONFIG
from hela_seg.data.datamodule import TimelapseData
from hela_seg.data.synthetic.recordings import DrawingSettings, write
from hela_seg.runs.checkpoint import ModelInfo
from hela_seg.training.assembly import net_config, net_of
from hela_seg.training.task import SegmentationTask

WARM_UP = 4
NEXT_BATCH = "[_TrainingEpochLoop].train_dataloader_next"
"""What Lightning calls the wait for a batch."""


class Stopwatch(pl.profilers.Profiler):
    """Keeps when each wait for a batch began and ended."""

    def __init__(self) -> None:
        super().__init__()
        self.began: list[float] = []
        self.ended: list[float] = []

    def start(self, action_name: str) -> None:
        """A batch is asked for."""
        if action_name == NEXT_BATCH:
            self.began.append(time.perf_counter())

    def stop(self, action_name: str) -> None:
        """It is there."""
        if action_name == NEXT_BATCH:
            self.ended.append(time.perf_counter())


def train(config: DictConfig, steps: int) -> tuple[float, float]:
    """Seconds of an average wait and of an average step."""
    data: TimelapseData = instantiate(config.data, augment=instantiate(config.augment))
    data.prepare()
    task = SegmentationTask(
        net=net_of(net_config(OmegaConf.to_container(config.model), data)),
        loss=instantiate(config.loss),
        optimizer=instantiate(config.optimizer),
        info=ModelInfo({}, data.classes.to_plain(), {}, data.channels, data.axes, [], {}, {}),
    )
    watch = Stopwatch()
    trainer = pl.Trainer(
        max_epochs=1,
        profiler=watch,
        limit_val_batches=0,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(task, datamodule=data)
    began, ended = np.array(watch.began[:steps]), np.array(watch.ended[:steps])
    waits, steps_taken = ended - began, began[1:] - ended[:-1]
    return float(waits[WARM_UP:].mean()), float(steps_taken[WARM_UP:].mean())


def main() -> None:
    """Print a line for each number of workers."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--tile", type=int, default=128)
    parser.add_argument("--workers", type=int, nargs="+", default=[0, 2])
    given = parser.parse_args()
    logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)
    warnings.filterwarnings("ignore", ".*LeafSpec|.*many workers")
    print(f"{'workers':>7}{'wait, ms':>12}{'step, ms':>12}{'both, ms':>12}{'wait / step':>14}")
    with tempfile.TemporaryDirectory() as scratch, initialize_config_dir(str(CONFIG), version_base="1.3"):
        root = write(Path(scratch), DrawingSettings(6, 12, 2 * given.tile, 2 * given.tile))
        for workers in given.workers:
            overrides = [
                "data=folder",
                f"data.root={root}",
                "data.classes=[background,round,spread]",
                f"data.tile=[{given.tile},{given.tile}]",
                f"data.steps_per_epoch={given.steps}",
                f"data.workers={workers}",
                "augment=microscopy",
                "model=resnet34_unet",
            ]
            wait, step = train(compose("train", overrides), given.steps)
            times = f"{1000 * wait:12.2f}{1000 * step:12.1f}{1000 * (wait + step):12.1f}"
            print(f"{workers:>7}{times}{wait / step:14.2%}", flush=True)


if __name__ == "__main__":
    main()
