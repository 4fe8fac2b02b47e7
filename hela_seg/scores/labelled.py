"""Label images of any program, counted against the masks of the truth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray

from hela_seg.data.classes import IGNORE_INDEX
from hela_seg.data.frames import LabelFrames
from hela_seg.data.labels.palettes import refuse_unlike_palettes
from hela_seg.data.labels.readers import LabelReader, ValueLabels
from hela_seg.data.layouts import Recording
from hela_seg.data.splits.split import Block
from hela_seg.data.stacks import Series
from hela_seg.scores.counts import FrameCounts
from hela_seg.scores.frames import SegmentedFrame, against_truth
from hela_seg.scores.meters import Meters
from hela_seg.scores.metrics import confusion_matrix
from hela_seg.scores.partners import Partners
from hela_seg.system.errors import InputError, one_line


def class_map(partners: Partners, reader: LabelReader, block: Block, t: int) -> NDArray[np.uint8]:
    """The class map (H, W) of the label image of frame t of a block."""
    return _converted(*partners.frames[block.series, t], reader)


def score_labels(
    partners: Partners,
    recordings: Sequence[Recording],
    blocks: Sequence[Block],
    truth: LabelReader,
    labels: LabelReader,
    classes: int,
    meters: Meters,
) -> tuple[FrameCounts, list[Block], list[str]]:
    """Count the pixels of label images against masks, and measure them.

    Args:
        partners: label images by frame.
        recordings: with the truth.
        blocks: frames to score.
        truth: the reader of the masks.
        labels: the reader of the label images.
        classes: K.
        meters: boundaries and cells, measured of the same frames.

    Returns:
        The confusion matrix of each frame that could be read; the same frames as blocks, where a frame that
        is left out parts its block in two; and a line for each frame that could not be read. Frames without a
        label image are skipped: `find_partners` has reported them.

    Raises:
        InputError: not one frame could be read; colour tables that contradict each other; or what a meter
            raises.
    """
    if isinstance(labels, ValueLabels):
        refuse_unlike_palettes(dict.fromkeys(series for series, _ in partners.frames.values()))
    places: list[tuple[int, int]] = []
    matrices, faults = [], []
    for number, t in ((n, t) for n, block in enumerate(blocks) for t in range(block.start, block.stop)):
        series = blocks[number].series
        recording, partner = recordings[series], partners.frames.get((series, t))
        if partner is None:
            continue
        try:
            frame = _read(recording, t, *partner, truth, labels)
        except InputError as error:
            faults.append(str(error))
            continue
        meters.add(frame)
        true, found = (torch.from_numpy(of.astype(np.int64)) for of in (frame.truth, frame.found))
        matrices.append(confusion_matrix(found, true, classes).numpy())
        places.append((number, t))
    if not places:
        raise InputError(f"no frame can be scored: {one_line([*partners.faults, *faults])}")
    spans = _spans(places, blocks)
    names = tuple(recordings[blocks[number].series].name for number, _ in places)
    of_span = np.repeat(np.arange(len(spans)), [span.stop - span.start for span in spans])
    times = np.array([t for _, t in places], np.int64)
    return FrameCounts(names, times, of_span, np.stack(matrices)), spans, faults


def _read(
    recording: Recording, t: int, series: Series, at: int, masks: LabelReader, labels: LabelReader
) -> SegmentedFrame:
    """Frame t of a recording against frame ``at`` of its label images."""
    truth = LabelFrames(recording.mask, masks).whole(t)
    found = _converted(series, at, labels)
    nowhere = np.count_nonzero((found == IGNORE_INDEX) & (truth != IGNORE_INDEX))
    if nowhere:
        raise InputError(
            f"{series.path_of(at)}, frame {at}: {nowhere} pixel(s) have the value to ignore where the truth "
            "has a class, expected a class for each: label them, or mark them as ignored in the truth too"
        )
    ids = LabelFrames(series, labels).instances(at, found)
    return against_truth(recording, t, truth, found, masks, ids)


def _converted(series: Series, at: int, reader: LabelReader) -> NDArray[np.uint8]:
    """Class indices of a label image."""
    raw = series.frame(at)
    try:
        return reader.convert(raw[0] if len(raw) == 1 else raw)
    except InputError as error:
        raise InputError(
            f"{series.path_of(at)}, frame {at}: {error}; where label images hold ids of cells or other "
            "values than the masks of the truth, set reading.kind=instances or reading.classes"
        ) from None


def _spans(places: Sequence[tuple[int, int]], blocks: Sequence[Block]) -> list[Block]:
    """Blocks of the frames at these places; consecutive frames of one block of the split are one block."""
    number, frame = np.array(places, np.int64).T
    begins = 1 + np.flatnonzero((np.diff(number) != 0) | (np.diff(frame) != 1))
    return [
        replace(blocks[number[first]], start=int(frame[first]), stop=int(frame[end - 1]) + 1)
        for first, end in pairwise([0, *begins.tolist(), len(places)])
    ]
