"""One look at all masks before training starts: every fault is found, and every class counted."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hela_seg.data.frames import LabelFrames
from hela_seg.data.labels import LabelReader
from hela_seg.data.layouts import LISTED, Recording
from hela_seg.data.splits import Block, Part
from hela_seg.errors import InputError

THREADS = 4
"""Reading and decoding leave Python's lock, so a few threads keep the disk busy."""


@dataclass(frozen=True)
class Survey:
    """Pixels of each class, by part: (K,) int64 each; ignored pixels are in none."""

    pixels: dict[Part, NDArray[np.int64]]


def survey(recordings: Sequence[Recording], blocks: Sequence[Block], reader: LabelReader) -> Survey:
    """Read the masks of all frames in the blocks once.

    Raises:
        InputError: masks with values that stand for no class, or that cannot be read; up to ten are named,
            with file, frame, values and numbers of pixels.
    """
    frames = [(block, t) for block in blocks for t in range(block.start, block.stop)]
    masks = [LabelFrames(recording.mask, reader) for recording in recordings]
    nothing = np.zeros(reader.class_count, np.int64)

    def count(frame: tuple[Block, int]) -> tuple[NDArray[np.int64], str | None]:
        block, t = frame
        try:
            labels = masks[block.series].whole(t)
        except InputError as error:
            return nothing, str(error)
        return np.bincount(labels.ravel(), minlength=256)[: reader.class_count].astype(np.int64), None

    with ThreadPoolExecutor(THREADS) as pool:
        found = list(pool.map(count, frames))
    _refuse([problem for _, problem in found if problem is not None])
    pixels: dict[Part, NDArray[np.int64]] = {}
    for (block, _), (counts, _) in zip(frames, found, strict=True):
        pixels[block.part] = pixels.get(block.part, nothing) + counts
    return Survey(pixels)


def _refuse(problems: Sequence[str]) -> None:
    # a file that cannot be read says the same of each frame
    different = list(dict.fromkeys(problems))
    if different:
        more = f"; and {len(different) - LISTED} more" if len(different) > LISTED else ""
        raise InputError("; ".join(different[:LISTED]) + more)
