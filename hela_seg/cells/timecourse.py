"""Class maps over time: how much of each class there is, how often classes flicker, and a filter against it.

Everything takes frames in order of time, one by one, and keeps a few of them at most.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from hela_seg.cells.overlap import Overlaps, overlaps
from hela_seg.data.classes import IGNORE_INDEX
from hela_seg.system.errors import InputError

Labels = NDArray[np.uint8]
Integers = NDArray[np.integer]
Counts = NDArray[np.int64]


@dataclass(frozen=True)
class Flicker:
    """How many pixels, or cells, have another class for one frame only.

    Attributes:
        changed: pixels whose class differs from the one that they have both in the frame before and after.
        judged: pixels that have a class in all three frames.
    """

    changed: int = 0
    judged: int = 0

    @property
    def share(self) -> float | None:
        """The share that changed, 0 to 1; None where nothing was judged, as of fewer than three frames."""
        return self.changed / self.judged if self.judged else None

    def __add__(self, other: Flicker) -> Flicker:
        return Flicker(self.changed + other.changed, self.judged + other.judged)


@dataclass(frozen=True)
class TimeCourse:
    """Class areas, and numbers of cells, of one recording over time.

    Attributes:
        name: of the recording.
        pixels: (T, K) pixels of each class in each frame, as `class_pixels` counts them.
        cells: (T, K) cells of each class in each frame; None where cells were not counted.
        frame_interval: seconds from frame to frame; None where it is not known.
    """

    name: str
    pixels: Counts
    cells: Counts | None = None
    frame_interval: float | None = None

    @property
    def shares(self) -> NDArray[np.float64]:
        """(T, K) share of each class among a frame's pixels, 0 to 1; NaN where all of a frame is ignored."""
        total = self.pixels.sum(axis=1, keepdims=True)
        return self.pixels / np.where(total > 0, total, np.nan)


def class_pixels(labels: Labels, class_count: int) -> Counts:
    """Pixels (K,) of each class in a class map (H, W), or in a band of one; ignored pixels count nowhere.

    ``class_pixels(np.array([[0, 2, 2, 255]], np.uint8), 3)`` gives ``[1, 0, 2]``.

    Raises:
        ValueError: a class index that is neither below K nor `IGNORE_INDEX`.
    """
    # class by class takes a tenth of the time of numpy.bincount, which widens each pixel to 64 bits first
    *counts, ignored = (np.count_nonzero(labels == index) for index in (*range(class_count), IGNORE_INDEX))
    if sum(counts) + ignored < labels.size:
        wrong = labels[(labels >= class_count) & (labels != IGNORE_INDEX)].min()
        raise ValueError(f"labels hold {wrong}, expected 0 to {class_count - 1} or {IGNORE_INDEX}")
    return np.array(counts, np.int64)


def flicker(before: Labels, frame: Labels, after: Labels) -> Flicker:
    """Count pixels that have another class than in the frames before and after, which agree.

    Over three frames the classes ``1 2 1`` flicker; ``1 1 2``, ``1 2 2`` and ``1 2 3`` do not. Pixels that
    are ignored in one of the frames are not judged. All three are of one shape: (H, W) of a class map, a band
    of it, or (M,) of M cells.
    """
    judged = (before != IGNORE_INDEX) & (frame != IGNORE_INDEX) & (after != IGNORE_INDEX)
    changed = judged & (before == after) & (frame != before)
    return Flicker(int(np.count_nonzero(changed)), int(np.count_nonzero(judged)))


class PixelFlicker:
    """Flicker of a recording's pixels; keeps two class maps.

    The first and the last frame have one neighbour only and are not judged. ``sum(found, Flicker())`` over
    the frames is the recording's figure.
    """

    def __init__(self) -> None:
        self._last: deque[Labels] = deque(maxlen=2)

    def add(self, labels: Labels) -> Flicker | None:
        """Take the next class map (H, W) uint8, which must not be changed afterwards.

        Returns:
            The flicker of the frame before this one; None for the first two frames.
        """
        found = flicker(self._last[0], self._last[1], labels) if len(self._last) == 2 else None
        self._last.append(labels)
        return found


class CellFlicker:
    """Flicker of a recording's cells; keeps one map of cells.

    Cells of two frames are one where each overlaps the other the most: of a cell that divides, the largest
    part goes on. A cell is judged where it is one with a cell of the frame before and one of the frame after.
    """

    def __init__(self) -> None:
        self._cells: Integers | None = None
        self._classes: Mapping[int, int] = {}
        self._former: Mapping[int, int] | None = None

    def add(self, cells: Integers, classes: Mapping[int, int]) -> Flicker | None:
        """Take the next map of cells (H, W), 0 where there is none; it must not be changed afterwards.

        Args:
            cells: their numbers, which may differ from those of the frame before.
            classes: of each cell by its number, `IGNORE_INDEX` where it has none.

        Returns:
            The flicker of the frame before this one; None for the first two frames.
        """
        found, former = None, None
        if self._cells is not None:
            partners = _best_partners(overlaps(self._cells, cells))
            former = {cell: self._classes[other] for cell, other in partners.items()}
            if self._former is not None:
                later = {other: classes[cell] for cell, other in partners.items()}
                three = (self._former, self._classes, later)
                found = flicker(
                    *(
                        np.array([of.get(cell, IGNORE_INDEX) for cell in self._classes], np.uint8)
                        for of in three
                    )
                )
        self._cells, self._classes, self._former = cells, classes, former
        return found


def _best_partners(shared: Overlaps) -> dict[int, int]:
    """Cells of the second map with the cell of the first one, where each is the other's largest overlap.

    Of equally large overlaps a cell takes the partner of the lower number.
    """
    largest_first = np.lexsort((shared.second, shared.first, -shared.shared))
    first, second = shared.first[largest_first], shared.second[largest_first]
    of_first, of_second = (np.unique(side, return_index=True)[1] for side in (first, second))
    best = np.intersect1d(of_first, of_second)
    pairs = zip(shared.second_labels[second[best]], shared.first_labels[first[best]], strict=True)
    return {int(cell): int(former) for cell, former in pairs}


def majority_over_time(frames: Iterable[Labels], window: int) -> Iterator[Labels]:
    """Give each pixel the class that it has most often in a window of frames centred on its own.

    Where two classes are the most frequent, the pixel keeps the class of the middle frame. At both ends of
    the recording, the frames of the window that do not exist have no vote. Ignored pixels have none either,
    and stay ignored. Memory holds ``window`` frames. Over the classes ``1 1 2 1 1 3 3``, a window of 3 gives
    ``1 1 1 1 1 3 3``.

    Args:
        frames: class maps (H, W) uint8 in order of time.
        window: number of frames, odd; 1 changes nothing.

    Raises:
        InputError: the window is even or below 1.
    """
    if window < 1 or window % 2 == 0:
        raise InputError(
            f"a majority over {window} frames has no middle frame: choose an odd number such as 5"
        )
    return _majorities(frames, window)


def _majorities(frames: Iterable[Labels], window: int) -> Iterator[Labels]:
    before_and_after = [None] * (window // 2)
    held: deque[Labels | None] = deque(before_and_after, maxlen=window)
    for frame in chain(frames, before_and_after):
        held.append(frame)
        middle = held[window // 2]
        if len(held) == window and middle is not None:
            yield _majority([one for one in held if one is not None], middle)


def _majority(frames: list[Labels], middle: Labels) -> Labels:
    """Most frequent class of each pixel, or that of the middle frame where there is a tie."""
    result = middle.copy()
    # most pixels keep their class over the window: only the others need counting
    mixed = np.logical_or.reduce([frame != result for frame in frames]) & (result != IGNORE_INDEX)
    votes, own = [frame[mixed] for frame in frames], result[mixed]
    winner, most = own, np.zeros(own.shape, np.int64)
    for index in np.unique(np.concatenate(votes)):
        if index != IGNORE_INDEX:
            count = sum((vote == index for vote in votes), np.zeros(own.shape, np.int64))
            winner = np.where(count > most, index, np.where(count == most, own, winner))
            most = np.maximum(most, count)
    result[mixed] = winner
    return result
