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
    """Pixels of each class, by part: (K,) int64 each."""

    pixels: dict[Part, NDArray[np.int64]]


def survey(recordings: Sequence[Recording], blocks: Sequence[Block], reader: LabelReader) -> Survey:
    """Read all masks of the split once.

    Raises:
        InputError: masks with values that stand for no class, or that cannot be read; up to ten are named.
    """
    frames = [(block, t) for block in blocks for t in range(block.start, block.stop)]
    masks = [LabelFrames(recording.mask, reader) for recording in recordings]

    def count(job: tuple[Block, int]) -> NDArray[np.int64] | InputError:
        block, t = job
        try:
            labels = masks[block.series].whole(t)
        except InputError as error:
            return error
        return np.bincount(labels.ravel(), minlength=256)[: reader.class_count].astype(np.int64)

    with ThreadPoolExecutor(THREADS) as pool:
        counts = list(pool.map(count, frames))
    _refuse(counts)
    pixels: dict[Part, NDArray[np.int64]] = {}
    for (block, _), found in zip(frames, counts, strict=True):
        pixels[block.part] = pixels.get(block.part, np.zeros(reader.class_count, np.int64)) + found
    return Survey(pixels)


def _refuse(counts: Sequence[NDArray[np.int64] | InputError]) -> None:
    errors = [str(found) for found in counts if isinstance(found, InputError)]
    if errors:
        more = f"; and {len(errors) - LISTED} more masks" if len(errors) > LISTED else ""
        raise InputError("; ".join(errors[:LISTED]) + more)
