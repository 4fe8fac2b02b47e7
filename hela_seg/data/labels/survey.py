"""One look at all masks before training starts: every fault is found, every class counted and located."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hela_seg.data.frames import LabelFrames
from hela_seg.data.labels.positions import (
    ClassPositions,
    FoundPixels,
    Words,
    build_index,
    find_pixels,
    key_of,
    places_kept,
    read_index,
)
from hela_seg.data.labels.readers import LabelReader
from hela_seg.data.labels.spans import Span, in_pieces, merged, thinned
from hela_seg.data.layouts import Recording
from hela_seg.data.splits.split import Block, Part
from hela_seg.data.stacks import Series
from hela_seg.system.errors import InputError, one_line

THREADS = min(8, os.cpu_count() or 1)
"""As many as cores: reading and counting leave Python's lock, where frames are large."""

WORTH_THREADS = 2**18
"""Pixels of a frame from which on threads are quicker than none (measured): below they wait for the lock."""

MOST_FRAMES = 50_000
"""Masks that are read by default: so many of 256 x 256 pixels take some 20 s."""

FRAMES_AT_ONCE = 16
"""Frames that a thread looks at before it hands in what it found; so few that a long series is shared out."""


@dataclass(frozen=True)
class Survey:
    """What the masks hold.

    Attributes:
        pixels: counts (K,) int64 of the classes' pixels in the frames looked at, by part; no ignored ones.
        positions: counts and places of the classes, frame by frame.
    """

    pixels: dict[Part, NDArray[np.int64]]
    positions: ClassPositions


def survey(
    recordings: Sequence[Recording],
    blocks: Sequence[Block],
    reader: LabelReader,
    index: Path | None = None,
    most: int = MOST_FRAMES,
) -> Survey:
    """Read the masks of the frames in the blocks once, or not at all where an earlier look was kept.

    Of more than ``most`` frames only every second, third ... of each series is read, always the same ones;
    if a class is in none of these, all are read after all. `hela_seg.check` reads every frame.

    Args:
        recordings: images and masks.
        blocks: the frames to look at.
        reader: reads the class indices of the masks.
        index: file that keeps what was found (`hela_seg.data.labels.positions`); None keeps nothing.
        most: frames to read, give or take one for each run of frames (`hela_seg.data.labels.spans.thinned`).

    Raises:
        InputError: masks with values that stand for no class, or that cannot be read; up to ten are named,
            with file, frame, values and numbers of pixels. Or the index cannot be written.
    """
    masks, spans = [recording.mask for recording in recordings], merged(blocks)
    some = thinned(spans, most)
    key = None if index is None else key_of(masks, some, reader)
    positions = None if index is None or key is None else read_index(index, key)
    if positions is None:
        found = _look_at_all(masks, some, reader)
        if some != spans and not _all_classes(found):
            found = _look_at_all(masks, spans, reader)
        positions = build_index(found, [mask.shape[0] for mask in masks], key, index)
    return Survey(_pixels_by_part(positions, blocks), positions)


def _look_at_all(masks: Sequence[Series], spans: Sequence[Span], reader: LabelReader) -> FoundPixels:
    frames = [LabelFrames(mask, reader) for mask in masks]
    limit = places_kept(sum(len(span.frames) for span in spans), reader.class_count)
    short = in_pieces(spans, FRAMES_AT_ONCE)
    look_at = partial(_look_at, frames, reader.class_count, limit)
    if max(math.prod(masks[span.series].shape[2:]) for span in spans) < WORTH_THREADS:
        looks = [look_at(span) for span in short]
    else:
        with ThreadPoolExecutor(THREADS) as pool:
            looks = list(pool.map(look_at, short))
    counts, places, problems = zip(*looks, strict=True)
    # a file that cannot be read says the same of each frame
    if different := list(dict.fromkeys(chain.from_iterable(problems))):
        raise InputError(one_line(different))
    return FoundPixels(reader.class_count, limit, short, counts, places)


def _look_at(
    masks: Sequence[LabelFrames], classes: int, limit: int, span: Span
) -> tuple[Words, Words, list[str]]:
    """Pixels and places of the classes in the frames of one span, see `FoundPixels`; and what is wrong."""
    counts = np.zeros((len(span.frames), classes), np.uint32)
    places: list[Words] = []
    problems = []
    for row, t in enumerate(span.frames):
        try:
            counts[row], of_frame = find_pixels(masks[span.series].whole(t), classes, limit)
        except InputError as error:
            problems.append(str(error))
        else:
            places.append(of_frame)
    return counts, np.concatenate(places) if places else counts[:0, 0], problems


def _all_classes(found: FoundPixels) -> bool:
    """Whether each class has a pixel somewhere."""
    return bool(np.any([counts.any(axis=0) for counts in found.counts], axis=0).all())


def _pixels_by_part(positions: ClassPositions, blocks: Sequence[Block]) -> dict[Part, NDArray[np.int64]]:
    pixels: dict[Part, NDArray[np.int64]] = {}
    for block in blocks:
        counts = positions.of_series(block.series)[block.start : block.stop].sum(axis=0, dtype=np.int64)
        pixels[block.part] = pixels.get(block.part, np.zeros_like(counts)) + counts
    return pixels
