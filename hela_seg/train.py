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
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytorch_lightning as pl
import torch

from hela_seg.cli.run import call
from hela_seg.data.checks.looks import look_at_frames
from hela_seg.data.checks.names import leaks_by_name
from hela_seg.data.checks.near_duplicates import find_near_duplicates
from hela_seg.data.datamodule import TimelapseData
from hela_seg.data.labels.balance import never_trained
from hela_seg.data.splits.split import write_split
from hela_seg.models import start_from_pretrained
from hela_seg.report.tables import print_split
from hela_seg.runs import resume, run_folder
from hela_seg.runs.checkpoint import ModelInfo, read_content, read_info
from hela_seg.system import distributed
from hela_seg.system.distributed import is_rank_zero
from hela_seg.system.files import make_folder
from hela_seg.system.hardware import HardwareChoices, on_gpu
from hela_seg.system.machine import forget_peak_memory, peak_memory
from hela_seg.system.ranks import RankInfo
from hela_seg.system.settings import build
from hela_seg.training import assembly, fine_tuning, memory, outcome, plan
from hela_seg.training.costs import StepClock, costs_of, record_of
from hela_seg.training.fit import fit
from hela_seg.training.inputs import Inputs
from hela_seg.training.outcome import Result
from hela_seg.training.settings import TrainerSettings, TrainSettings, resolve
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
    start = distributed.broadcast_from_rank_zero(_start(settings, folder) if is_rank_zero() else _Start())
    if start.finished is not None:
        log.info("%s is finished", folder)
        return outcome.earlier_result(folder, start.finished)
    settings = _with_tiles_of(settings, _data_of(start.begun))
    pl.seed_everything(settings.seed, workers=True, verbose=False)

    with distributed.rank_zero_first():
        data = _data(settings, folder, start, ranks)
    net_config = assembly.net_config(settings.model, data)
    net, transferred = _net(net_config, settings, start, data)
    assembly.refuse_output(net, net_config, data.tile)
    loss_config = assembly.loss_config(settings.loss, data)
    loss, optimizer = build(loss_config, "loss"), build(settings.optimizer, "optimizer")
    schedule = build(settings.scheduler, "scheduler")
    device = torch.device("cuda" if on_gpu(settings.trainer.accelerator) else "cpu")
    trial = memory.MemoryTrial(net, loss, optimizer, (data.input_channels, *data.tile), device)
    trainer_settings = _with_batch(settings.trainer, start, trial, data)
    trainer_settings, seconds = _planned(settings, trainer_settings, start, trial, data, began)

    # as they are kept
    with_tiles = _with_tiles_of(settings, data.to_plain())
    settings = replace(with_tiles, loss=loss_config, trainer=trainer_settings)
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
    if not fit(trainer, task, data, start.checkpoint):
        raise memory.explain(
            trial, data.batch_size, settings.data["batch_size"], trainer_settings.precision, ranks.count
        )

    costs = replace(costs_of(info, settings.trusted), step_ms=clock.step_ms, peak_memory=peak_memory(device))
    record = record_of(info, costs, trainer_settings.accelerator, trainer.precision, launch=ranks)
    with distributed.rank_zero_first():  # it has moved the last checkpoint to its place
        checkpoint = outcome.best_checkpoint(trainer, folder)
    result = outcome.score(checkpoint, data, folder, record, report=settings.report, trust=settings.trusted)
    if is_rank_zero():
        resume.mark_finished(folder, result.checkpoint, settings.trainer.to_plain())
    return result


@dataclass(frozen=True)
class _Start:
    """Where a run begins.

    Attributes:
        finished: the checkpoint that it ended with before; None for one that is to train.
        checkpoint: with whose training it goes on; None where it begins its own.
        begun: what that checkpoint says of the run, where it is of this run.
    """

    finished: Path | None = None
    checkpoint: Path | None = None
    begun: ModelInfo | None = None


def _start(settings: TrainSettings, folder: Path) -> _Start:
    """Look at what an earlier start has left in the run's folder.

    Raises:
        InputError: a run that is not to be gone on with, or not with these settings.
    """
    ended_with = resume.finished(folder, settings.trainer.to_plain()) if settings.resume else None
    checkpoint = ended_with or resume.starting_point(
        folder, resume=settings.resume, ckpt_path=settings.ckpt_path
    )
    if checkpoint is None and settings.start_from is not None:
        read_info(settings.start_from, read_content(settings.start_from))  # refused before the data are read
    if checkpoint is None or not settings.resume or not checkpoint.is_relative_to(folder):
        return _Start(checkpoint=checkpoint)
    begun = read_info(checkpoint, read_content(checkpoint))
    resume.check_same_settings(begun, _with_tiles_of(settings, _data_of(begun)).to_plain(), checkpoint)
    return _Start(ended_with, checkpoint, begun)


def _data_of(begun: ModelInfo | None) -> Mapping[str, Any]:
    """The settings of its data that a run began with; none for a run that begins anew."""
    return {} if begun is None else begun.config.get("data", {})


def _with_tiles_of(settings: TrainSettings, held: Mapping[str, Any]) -> TrainSettings:
    """The settings with the tiles that others have, where these were left open."""
    kept = {key: held[key] for key in ("tile", "batch_size") if settings.data[key] is None and key in held}
    return replace(settings, data={**settings.data, **kept})


def _data(settings: TrainSettings, folder: Path, start: _Start, ranks: RankInfo) -> TimelapseData:
    """The data, looked at and split, as they were split when a run that goes on began."""
    data: TimelapseData = build(settings.data, "data", augment=build(settings.augment, "augment"))
    data.open(None if start.begun is None else start.begun.split)
    data.launch = ranks
    validated = bool(data.blocks_of("validation"))
    assembly.refuse_unlogged(settings, data.classes.names, validated=validated)
    if is_rank_zero():
        resume.tidy(folder, start.checkpoint)
    data.prepare(folder / run_folder.CLASS_POSITIONS)
    if is_rank_zero():
        if data.files.layout == "synthetic":
            log.info("recordings of drawn cells with known truth: %s", data.files.root)
        write_split(folder / run_folder.SPLIT_TABLE, data.blocks, data.names)
        print_split(data.blocks, data.names)
        for line in never_trained(data.survey.pixels, data.classes):
            log.warning("warning: %s", line)
        _tell_exposures(data)
        _warn_of_leaks(data)
    return data


def _net(
    config: dict[str, Any], settings: TrainSettings, start: _Start, data: TimelapseData
) -> tuple[torch.nn.Module, list[str]]:
    """The net to train, with its first weights where Lightning does not take them from a checkpoint.

    Returns:
        The net, and the names of its parameters that learn at a rate of their own, see `fine_tuning`.
    """
    transfer = None
    if start.checkpoint is None and settings.start_from is not None:
        inputs = Inputs.of_data(data)
        names = data.classes.names
        transfer = fine_tuning.plan(Path(settings.start_from), config, names, inputs, settings.trusted)
    net = assembly.net_of(config, settings.trusted)
    assembly.refuse_tile(data.tile, net)
    if start.checkpoint is not None:
        goes_on = start.begun is not None
        resume.check_compatible(start.checkpoint, net, settings.to_plain(), goes_on=goes_on)
    elif settings.ckpt_path is not None:
        resume.take_weights(Path(settings.ckpt_path), net)
    elif transfer is not None:
        assembly.begin_with_own_frame(net, data.channels, data.context)
        transfer.fill(net)
        _tell_transfer(transfer, settings, data)
        return net, transfer.kept(net) if settings.start_from_lr_factor != 1 else []
    else:
        start_from_pretrained(net)
        assembly.begin_with_own_frame(net, data.channels, data.context)
    if settings.ckpt_path is not None and start.begun is None:
        resume.check_same_classes(Path(settings.ckpt_path), data.classes.names)
    return net, resume.transferred(start.checkpoint)


def _tell_transfer(transfer: fine_tuning.Transfer, settings: TrainSettings, data: TimelapseData) -> None:
    log.info("start_from=%s", settings.start_from)
    factor = settings.start_from_lr_factor
    rate = "all layers learn at one rate (start_from_lr_factor=1)"
    if factor != 1:
        rate = f"what is kept learns at {factor:g} of the learning rate (start_from_lr_factor)"
    levels = (
        f"grey values are normalised by these images ({data.normalisation.kind}), not as in the checkpoint"
    )
    for line in (*transfer.lines, rate, levels):
        log.info("  %s", line)
    for line in transfer.warnings:
        log.warning("warning: %s", line)


def _with_batch(
    settings: TrainerSettings, start: _Start, trial: memory.MemoryTrial, data: TimelapseData
) -> TrainerSettings:
    """The settings with how many tiles pass at a time, and over how many passes gradients add up."""
    wish = settings.batch_size
    if wish == "auto" and start.begun is not None:
        wish = start.begun.config["trainer"]["batch_size"]
    batch, count = data.batch_size, data.launch.count
    # what finds room in the smallest of several devices
    fit = min(
        distributed.all_gather(memory.resolve_batch_size(trial, wish, batch, settings.precision, count))
    )
    data.batch_size = fit
    passes = settings.accumulate_grad_batches * (batch // count // fit)
    if fit * count < batch:
        log.info("%d tiles at a time, whose gradients add up to steps of %d", fit, fit * passes)
    return replace(settings, batch_size=fit, accumulate_grad_batches=passes)


def _planned(
    settings: TrainSettings,
    trainer: TrainerSettings,
    start: _Start,
    trial: memory.MemoryTrial,
    data: TimelapseData,
    began: float,
) -> tuple[TrainerSettings, float | None]:
    """The settings with as many steps as fit into ``minutes``, and the seconds that these may take.

    As they are, and None, where there is no such limit or the run goes on with the plan of its beginning. The
    tiles that pass at a time are settled before; ``began`` is when the run did, by `time.monotonic`.
    """
    if settings.minutes is None or start.begun is not None:
        return trainer, None
    settling = settings.chosen("callbacks").get("settled_batch_norm", {}).get("batches", 0)
    work = plan.Work.of(data, trainer.accumulate_grad_batches, settling)
    pace = plan.measure(trial, data, trainer.precision)
    made = distributed.broadcast_from_rank_zero(
        plan.plan(60 * settings.minutes - (time.monotonic() - began), pace, work)
    )
    log.info("minutes=%g: %s", settings.minutes, made)
    limited = replace(
        trainer, max_steps=made.steps, max_epochs=made.epochs, check_val_every_n_epoch=made.every
    )
    return limited, made.seconds


def _tell_exposures(data: TimelapseData) -> None:
    normalisation = data.normalisation
    if normalisation.reason is not None:
        log.info("data.normalise=auto: %s, since %s", normalisation.kind, normalisation.reason)
    elif normalisation.kind != "frame":
        for line in data.unlike_exposures:
            log.warning("warning: %s: convert all alike, or take data.normalise=auto or frame", line)


def _warn_of_leaks(data: TimelapseData) -> None:
    looks = look_at_frames(data.recordings, data.blocks, data.labels)
    twins = find_near_duplicates(looks)
    if twins:
        first, second = (
            f"'{data.names[look.series]}' frame {look.t}" for look in (twins[0].first, twins[0].second)
        )
        log.warning(
            "warning: %d frame(s) of validation or test look like frames on another side of the split, or "
            "have their masks, which flatters their scores; the most alike are %s and %s (see python -m "
            "hela_seg.check)",
            len(twins),
            first,
            second,
        )
    for line in leaks_by_name(data.recordings, data.blocks, looks):
        log.warning("warning: %s", line)
