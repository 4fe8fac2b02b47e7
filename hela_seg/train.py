"""``python -m hela_seg.train``: train a net, keep the best, score it on series that training never saw."""

from __future__ import annotations

import sys

from hela_seg.cli import main

if __name__ == "__main__":
    # before the imports below, which take seconds that --help need not take
    sys.exit(main("train"))

import logging
import signal
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf

from hela_seg.data.checks.near_duplicates import find_near_duplicates, hash_frames
from hela_seg.data.datamodule import TimelapseData
from hela_seg.data.labels.balance import never_trained
from hela_seg.data.splits.split import write_split
from hela_seg.models import start_from_pretrained
from hela_seg.report.tables import print_split
from hela_seg.runs import resume, run_folder
from hela_seg.runs.checkpoint import read_content, read_info
from hela_seg.runs.records import RunRecord
from hela_seg.system import distributed
from hela_seg.system.errors import InputError, Interrupted
from hela_seg.system.files import make_folder
from hela_seg.system.hardware import HardwareChoices, on_gpu, resolve_hardware, take_gpu
from hela_seg.system.machine import forget_peak_memory, peak_memory
from hela_seg.system.ranks import RankInfo
from hela_seg.training import assembly, ddp, memory, outcome
from hela_seg.training.costs import StepClock, costs_of, record_of
from hela_seg.training.outcome import Result
from hela_seg.training.task import SegmentationTask

log = logging.getLogger(__name__)
# it tells of devices and of products; the line about the net and its hardware is ours
logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)

NEEDLESS_WARNINGS = (
    ".*does not have many workers",  # data.workers has a rule of its own
    ".*smaller than the logging interval",  # short epochs are logged at their end
    ".*LeafSpec.*deprecated",  # between Lightning and torch
    ".*your dataloader is not resumable",  # ours starts where the run goes on
    "Checkpoint directory .* is not empty",  # a run that goes on finds what it left
    ".*recommended to use `self.log.*sync_dist=True",  # what is logged is the same in all processes
    "Grad strides do not match bucket view strides",  # of 1x1 convolutions, whose layout is both
)


def train(config: DictConfig) -> Result:
    """Train as a configuration says; see ``conf/train.yaml`` for its keys.

    Where several processes were started together, each of them calls this, and all have the result.

    Raises:
        InputError: data or settings that cannot be used, or another process that has ended.
    """
    launch = RankInfo.here()
    assembly.refuse_counts(config.trainer)
    assembly.refuse_seed(config.seed)
    ddp.configure_ddp(config.trainer, launch, config.data.batch_size)
    if "strategy" not in config.trainer:
        return _train(config, RankInfo())
    with distributed.process_group(launch, gpu=on_gpu(config.trainer.accelerator)):
        # rank 0 has made the folder, and only it knows the second at which that was
        plain: Any = distributed.broadcast_from_rank_zero(OmegaConf.to_container(config, resolve=True))
        return _train(OmegaConf.create(plain), launch)


def _train(config: DictConfig, launch: RankInfo) -> Result:
    if launch.rank:
        logging.getLogger().setLevel(logging.ERROR)  # rank 0 says it for all
    folder = make_folder(Path(config.output_dir).absolute())
    config.output_dir = str(folder)
    ended_with, start = distributed.broadcast_from_rank_zero(
        _looked_at(config, folder) if distributed.is_rank_zero() else (None, None)
    )
    if ended_with:
        log.info("%s is finished", folder)
        return outcome.earlier_result(folder, ended_with)
    # a run without a checkpoint of its own begins, whether or not it was to go on
    config.resume = start is not None and start.is_relative_to(folder)
    pl.seed_everything(config.seed, workers=True, verbose=False)
    choices = _settle(config, launch)
    with distributed.rank_zero_first():
        data = _data(config, folder, start)
    data.launch = launch
    trainer, record = _learn(config, data, folder, start, choices)
    return _ended(config, data, folder, trainer, record)


def _learn(
    config: DictConfig, data: TimelapseData, folder: Path, start: Path | None, choices: HardwareChoices
) -> tuple[pl.Trainer, RunRecord]:
    """Train a net on the data, from nothing or from a checkpoint.

    Returns:
        The trainer, which knows the checkpoints that were kept, and what training cost.

    Raises:
        InputError: settings that cannot be used, or a batch that does not fit into memory.
    """
    net_config = assembly.net_config(config, data)
    net, loss = assembly.net_of(net_config), assembly.loss_of(config, data)
    optimizer = instantiate(config.optimizer)
    assembly.refuse_tile(config.data.tile, net)
    if start is not None:
        resume.check_compatible(start, net, config)
    elif config.ckpt_path is not None:
        resume.take_weights(Path(config.ckpt_path), net)
    else:
        start_from_pretrained(net)
    device = torch.device("cuda" if on_gpu(config.trainer.accelerator) else "cpu")
    trial = memory.MemoryTrial(net, loss, optimizer, (data.channels, *data.tile), device)
    _settle_batch(config, trial, data)
    info = assembly.model_info(config, net_config, data)
    task = SegmentationTask(net, loss, optimizer, info, instantiate(config.scheduler), config.seed)
    if choices.compile:
        net.compile()
    clock = StepClock()
    trainer = assembly.trainer_of(config, folder, clock, validated=bool(data.blocks_of("validation")))
    log.info("%s", assembly.describe(net, config))
    log.info("%s", choices.why)
    forget_peak_memory(device)
    if not _fit(trainer, task, data, start):
        precision, batch = config.trainer.precision, config.data.batch_size
        raise memory.explain(trial, data.batch_size, batch, precision, data.launch.count)
    costs = replace(costs_of(info), step_ms=clock.step_ms, peak_memory=peak_memory(device))
    record = record_of(info, costs, config.trainer.accelerator, trainer.precision, launch=data.launch)
    return trainer, record


def _ended(
    config: DictConfig, data: TimelapseData, folder: Path, trainer: pl.Trainer, record: RunRecord
) -> Result:
    """Score the checkpoint to use, and leave word that the run has come to its end."""
    with distributed.rank_zero_first():  # it has moved the last checkpoint to its place
        checkpoint = outcome.best_checkpoint(trainer, folder)
    result = outcome.score(checkpoint, data, folder, record, report=config.report)
    if distributed.is_rank_zero():
        resume.mark_finished(folder, result.checkpoint, config)
    return result


def _looked_at(config: DictConfig, folder: Path) -> tuple[Path | None, Path | None]:
    """The checkpoint that a run ended with, if it has, and the one that training starts from, if any."""
    ended_with = resume.finished(folder, config) if config.resume else None
    if ended_with:
        resume.check_same_settings(read_info(ended_with, read_content(ended_with)), config, ended_with)
        return ended_with, None
    return None, resume.starting_point(folder, resume=config.resume, ckpt_path=config.ckpt_path)


def _data(config: DictConfig, folder: Path, start: Path | None) -> TimelapseData:
    """The data, looked at and split, as they were split when a run that goes on began."""
    data: TimelapseData = instantiate(config.data, augment=instantiate(config.augment))
    split = None
    if config.resume and start:
        before = read_info(start, read_content(start))
        resume.check_same_settings(before, config, start)
        split = before.split
    data.open(split)
    _refuse_unwatched(config, data)
    if distributed.is_rank_zero():
        resume.tidy(folder, start)
    data.prepare(folder / run_folder.CLASS_POSITIONS)
    if distributed.is_rank_zero():
        write_split(folder / run_folder.SPLIT_TABLE, data.blocks, data.names)
        print_split(data.blocks, data.names)
        for line in never_trained(data.survey.pixels, data.classes):
            log.warning("warning: %s", line)
        _warn_of_leaks(data)
    return data


def _settle_batch(config: DictConfig, trial: memory.MemoryTrial, data: TimelapseData) -> None:
    """Settle how many tiles pass through the net at a time, and over how many passes gradients add up."""
    batch, key, ranks = config.data.batch_size, config.trainer, data.launch.count
    # what finds room in the smallest of several devices
    fit = min(
        distributed.all_gather(memory.resolve_batch_size(trial, key.batch_size, batch, key.precision, ranks))
    )
    key.batch_size = data.batch_size = fit
    key.accumulate_grad_batches *= batch // ranks // fit
    if fit * ranks < batch:
        step = fit * key.accumulate_grad_batches
        log.info("%d tiles at a time, whose gradients add up to steps of %d", fit, step)


def _fit(trainer: pl.Trainer, task: SegmentationTask, data: TimelapseData, start: Path | None) -> bool:
    """Train; False where memory ran out.

    An answer and not an exception, whose traceback would hold on to the memory that the caller then measures.
    """
    with warnings.catch_warnings():
        for needless in NEEDLESS_WARNINGS:
            warnings.filterwarnings("ignore", needless)
        try:
            with _ending_as_by_keyboard():
                trainer.fit(task, datamodule=data, ckpt_path=start, weights_only=True)
        except SystemExit:  # all that Lightning leaves of Ctrl+C
            number = signal.SIGTERM if trainer.received_sigterm else signal.SIGINT
            folder = trainer.default_root_dir
            raise Interrupted(number, f"go on with resume={folder}") from None
        except RuntimeError as error:
            if type(error).__module__.startswith(("torch._dynamo", "torch._inductor")):
                raise InputError(_not_compiled(error)) from None
            if not memory.is_out_of_memory(error):
                raise
            return False
    return True


def _not_compiled(error: Exception) -> str:
    reason = " ".join(str(error).partition("\n\n")[0].split())
    return (
        f"trainer.compile is true, but the net cannot be compiled here ({reason}): install what is missing, "
        "such as a C++ compiler (g++), or set trainer.compile=false"
    )


@contextmanager
def _ending_as_by_keyboard() -> Iterator[None]:
    """Let SIGTERM end training at once, as Ctrl+C does.

    Lightning would wait for the end of a batch or of all validation, and leave with status 0.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _settle(config: DictConfig, launch: RankInfo) -> HardwareChoices:
    """Put the full path of the data, and what this machine has switched on, into the settings."""
    config.data.root = str(Path(config.data.root).absolute())
    if on_gpu(config.trainer.accelerator):
        take_gpu(config.trainer.devices)
    choices = resolve_hardware(config.trainer, config.optimizer, launch.count)
    choices.apply()
    return choices


def _refuse_unwatched(config: DictConfig, data: TimelapseData) -> None:
    assembly.refuse_unlogged(config, data.classes.names)
    monitor = str(config.scheduler.get("monitor"))
    if monitor.endswith("/validation") and not data.blocks_of("validation"):
        raise InputError(
            f"scheduler.monitor is {monitor} but no frame is for validation (data.split.validation=0), "
            "expected some: validate, or choose a schedule that waits for nothing, such as scheduler=cosine"
        )


def _warn_of_leaks(data: TimelapseData) -> None:
    twins = find_near_duplicates(hash_frames(data.recordings, data.blocks))
    if twins:
        first, second = (
            f"'{data.names[look.series]}' frame {look.t}" for look in (twins[0].first, twins[0].second)
        )
        log.warning(
            "warning: %d frame(s) of validation or test look like frames on another side of the split, which "
            "flatters their scores; the most alike are %s and %s (see python -m hela_seg.check)",
            len(twins),
            first,
            second,
        )
