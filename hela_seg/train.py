"""``python -m hela_seg.train``: train a net, keep the best, score it on series that training never saw."""

from __future__ import annotations

import sys

from hela_seg.cli import main

if __name__ == "__main__":
    # before the imports below, which take seconds that --help need not take
    sys.exit(main("train"))

import logging
import platform
import warnings
from collections.abc import Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from hydra.errors import InstantiationException
from hydra.utils import instantiate
from lightning_fabric.utilities.exceptions import MisconfigurationException
from omegaconf import DictConfig, OmegaConf
from pytorch_lightning.callbacks import Checkpoint
from torch import nn

import hela_seg
from hela_seg import ddp, memory, outcome, processes, resume, runs
from hela_seg.callbacks import EpochBar
from hela_seg.checkpoints import WholeCheckpoints
from hela_seg.costs import StepClock, costs_of, record_of
from hela_seg.data.alike import find_alike, looks_of
from hela_seg.data.datamodule import TimelapseData
from hela_seg.data.splits import write_split
from hela_seg.errors import InputError
from hela_seg.files import make_folder
from hela_seg.hardware import OWN_KEYS, Choices, on_gpu, settle
from hela_seg.launch import Launch
from hela_seg.losses import balanced_weights
from hela_seg.models import start_from_pretrained
from hela_seg.outcome import Result
from hela_seg.report.tables import print_split
from hela_seg.task import SegmentationTask
from hela_seg.timing.machine import forget_peak_memory, peak_memory

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
    launch = Launch.here()
    ddp.settle(config.trainer, launch, config.data.batch_size)
    if "strategy" not in config.trainer:
        return _train(config, Launch())
    with processes.joined(launch, gpu=on_gpu(config.trainer.accelerator)):
        # rank 0 has made the folder, and only it knows the second at which that was
        plain: Any = processes.told(OmegaConf.to_container(config, resolve=True))
        return _train(OmegaConf.create(plain), launch)


def _train(config: DictConfig, launch: Launch) -> Result:
    if launch.rank:
        logging.getLogger().setLevel(logging.ERROR)  # rank 0 says it for all
    folder = make_folder(Path(config.output_dir))
    ended_with, start = processes.told(_looked_at(config, folder) if processes.is_first() else (None, None))
    if ended_with:
        log.info("%s is finished", folder)
        return outcome.found(folder, ended_with)
    pl.seed_everything(config.seed, workers=True, verbose=False)
    choices = _settle(config, launch)
    with processes.first_before_others():
        data = _data(config, folder, start)
    data.launch = launch

    net_config = _net_config(config, data)
    net, loss, optimizer = instantiate(net_config), _loss(config, data), instantiate(config.optimizer)
    _refuse_tile(config.data.tile, net)
    if start is None:
        start_from_pretrained(net)
    device = torch.device("cuda" if on_gpu(config.trainer.accelerator) else "cpu")
    trial = memory.Trial(net, loss, optimizer, (data.channels, *data.tile), device)
    _settle_batch(config, trial, data)
    info = _model_info(config, net_config, data)
    task = SegmentationTask(net, loss, optimizer, info, instantiate(config.scheduler), config.seed)
    if choices.compile:
        net.compile()
    clock = StepClock()
    trainer = _trainer(config, folder, clock, validated=bool(data.of("validation")))
    log.info("%s", _describe(net, config))
    log.info("%s", choices.why)
    forget_peak_memory(device)
    if not _fit(trainer, task, data, start):
        precision, batch = config.trainer.precision, config.data.batch_size
        raise memory.explain(trial, data.batch_size, batch, precision, launch.count)
    costs = replace(costs_of(info), step_ms=clock.step_ms, peak_memory=peak_memory(device))
    record = record_of(info, costs, config.trainer.accelerator, trainer.precision)
    with processes.first_before_others():  # it has moved the last checkpoint to its place
        checkpoint = outcome.best_checkpoint(trainer, folder)
    result = outcome.score(checkpoint, data, folder, record)
    if processes.is_first():
        resume.mark_finished(folder, result.checkpoint, config)
    return result


def _looked_at(config: DictConfig, folder: Path) -> tuple[Path | None, Path | None]:
    """The checkpoint that a run ended with, if it has, and the one that training starts from, if any."""
    ended_with = resume.finished(folder, config) if config.resume else None
    if ended_with:
        return ended_with, None
    return None, resume.starting_point(folder, resume=config.resume, ckpt_path=config.ckpt_path)


def _data(config: DictConfig, folder: Path, start: Path | None) -> TimelapseData:
    """The data, looked at and split, as they were split when a run that goes on began."""
    data: TimelapseData = instantiate(config.data, augment=instantiate(config.augment))
    split = None
    if config.resume and start:
        before = runs.read_info(start, runs.read_content(start))
        resume.refuse_changed(before, config, start)
        split = before.split
    data.open(split)
    _refuse_unwatched(config, data)
    if processes.is_first():
        resume.tidy(folder, start)
    data.prepare(folder / runs.CLASS_POSITIONS)
    if processes.is_first():
        write_split(folder / runs.SPLIT_TABLE, data.blocks, data.names)
        print_split(data.blocks, data.names)
        _warn_of_leaks(data)
    return data


def _settle_batch(config: DictConfig, trial: memory.Trial, data: TimelapseData) -> None:
    """Have as many tiles pass through the net at a time as are wished for or fit, and the rest add up."""
    batch, key, ranks = config.data.batch_size, config.trainer, data.launch.count
    # what finds room in the smallest of several devices
    fit = min(processes.gathered(memory.settle(trial, key.batch_size, batch, key.precision, ranks)))
    key.batch_size = data.batch_size = fit
    key.accumulate_grad_batches *= batch // ranks // fit
    if fit * ranks < batch:
        log.info("%d tiles at a time, whose gradients add up to steps of %d", fit, batch // ranks)


def _fit(trainer: pl.Trainer, task: SegmentationTask, data: TimelapseData, start: Path | None) -> bool:
    """Train; False where memory ran out, by then free again of what the exception held."""
    with warnings.catch_warnings():
        for needless in NEEDLESS_WARNINGS:
            warnings.filterwarnings("ignore", needless)
        try:
            trainer.fit(task, datamodule=data, ckpt_path=start, weights_only=True)
        except RuntimeError as error:
            if not memory.is_out_of_memory(error):
                raise
            return False
    return True


def _settle(config: DictConfig, launch: Launch) -> Choices:
    """Replace what is said relative to this machine and folder by what it means here."""
    config.data.root = str(Path(config.data.root).absolute())
    choices = settle(config.trainer, config.optimizer, launch.count)
    choices.apply()
    return choices


def _refuse_unwatched(config: DictConfig, data: TimelapseData) -> None:
    monitor = str(config.scheduler.get("monitor"))
    if monitor.endswith("/validation") and not data.of("validation"):
        raise InputError(
            f"scheduler.monitor is {monitor} but no frame is for validation (data.split.validation=0), "
            "expected some: validate, or choose a schedule that waits for nothing, such as scheduler=cosine"
        )


def _warn_of_leaks(data: TimelapseData) -> None:
    twins = find_alike(looks_of(data.recordings, data.blocks))
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


def _net_config(config: DictConfig, data: TimelapseData) -> dict[str, Any]:
    """The net's configuration with channels and classes as the data have them."""
    plain: dict[str, Any] = OmegaConf.to_container(config.model, resolve=True)  # type: ignore[assignment]
    for key, found in (("in_channels", data.channels), ("classes", len(data.classes))):
        if plain.get(key) not in (None, found):
            raise InputError(
                f"model.{key} is {plain[key]} but the data have {found}: leave model.{key} "
                "out, it follows from the data"
            )
        plain[key] = found
    return plain


def _refuse_tile(tile: Sequence[int], net: nn.Module) -> None:
    stride = getattr(net, "stride", 1)
    if any(size % stride for size in tile):
        raise InputError(
            f"data.tile is {list(tile)}, expected multiples of {stride}, by which this net shrinks its input"
        )


def _loss(config: DictConfig, data: TimelapseData) -> nn.Module:
    if config.loss.get("class_weights") == "balanced":
        counts = data.survey.pixels["train"].tolist()
        config.loss.class_weights = balanced_weights(counts)
    loss: nn.Module = instantiate(config.loss)
    return loss


def _model_info(config: DictConfig, net: dict[str, Any], data: TimelapseData) -> runs.ModelInfo:
    resolved: dict[str, Any] = OmegaConf.to_container(config, resolve=True)  # type: ignore[assignment]
    return runs.ModelInfo(
        net=net,
        classes=data.classes.to_plain(),
        normalisation=data.normalisation.to_plain(),
        channels=data.channels,
        axes=data.axes,
        split=data.split_rows(),
        config=resolved,
        versions={
            "hela_seg": hela_seg.__version__,
            "python": platform.python_version(),
            "torch": str(torch.__version__),
            "pytorch_lightning": version("pytorch-lightning"),
        },
    )


def _trainer(config: DictConfig, folder: Path, clock: StepClock, *, validated: bool) -> pl.Trainer:
    callbacks = [
        instantiate(callback)
        for callback in config.callbacks.values()
        if validated or callback.get("monitor") is None
    ]
    callbacks.append(clock)
    if "strategy" in config.trainer:
        callbacks.append(ddp.InStep())
    on_terminal = config.trainer.enable_progress_bar and sys.stderr.isatty() and processes.is_first()
    if on_terminal:
        callbacks.append(EpochBar())
    try:
        trainer: pl.Trainer = instantiate(
            {key: value for key, value in config.trainer.items() if key not in OWN_KEYS},
            callbacks=callbacks,
            logger=[instantiate(logger) for logger in config.logger.values()],
            plugins=[WholeCheckpoints(), *ddp.plugins(config.trainer)],
            enable_checkpointing=any(isinstance(callback, Checkpoint) for callback in callbacks),
            default_root_dir=str(folder),
            limit_val_batches=1.0 if validated else 0,
            enable_progress_bar=on_terminal,
        )
    except InstantiationException as error:
        if isinstance(error.__cause__, MisconfigurationException):
            raise InputError(
                f"trainer: {error.__cause__} Choose trainer=auto, or other trainer settings"
            ) from None
        raise
    return trainer


def _describe(net: nn.Module, config: DictConfig) -> str:
    parameters = sum(parameter.numel() for parameter in net.parameters())
    return f"{type(net).__name__}, {parameters:,} trainable parameters, seed {config.seed}"
