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
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from hydra.errors import InstantiationException
from hydra.utils import instantiate
from lightning_fabric.utilities.exceptions import MisconfigurationException
from numpy.typing import NDArray
from omegaconf import DictConfig, OmegaConf
from pytorch_lightning.callbacks import Checkpoint, ModelCheckpoint
from torch import nn

import hela_seg
from hela_seg import memory, resume, runs
from hela_seg.callbacks import EpochBar
from hela_seg.checkpoints import WholeCheckpoints
from hela_seg.costs import StepClock, costs_of, record_of
from hela_seg.data.alike import find_alike, looks_of
from hela_seg.data.datamodule import TimelapseData
from hela_seg.data.splits import write_split
from hela_seg.errors import InputError
from hela_seg.files import make_folder
from hela_seg.hardware import OWN_KEYS, Choices, Machine, settle
from hela_seg.inference import Predictor, count_frames
from hela_seg.losses import balanced_weights
from hela_seg.metrics import Scores, scores
from hela_seg.models import start_from_pretrained
from hela_seg.report.run import write_report
from hela_seg.report.tables import print_files, print_scores, print_split, write_results
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
)


@dataclass(frozen=True)
class Result:
    """What a training run ends with.

    Attributes:
        checkpoint: the one that was scored: the best, or the last where nothing was validated.
        matrix: (K, K) confusion matrix on the test frames; None where there are none.
        scores: computed from the matrix.
    """

    checkpoint: Path
    matrix: NDArray[np.int64] | None
    scores: Scores | None

    @property
    def validation_score(self) -> float | None:
        """The m-IoU of the checkpoint on the validation frames, if any: what a search makes higher."""
        return runs.validation_score(self.checkpoint)


def train(config: DictConfig) -> Result:
    """Train as a configuration says; see ``conf/train.yaml`` for its keys.

    Raises:
        InputError: data or settings that cannot be used.
    """
    folder = make_folder(Path(config.output_dir))
    if config.resume and (ended_with := resume.finished(folder, config)):
        return _found_finished(folder, ended_with)
    start = resume.starting_point(folder, resume=config.resume, ckpt_path=config.ckpt_path)
    pl.seed_everything(config.seed, workers=True, verbose=False)
    choices = _settle(config)
    data = _data(config, folder, start)

    net_config = _net_config(config, data)
    net, loss, optimizer = instantiate(net_config), _loss(config, data), instantiate(config.optimizer)
    _refuse_tile(config.data.tile, net)
    if start is None:
        start_from_pretrained(net)
    device = torch.device("cuda" if Machine.here(config.trainer.accelerator).gpu else "cpu")
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
        raise memory.explain(trial, data.batch_size, config.data.batch_size, config.trainer.precision)
    costs = replace(costs_of(info), step_ms=clock.step_ms, peak_memory=peak_memory(device))
    record = record_of(info, costs, config.trainer.accelerator, trainer.precision)
    result = _score(_best(trainer, folder), data, folder, record)
    resume.mark_finished(folder, result.checkpoint, config)
    return result


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
    resume.tidy(folder, start)
    data.prepare(folder / runs.CLASS_POSITIONS)
    write_split(folder / runs.SPLIT_TABLE, data.blocks, data.names)
    print_split(data.blocks, data.names)
    _warn_of_leaks(data)
    return data


def _settle_batch(config: DictConfig, trial: memory.Trial, data: TimelapseData) -> None:
    """Have as many tiles pass through the net at a time as are wished for or fit, and the rest add up."""
    batch, key = config.data.batch_size, config.trainer
    key.batch_size = data.batch_size = memory.settle(trial, key.batch_size, batch, key.precision)
    key.accumulate_grad_batches *= batch // data.batch_size
    if data.batch_size < batch:
        log.info("%d tiles at a time, whose gradients add up to steps of %d", data.batch_size, batch)


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


def _found_finished(folder: Path, checkpoint: Path) -> Result:
    log.info("%s is finished", folder)
    if not (folder / runs.SCORES_JSON).exists():
        return Result(checkpoint, None, None)
    matrix = np.array(runs.read_json(folder / runs.SCORES_JSON)["confusion_matrix"])
    return Result(checkpoint, matrix, scores(matrix))


def _settle(config: DictConfig) -> Choices:
    """Replace what is said relative to this machine and folder by what it means here."""
    config.data.root = str(Path(config.data.root).absolute())
    choices = settle(config.trainer, config.optimizer)
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
    on_terminal = config.trainer.enable_progress_bar and sys.stderr.isatty()
    if on_terminal:
        callbacks.append(EpochBar())
    try:
        trainer: pl.Trainer = instantiate(
            {key: value for key, value in config.trainer.items() if key not in OWN_KEYS},
            callbacks=callbacks,
            logger=[instantiate(logger) for logger in config.logger.values()],
            plugins=[WholeCheckpoints()],
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


def _best(trainer: pl.Trainer, folder: Path) -> Path:
    """The checkpoint to use: the best where one is kept, else the last."""
    kept = [callback for callback in trainer.checkpoint_callbacks if isinstance(callback, ModelCheckpoint)]
    best = next((Path(callback.best_model_path) for callback in kept if callback.best_model_path), None)
    last = folder / runs.CHECKPOINTS / runs.LAST_CHECKPOINT
    if best is None and not last.exists():
        raise InputError("no checkpoint was kept, expected one to score: use callbacks=default")
    return best or last


def _score(checkpoint: Path, data: TimelapseData, folder: Path, record: runs.RunRecord) -> Result:
    if not data.of("test"):
        runs.write_record(folder / runs.RUN_RECORD, record)
        log.info("no series is kept for testing, so nothing is scored")
        report = write_report(folder, "train", data, [], None)
        print_files({"checkpoint": checkpoint, "run": folder, "report": report or "none"})
        return Result(checkpoint, None, None)
    predictor = Predictor.from_checkpoint(checkpoint)
    counts, reliability, seconds = count_frames(predictor, data.recordings, data.of("test"), data.labels)
    record = replace(record, costs=replace(record.costs, frame_s=seconds / len(counts)))
    found = write_results(folder, counts, data.classes, record, reliability)
    print_scores(found, data.classes, "Test scores, all pixels pooled")
    report = write_report(folder, "train", data, data.of("test"), predictor)
    print_files({"checkpoint": checkpoint, "run": folder, "report": report or "none"})
    return Result(checkpoint, counts.pooled, found)


def _describe(net: nn.Module, config: DictConfig) -> str:
    parameters = sum(parameter.numel() for parameter in net.parameters())
    return f"{type(net).__name__}, {parameters:,} trainable parameters, seed {config.seed}"
