"""Predicted frames against their masks, pixel by pixel."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from hela_seg.counts import FrameCounts
from hela_seg.data.frames import LabelFrames
from hela_seg.data.labels import LabelReader
from hela_seg.data.layouts import Recording
from hela_seg.data.splits import Block
from hela_seg.inference.predictor import Predictor
from hela_seg.metrics import confusion_matrix

Item = TypeVar("Item")

LabelMap = NDArray[np.uint8]
Watcher = Callable[[Recording, int, LabelMap, LabelMap], None]
"""Is shown each frame: its recording, its place in it, and the class maps (H, W), true and predicted."""


def count_frames(
    predictor: Predictor,
    recordings: Sequence[Recording],
    blocks: Sequence[Block],
    reader: LabelReader,
    watcher: Watcher | None = None,
) -> tuple[FrameCounts, float]:
    """Count the pixels of whole predicted frames against masks.

    Args:
        predictor: the net.
        recordings: images and masks.
        blocks: frames to count.
        reader: of the masks.
        watcher: what else looks at each frame.

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
            mask = masks.whole(t)
            prediction, truth = (torch.from_numpy(of.astype(np.int64)) for of in (labels, mask))
            matrices.append(confusion_matrix(prediction, truth, classes).numpy())
            if watcher is not None:
                watcher(recording, t, mask, labels)
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
