"""Predicted frames against their masks, pixel by pixel."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, groupby, islice
from operator import attrgetter, itemgetter
from typing import NamedTuple, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from hela_seg.data.context import parts_of_time
from hela_seg.data.frames import LabelFrames
from hela_seg.data.labels.readers import LabelReader
from hela_seg.data.layouts import Recording
from hela_seg.data.splits.split import Block
from hela_seg.inference.bands import Band, Unreadable
from hela_seg.inference.predictor import Predictor
from hela_seg.scores.calibration import CONFIDENCE_STEPS, count_by_confidence
from hela_seg.scores.counts import FrameCounts
from hela_seg.scores.metrics import confusion_matrix
from hela_seg.system import distributed
from hela_seg.system.ranks import RankInfo

Item = TypeVar("Item")

LabelMap = NDArray[np.uint8]
Watcher = Callable[[Recording, int, LabelMap, LabelMap], None]
"""Is shown each frame: its recording, its place in it, and the class maps (H, W), true and predicted."""


class Counted(NamedTuple):
    """What predicted frames came to.

    Attributes:
        frames: a confusion matrix for each frame.
        reliability: pixels of all frames by confidence, as `count_by_confidence` counts them.
        seconds: that the predictions of all of them took: reading, normalising, the net, probabilities and
            joining tiles, but not the counting.
    """

    frames: FrameCounts
    reliability: NDArray[np.int64]
    seconds: float


def count_frames(
    predictor: Predictor,
    recordings: Sequence[Recording],
    blocks: Sequence[Block],
    reader: LabelReader,
    launch: RankInfo | None = None,
    watcher: Watcher | None = None,
) -> Counted:
    """Count the pixels of whole predicted frames against masks, in the order of the blocks.

    Args:
        predictor: the net.
        recordings: images and masks.
        blocks: the frames to count; those of other parts are not looked at beside them.
        reader: of the masks.
        launch: the place of this process among several that share the frames; each of them gets the whole
            result. Frames that fill a batch stay together, so that they are predicted as by one process.
        watcher: what else looks at each frame that this process predicts.
    """
    waited, classes, launch = list[float](), len(predictor.classes), launch or RankInfo()
    counted: list[tuple[int, int, NDArray[np.int64]]] = []
    reliability = np.zeros((CONFIDENCE_STEPS, 2), np.int64)
    parts = parts_of_time(blocks)
    for number, block in enumerate(blocks):
        recording = recordings[block.series]
        groups = predictor.groups(recording.image, range(block.start, block.stop))
        own = islice(groups, launch.rank, None, launch.count)
        masks = LabelFrames(recording.mask, reader)
        part = parts[block.series, block.part]
        bands = predictor.bands(recording.image, own, parts=part, probabilities=True)
        for t, of_frame in groupby(_timed(bands, waited), attrgetter("t")):
            truth = masks.whole(t)
            matrix, by_confidence, labels = _count(of_frame, truth, classes)
            if watcher is not None:
                watcher(recording, t, truth, labels)
            counted.append((number, t, matrix))
            reliability += by_confidence
    everywhere = sorted(chain.from_iterable(distributed.all_gather(counted)), key=itemgetter(0, 1))
    numbers, frames, matrices = zip(*everywhere, strict=True)
    series = tuple(recordings[blocks[number].series].name for number in numbers)
    counts = FrameCounts(series, np.array(frames), np.array(numbers), np.stack(matrices))
    reliability = np.sum(distributed.all_gather(reliability), axis=0)
    return Counted(counts, reliability, sum(distributed.all_gather(sum(waited))))


def _count(
    bands: Iterable[Band | Unreadable], truth: NDArray[np.uint8], classes: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], LabelMap]:
    """Confusion matrix of one frame, its pixels by confidence, and its classes.

    Of probabilities memory holds a band at a time.
    """
    matrix, reliability = np.zeros((classes, classes), np.int64), np.zeros((CONFIDENCE_STEPS, 2), np.int64)
    top, labels = 0, np.empty_like(truth)
    for band in bands:
        assert isinstance(band, Band)  # of whole frames with probabilities, as it was asked for
        assert band.probabilities is not None
        masked = truth[top : top + len(band.labels)]
        labels[top : top + len(band.labels)] = band.labels
        top += len(band.labels)
        prediction, wanted = (torch.from_numpy(of.astype(np.int64)) for of in (band.labels, masked))
        matrix += confusion_matrix(prediction, wanted, classes).numpy()
        reliability += count_by_confidence(band.probabilities, band.labels, masked)
    return matrix, reliability, labels


def _timed(items: Iterator[Item], waited: list[float]) -> Iterator[Item]:
    """The same items; notes how long each is waited for."""
    while True:
        began = time.perf_counter()
        item = next(items, None)
        waited.append(time.perf_counter() - began)
        if item is None:
            return
        yield item
