"""The data of a run: opened, split, and looked at for what makes its scores doubtful."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

from hela_seg.data.checks.looks import look_at_frames
from hela_seg.data.checks.names import leaks_by_name
from hela_seg.data.checks.near_duplicates import find_near_duplicates
from hela_seg.data.datamodule import TimelapseData
from hela_seg.data.labels.balance import never_trained
from hela_seg.data.splits.split import write_split
from hela_seg.report.tables import print_split
from hela_seg.runs import resume, run_folder
from hela_seg.system.distributed import is_rank_zero
from hela_seg.system.ranks import RankInfo
from hela_seg.system.settings import build
from hela_seg.training import assembly
from hela_seg.training.settings import TrainSettings
from hela_seg.training.start import Start

log = logging.getLogger(__name__)


def prepare_data(
    settings: TrainSettings, folder: Path, start: Start, ranks: RankInfo
) -> tuple[TimelapseData, list[str]]:
    """The data, looked at and split, as they were split when a run that goes on began.

    Returns:
        The data, and in the first of several processes warnings of what makes their scores doubtful.
    """
    doubts: list[str] = []
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
        first, second = (
            f"'{data.names[look.series]}' frame {look.t}" for look in (twins[0].first, twins[0].second)
        )
        yield (
            f"{len(twins)} frame(s) of validation or test look like frames on another side of the split, or "
            f"have their masks, which flatters their scores; the most alike are {first} and {second} (see "
            "python -m hela_seg.check)"
        )
    yield from leaks_by_name(data.recordings, data.blocks, looks)
