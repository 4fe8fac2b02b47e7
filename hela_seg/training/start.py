"""How a run starts: where it goes on, if it does, and with which data and net."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

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
from hela_seg.system.distributed import is_rank_zero
from hela_seg.system.ranks import RankInfo
from hela_seg.system.settings import build
from hela_seg.training import assembly, fine_tuning
from hela_seg.training.settings import TrainSettings

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Start:
    """Where a run begins.

    Attributes:
        finished: the checkpoint that the run ended with earlier; None where it has to train.
        checkpoint: that training goes on from; None for a new training.
        begun: what that checkpoint says about this run; None where it belongs to another run.
    """

    finished: Path | None = None
    checkpoint: Path | None = None
    begun: ModelInfo | None = None

    @property
    def data(self) -> Mapping[str, Any]:
        """The settings of the data that an interrupted run began with; empty for a new run."""
        return {} if self.begun is None else self.begun.data

    @property
    def trainer(self) -> Mapping[str, Any]:
        """The settings of the trainer that an interrupted run began with; empty for a new run."""
        return {} if self.begun is None else self.begun.config["trainer"]


def find_start(settings: TrainSettings, folder: Path) -> Start:
    """Look at what an earlier start of a run has left in its folder.

    Raises:
        InputError: the folder holds a run that may not be continued, or not with these settings.
    """
    length = settings.trainer.to_plain() if settings.minutes is None else None
    ended_with = resume.finished(folder, length) if settings.resume else None
    checkpoint = ended_with or resume.starting_point(
        folder, resume=settings.resume, ckpt_path=settings.ckpt_path
    )
    if checkpoint is None and settings.start_from is not None:
        read_info(settings.start_from, read_content(settings.start_from))  # refused before the data are read
    if checkpoint is None or not settings.resume or not checkpoint.is_relative_to(folder):
        return Start(checkpoint=checkpoint)
    begun = read_info(checkpoint, read_content(checkpoint))
    start = Start(ended_with, checkpoint, begun)
    resume.check_same_settings(begun, settings.with_tiles_of(start.data).to_plain(), checkpoint)
    return start


def prepare_data(
    settings: TrainSettings, folder: Path, start: Start, ranks: RankInfo
) -> tuple[TimelapseData, list[str]]:
    """Open, split and survey the data of a run; an interrupted run keeps the split that it began with.

    Args:
        settings: of the run.
        folder: of the run; gets the table of the split.
        start: where the run begins.
        ranks: the place of this process among several that share the tiles.

    Returns:
        The data, and on rank 0 warnings of what makes scores on them doubtful.
    """
    doubts: list[str] = []
    data: TimelapseData = build(settings.data, "data", augment=build(settings.augment, "augment"))
    data.open(None if start.begun is None else start.begun.split)
    data.launch = ranks
    validated = bool(data.blocks_of("validation"))
    assembly.refuse_unlogged(settings, data.classes.names, validated=validated)
    data.prepare(folder / run_folder.CLASS_POSITIONS)
    if is_rank_zero():
        if data.files.layout == "synthetic":
            log.info("recordings of drawn cells with known truth: %s", data.files.root)
        write_split(folder / run_folder.SPLIT_TABLE, data.blocks, data.names)
        print_split(data.blocks, data.names)
        _tell_exposures(data)
        doubts = [*never_trained(data.survey.pixels, data.classes), *_leaks(data)]
        for line in doubts:
            log.warning("warning: %s", line)
    return data, doubts


def _tell_exposures(data: TimelapseData) -> None:
    normalisation = data.normalisation
    if normalisation.reason is not None:
        log.info("data.normalise=auto: %s, since %s", normalisation.kind, normalisation.reason)
    elif normalisation.kind != "frame":
        for line in data.unlike_exposures:
            log.warning("warning: %s: convert all alike, or take data.normalise=auto or frame", line)


def _leaks(data: TimelapseData) -> Iterator[str]:
    looks = look_at_frames(data.recordings, data.blocks, data.labels)
    twins = find_near_duplicates(looks)
    if twins:
        alike = (twins[0].first, twins[0].second)
        first, second = (f"'{data.names[look.series]}' frame {look.t}" for look in alike)
        yield (
            f"{len(twins)} frame(s) of validation or test look like frames on another side of the split, or "
            f"have their masks, which flatters their scores; the most alike are {first} and {second} (see "
            "python -m hela_seg.check)"
        )
    yield from leaks_by_name(data.recordings, data.blocks, looks)


def net_to_train(
    config: dict[str, Any], settings: TrainSettings, start: Start, data: TimelapseData
) -> tuple[nn.Module, list[str]]:
    """Make the net to train; it gets its first weights here unless Lightning restores them from a checkpoint.

    Returns:
        The net, and the names of the parameters with a learning rate of their own, see `fine_tuning`.
    """
    transfer, names = None, data.classes.names
    if start.checkpoint is None and settings.start_from is not None:
        inputs = fine_tuning.Inputs.of_data(data)
        transfer = fine_tuning.plan(Path(settings.start_from), config, names, inputs, settings.trusted)
    net = assembly.net_of(config, settings.trusted)
    assembly.refuse_tile(data.tile, net)
    if start.checkpoint is not None:
        goes_on = start.begun is not None
        resume.check_compatible(start.checkpoint, net, names, settings.to_plain(), goes_on=goes_on)
    elif settings.ckpt_path is not None:
        resume.take_weights(Path(settings.ckpt_path), net, names)
    elif transfer is not None:
        assembly.begin_with_own_frame(net, data.channels, data.context)
        transfer.fill(net)
        _tell_transfer(transfer, settings, data)
        return net, transfer.kept(net) if settings.start_from_lr_factor != 1 else []
    else:
        start_from_pretrained(net)
        assembly.begin_with_own_frame(net, data.channels, data.context)
    return net, resume.transferred(start.checkpoint)


def _tell_transfer(transfer: fine_tuning.Transfer, settings: TrainSettings, data: TimelapseData) -> None:
    log.info("start_from=%s", settings.start_from)
    factor = settings.start_from_lr_factor
    rate = "all layers learn at one rate (start_from_lr_factor=1)"
    if factor != 1:
        rate = f"what is kept learns at {factor:g} of the learning rate (start_from_lr_factor)"
    kind = data.normalisation.kind
    levels = f"grey values are normalised by these images ({kind}), not as in the checkpoint"
    for line in (*transfer.lines, rate, levels):
        log.info("  %s", line)
    for line in transfer.warnings:
        log.warning("warning: %s", line)
