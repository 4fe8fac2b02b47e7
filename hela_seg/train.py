"""``python -m hela_seg.train``: train a net, keep the best, score it on series that training never saw.

The module can be called, too: ``hela_seg.train("data=folder", "data.root=cells", model="unet")``.
"""

from __future__ import annotations

import sys

from hela_seg.cli import main

if __name__ == "__main__":
    # before the imports below, which take seconds that --help need not take
    sys.exit(main("train"))

import logging
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytorch_lightning as pl
import torch

from hela_seg.cli.run import call
from hela_seg.data.datamodule import TimelapseData
from hela_seg.runs import resume
from hela_seg.runs.records import RunRecord
from hela_seg.system import distributed
from hela_seg.system.distributed import is_rank_zero
from hela_seg.system.files import make_folder
from hela_seg.system.hardware import HardwareChoices, on_gpu
from hela_seg.system.machine import forget_peak_memory, peak_memory
from hela_seg.system.ranks import RankInfo
from hela_seg.system.settings import build
from hela_seg.training import assembly, memory, outcome, plan
from hela_seg.training.costs import StepClock, costs_of, record_of
from hela_seg.training.fit import fit
from hela_seg.training.outcome import Result
from hela_seg.training.settings import TrainSettings, resolve
from hela_seg.training.start import Start, find_start, net_to_train, prepare_data
from hela_seg.training.task import SegmentationTask, info_of

log = logging.getLogger(__name__)
# it tells of devices and of products; the line about the net and its hardware is ours
logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)


class _Callable(ModuleType):
    """This module, so that ``hela_seg.train(...)`` trains whoever has imported it before."""

    def __call__(self, *arguments: str, **settings: Any) -> Result:
        """Train a net from a script or a notebook; the same as the command.

        Args:
            arguments: as typed on the command line: ``"model=unet", "data.root=cells"``.
            settings: the same as keywords: ``model="unet", **{"data.root": "cells", "data.tile": [64, 64]}``;
                a dict stands for the keys of a group, ``trainer={"max_epochs": 3}``. See ``conf/train.yaml``.

        Returns:
            The folder of the run, the checkpoint to use, and its scores on the test frames.

        Raises:
            InputError: data or settings that cannot be used, in one line.
            KeyboardInterrupt: training was interrupted; its message says how it goes on.
        """
        result: Result = call("train", arguments, settings)
        return result


sys.modules[__name__].__class__ = _Callable


def train(config: Mapping[str, Any]) -> Result:
    """Train as a configuration says; see ``conf/train.yaml`` for its keys.

    Where several processes were started together, each of them calls this, and all have the result.

    Raises:
        InputError: data or settings that cannot be used, or another process that has ended.
    """
    ranks = RankInfo.here()
    settings, hardware = resolve(config, ranks)
    hardware.apply()
    if not settings.trainer.is_distributed:
        return _run(settings, hardware, RankInfo())
    with distributed.process_group(ranks, gpu=on_gpu(settings.trainer.accelerator)):
        # rank 0 has made the folder, and only it knows the second at which that was
        return _run(distributed.broadcast_from_rank_zero(settings), hardware, ranks)


def _run(settings: TrainSettings, hardware: HardwareChoices, ranks: RankInfo) -> Result:
    began = time.monotonic()
    if ranks.rank:
        logging.getLogger().setLevel(logging.ERROR)  # rank 0 says it for all
    folder = make_folder(Path(settings.output_dir))
    start = distributed.broadcast_from_rank_zero(find_start(settings, folder) if is_rank_zero() else Start())
    if start.finished is not None:
        log.info("%s is finished", folder)
        return outcome.earlier_result(folder, start.finished)
    settings = settings.with_tiles_of(start.data).with_plan_of(start.trainer)
    pl.seed_everything(settings.seed, workers=True, verbose=False)

    with distributed.rank_zero_first():
        data, doubts = prepare_data(settings, folder, start, ranks)
    net_config = assembly.net_config(settings.model, data)
    net, transferred = net_to_train(net_config, settings, start, data)
    assembly.refuse_output(net, net_config, data.tile)
    loss_config = assembly.loss_config(settings.loss, data)
    loss, optimizer = build(loss_config, "loss"), build(settings.optimizer, "optimizer")
    schedule = build(settings.scheduler, "scheduler")
    device = torch.device("cuda" if on_gpu(settings.trainer.accelerator) else "cpu")
    trial = memory.MemoryTrial(net, loss, optimizer, (data.input_channels, *data.tile), device)
    trainer_settings = memory.with_batch_size(settings.trainer, start.begun, trial, data)
    seconds = None
    if settings.minutes is not None and start.begun is None:  # else it goes on with the plan of its beginning
        ends = began + 60 * settings.minutes
        trainer_settings, seconds = plan.planned_until(ends, settings, trainer_settings, trial, data)

    # as they are kept
    settings = replace(settings.with_tiles_of(data.to_plain()), loss=loss_config, trainer=trainer_settings)
    info = info_of(data, net_config, settings.to_plain())
    task = SegmentationTask(
        net, loss, optimizer, info, schedule, settings.seed, transferred, settings.start_from_lr_factor
    )
    if hardware.compile:
        net.compile()
    clock = StepClock()
    validated = bool(data.blocks_of("validation"))
    trainer = assembly.trainer_of(settings, folder, clock, validated=validated, seconds=seconds)
    log.info("%s", assembly.describe(net, settings.seed))
    log.info("%s", hardware.why)
    forget_peak_memory(device)
    if is_rank_zero():  # not before: a run that is refused stays as it was
        resume.tidy(folder, start.checkpoint)
    if not fit(trainer, task, data, start.checkpoint):
        raise memory.explain(
            trial, data.batch_size, settings.data["batch_size"], trainer_settings.precision, ranks.count
        )
    costs = replace(costs_of(info, settings.trusted), step_ms=clock.step_ms, peak_memory=peak_memory(device))
    record = record_of(info, costs, trainer_settings.accelerator, trainer.precision, launch=ranks)
    return _scored(settings, trainer, data, record, doubts)


def _scored(
    settings: TrainSettings, trainer: pl.Trainer, data: TimelapseData, record: RunRecord, doubts: list[str]
) -> Result:
    """Score the net that the run ended with, and note in its folder that it has ended."""
    folder = Path(settings.output_dir)
    with distributed.rank_zero_first():  # it has moved the last checkpoint to its place
        checkpoint = outcome.best_checkpoint(trainer, folder)
    result = outcome.score(
        checkpoint, data, folder, record, doubts, report=settings.report, trust=settings.trusted
    )
    if is_rank_zero():
        resume.mark_finished(folder, result.checkpoint, settings.trainer.to_plain())
    return result
