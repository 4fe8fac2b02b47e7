"""One look at all masks before training starts: every fault is found, every class counted and located."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hela_seg.data.frames import LabelFrames
from hela_seg.data.labels import LabelReader
from hela_seg.data.layouts import LISTED, Recording
from hela_seg.data.positions import (
    ClassPositions,
    Found,
    Span,
    Words,
    find,
    keep,
    kept,
    key_of,
    merged,
    places_kept,
)
from hela_seg.data.splits import Block, Part
from hela_seg.data.stacks import Series
from hela_seg.errors import InputError

THREADS = 4
"""Reading and decoding leave Python's lock, so a few threads keep the disk busy."""

FRAMES_AT_ONCE = 16
"""Frames that a thread looks at before it hands in what it found; so few that long series are shared."""


@dataclass(frozen=True)
class Survey:
    """What the masks hold.

    Attributes:
        pixels: of each class, by part: (K,) int64 each; ignored pixels are in none.
        positions: counts and places of the classes, frame by frame.
    """

    pixels: dict[Part, NDArray[np.int64]]
    positions: ClassPositions


def survey(
    recordings: Sequence[Recording],
    blocks: Sequence[Block],
    reader: LabelReader,
    index: Path | None = None,
) -> Survey:
    """Read the masks of all frames in the blocks once, or not at all where an earlier look was kept.

    Args:
        recordings: images and masks.
        blocks: the frames to look at.
        reader: of the masks.
        index: file that keeps what was found (`hela_seg.data.positions`); None keeps nothing.

    Raises:
        InputError: masks with values that stand for no class, or that cannot be read; up to ten are named,
            with file, frame, values and numbers of pixels. Or the index cannot be written.
    """
    masks, spans = [recording.mask for recording in recordings], merged(blocks)
    key = None if index is None else key_of(masks, spans, reader)
    positions = None if index is None or key is None else kept(index, key)
    if positions is None:
        found = _look(masks, spans, reader)
        positions = keep(found, [mask.shape[0] for mask in masks], key, index)
    return Survey(_pixels_by_part(positions, blocks), positions)


class _Look(NamedTuple):
    """What the frames of a span hold, and what is wrong with them."""

    counts: Words
    places: Words
    problems: list[str]


def _look(masks: Sequence[Series], spans: Sequence[Span], reader: LabelReader) -> Found:
    frames = [LabelFrames(mask, reader) for mask in masks]
    limit = places_kept(sum(span.stop - span.start for span in spans), reader.class_count)
    short = [part for span in spans for part in _parts(span)]

    def look(span: Span) -> _Look:
        return _look_at(frames[span.series], span, reader.class_count, limit)

    with ThreadPoolExecutor(THREADS) as pool:
        looks = list(pool.map(look, short))
    _refuse([problem for found in looks for problem in found.problems])
    return Found(
        reader.class_count, limit, short, [found.counts for found in looks], [found.places for found in looks]
    )


def _look_at(frames: LabelFrames, span: Span, classes: int, limit: int) -> _Look:
    counts = np.zeros((span.stop - span.start, classes), np.uint32)
    places: list[Words] = []
    problems = []
    for row, t in enumerate(range(span.start, span.stop)):
        try:
            counts[row], of_frame = find(frames.whole(t), classes, limit)
        except InputError as error:
            problems.append(str(error))
        else:
            places.append(of_frame)
    return _Look(counts, np.concatenate(places) if places else counts[:0, 0], problems)


def _parts(span: Span) -> Iterator[Span]:
    for start in range(span.start, span.stop, FRAMES_AT_ONCE):
        yield Span(span.series, start, min(start + FRAMES_AT_ONCE, span.stop))


def _pixels_by_part(positions: ClassPositions, blocks: Sequence[Block]) -> dict[Part, NDArray[np.int64]]:
    pixels: dict[Part, NDArray[np.int64]] = {}
    for block in blocks:
        counts = positions.of_series(block.series)[block.start : block.stop].sum(axis=0, dtype=np.int64)
        pixels[block.part] = pixels.get(block.part, np.zeros_like(counts)) + counts
    return pixels


def _refuse(problems: Sequence[str]) -> None:
    # a file that cannot be read says the same of each frame
    different = list(dict.fromkeys(problems))
    if different:
        more = f"; and {len(different) - LISTED} more" if len(different) > LISTED else ""
        raise InputError("; ".join(different[:LISTED]) + more)
