"""Predicted frames against their masks, pixel by pixel."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import TypeVar

import numpy as np
import torch

from hela_seg.counts import FrameCounts
from hela_seg.data.frames import LabelFrames
from hela_seg.data.labels import LabelReader
from hela_seg.data.layouts import Recording
from hela_seg.data.splits import Block
from hela_seg.inference.predictor import Predictor
from hela_seg.metrics import confusion_matrix

Item = TypeVar("Item")


def count_frames(
    predictor: Predictor, recordings: Sequence[Recording], blocks: Sequence[Block], reader: LabelReader
) -> tuple[FrameCounts, float]:
    """Count the pixels of whole predicted frames against masks.

    Returns:
        A confusion matrix for each frame of the blocks, in their order; and the seconds that the predictions
        of all of them took: reading, normalising, the net and joining tiles, but not the counting.
    """
    watch, classes = _Watch(), len(predictor.classes)
    places: list[tuple[str, int, int]] = []
    matrices = []
    for number, block in enumerate(blocks):
        recording, which = recordings[block.series], range(block.start, block.stop)
        masks = LabelFrames(recording.mask, reader)
        for t, labels in zip(which, watch.timed(predictor.frames(recording.image, which)), strict=True):
            prediction, truth = (torch.from_numpy(of.astype(np.int64)) for of in (labels, masks.whole(t)))
            matrices.append(confusion_matrix(prediction, truth, classes).numpy())
            places.append((recording.name, t, number))
    series, frames, numbers = zip(*places, strict=True)
    counts = FrameCounts(series, np.array(frames), np.array(numbers), np.stack(matrices))
    return counts, watch.seconds


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
