"""Predicted frames against their masks, pixel by pixel."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from itertools import chain, islice
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from hela_seg import processes
from hela_seg.counts import FrameCounts
from hela_seg.data.frames import LabelFrames
from hela_seg.data.labels import LabelReader
from hela_seg.data.layouts import Recording
from hela_seg.data.splits import Block
from hela_seg.inference.predictor import Predictor
from hela_seg.launch import Launch
from hela_seg.metrics import confusion_matrix

Item = TypeVar("Item")


def count_frames(
    predictor: Predictor,
    recordings: Sequence[Recording],
    blocks: Sequence[Block],
    reader: LabelReader,
    launch: Launch | None = None,
) -> tuple[FrameCounts, float]:
    """Count the pixels of whole predicted frames against masks.

    Args:
        predictor: the net.
        recordings: images and masks.
        blocks: the frames to count.
        reader: of the masks.
        launch: the place of this process among several that share the work, and all have its result. Frames
            that fill a batch stay together, so that they are predicted as by one process.

    Returns:
        A confusion matrix for each frame of the blocks, in their order; and the seconds that the predictions
        of all of them took: reading, normalising, the net and joining tiles, but not the counting.
    """
    watch, classes, launch = _Watch(), len(predictor.classes), launch or Launch()
    counted: list[tuple[int, int, NDArray[np.int64]]] = []
    for number, block in enumerate(blocks):
        recording = recordings[block.series]
        groups = predictor.groups(recording.image, range(block.start, block.stop))
        which = list(chain.from_iterable(islice(groups, launch.rank, None, launch.count)))
        masks = LabelFrames(recording.mask, reader)
        for t, labels in zip(which, watch.timed(predictor.frames(recording.image, which)), strict=True):
            prediction, truth = (torch.from_numpy(of.astype(np.int64)) for of in (labels, masks.whole(t)))
            counted.append((number, t, confusion_matrix(prediction, truth, classes).numpy()))
    everywhere = sorted(chain.from_iterable(processes.gathered(counted)), key=lambda frame: frame[:2])
    numbers, frames, matrices = zip(*everywhere, strict=True)
    series = tuple(recordings[blocks[number].series].name for number in numbers)
    counts = FrameCounts(series, np.array(frames), np.array(numbers), np.stack(matrices))
    return counts, sum(processes.gathered(watch.seconds))


class _Watch:
    """Adds up the time that is spent waiting for the items of iterators."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def timed(self, items: Iterator[Item]) -> Iterator[Item]:
        while True:
            began = time.perf_counter()
            item = next(items, None)
            self.seconds += time.perf_counter() - began
            if item is None:
                return
            yield item
