"""How a run starts: anew, with the weights of another one, or where it was interrupted."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from hela_seg.data.datamodule import TimelapseData
from hela_seg.models import start_from_pretrained
from hela_seg.runs import resume
from hela_seg.runs.checkpoint import ModelInfo, read_content, read_info
from hela_seg.training import assembly, fine_tuning
from hela_seg.training.inputs import Inputs
from hela_seg.training.settings import TrainSettings

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Start:
    """Where a run begins.

    Attributes:
        finished: the checkpoint that it ended with before; None for one that is to train.
        checkpoint: with whose training it goes on; None where it begins its own.
        begun: what that checkpoint says of the run, where it is of this run.
    """

    finished: Path | None = None
    checkpoint: Path | None = None
    begun: ModelInfo | None = None

    @property
    def data(self) -> Mapping[str, Any]:
        """The settings of its data that the run began with; none for a run that begins anew."""
        return {} if self.begun is None else self.begun.data


def find_start(settings: TrainSettings, folder: Path) -> Start:
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
        return Start(checkpoint=checkpoint)
    start = Start(ended_with, checkpoint, begun := read_info(checkpoint, read_content(checkpoint)))
    resume.check_same_settings(begun, settings.with_tiles_of(start.data).to_plain(), checkpoint)
    return start


def net_to_train(
    config: dict[str, Any], settings: TrainSettings, start: Start, data: TimelapseData
) -> tuple[nn.Module, list[str]]:
    """The net to train, with its first weights where Lightning does not take them from a checkpoint.

    Returns:
        The net, and the names of its parameters that learn at a rate of their own, see `fine_tuning`.
    """
    transfer, names = None, data.classes.names
    if start.checkpoint is None and settings.start_from is not None:
        inputs = Inputs.of_data(data)
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
    levels = (
        f"grey values are normalised by these images ({data.normalisation.kind}), not as in the checkpoint"
    )
    for line in (*transfer.lines, rate, levels):
        log.info("  %s", line)
    for line in transfer.warnings:
        log.warning("warning: %s", line)
