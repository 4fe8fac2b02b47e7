"""All that is wrong with the files of a data set, where opening it as a whole stops at the first."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

from hela_seg.data.datamodule import TimelapseData
from hela_seg.data.layouts import Recording
from hela_seg.data.on_disk import DataOnDisk, blocks_as_stated, groups_as_stated, unlike_channels
from hela_seg.data.patterns.matching import Matched, Matches
from hela_seg.data.splits.split import Split
from hela_seg.data.splits.table import Block
from hela_seg.data.stacks import FrameSequence
from hela_seg.system.errors import InputError

_Result = TypeVar("_Result")

_ANY_LENGTH = 10**9
"""Stands for the number of frames of a file that cannot be opened; its series is dealt out all the same."""


@dataclass(frozen=True)
class Gathered:
    """What could be opened of a data set.

    Attributes:
        recordings: images and masks.
        blocks: how their frames are split; none where that cannot be known.
        faults: one line each.
    """

    recordings: list[Recording]
    blocks: list[Block]
    faults: list[str]


def gather(data: TimelapseData) -> Gathered:
    """Open a data set; where that fails, open each image with its mask by itself and say what fails.

    Series are dealt out as they will be when all files are mended.

    Args:
        data: as configured, not yet opened.
    """
    try:
        data.open()
    except InputError as error:
        first = str(error)
    else:
        return Gathered(data.recordings, data.blocks, [])
    faults: list[str] = []
    found = _tried(data.files.matches, faults) or Matches()
    faults += found.faults
    opened = {
        "/".join(filter(None, (one.part, one.name))): _open(data.files, one, faults)
        for one in found.recordings
    }
    recordings = [recording for recording in opened.values() if recording is not None]
    faults += unlike_channels(recordings)
    blocks = _deal(opened, data.split, faults)
    return Gathered(recordings, blocks, list(dict.fromkeys(faults)) or [first])


def _open(files: DataOnDisk, found: Matched, faults: list[str]) -> Recording | None:
    """Open a recording; of frames in files of their own each that cannot be opened is a fault."""
    before = len(faults)
    numbers = found.numbers or range(len(found.images))
    if found.is_sequence and len(found.masks) == len(numbers):
        alone = [
            replace(found, images=(found.images[number],), masks=(mask,), is_sequence=False, numbers=None)
            for number, mask in zip(numbers, found.masks, strict=True)
        ]
        tried = [_tried(partial(files.open_matched, one), faults) for one in alone]
        frames = [frame for frame in tried if frame is not None]
        for series in ([one.image for one in frames], [one.mask for one in frames]):
            if frames:
                _tried(partial(FrameSequence, series, found.name), faults)
    return _tried(partial(files.open_matched, found), faults) if len(faults) == before else None


def _tried(call: Callable[[], _Result], faults: list[str]) -> _Result | None:
    """What a call gives; where it refuses its input, that is a fault."""
    try:
        return call()
    except InputError as error:
        faults.append(str(error))
        return None


def _deal(opened: Mapping[str, Recording | None], split: Split, faults: list[str]) -> list[Block]:
    """The split of all series, less those that cannot be opened; numbers are those of the opened ones."""
    recordings = [found for found in opened.values() if found is not None]
    if all(found.part is not None for found in recordings):
        return blocks_as_stated(recordings)
    lengths = [_ANY_LENGTH if found is None else found.image.shape[0] for found in opened.values()]
    groups = groups_as_stated(recordings) if len(recordings) == len(opened) else None
    try:
        blocks = split.blocks(lengths, list(opened), groups)
    except InputError as error:
        faults.append(str(error))
        return []
    there = [index for index, found in enumerate(opened.values()) if found is not None]
    new_number = {old: new for new, old in enumerate(there)}
    return [replace(block, series=new_number[block.series]) for block in blocks if block.series in new_number]
