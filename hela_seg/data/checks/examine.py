"""One look at every frame and its mask, by several threads: what there is, and what is wrong with it."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hela_seg.data.checks.looks import FrameLook, look_at
from hela_seg.data.frames import LabelFrames
from hela_seg.data.grey_values import PERCENTILES, GreyValues, is_counted
from hela_seg.data.labels.readers import LabelReader
from hela_seg.data.layouts import Recording
from hela_seg.data.splits.table import Block, Part
from hela_seg.system.errors import InputError

THREADS = min(8, (os.cpu_count() or 1) + 1)
"""Reading and decoding leave Python's lock; one thread more than cores, because some wait for the disk."""

DETECTOR_LIMITS = (255, 1023, 4095, 16383, 65535)
"""Brightest values of detectors of 8, 10, 12, 14 and 16 bits."""

SATURATED_SHARE = 0.01
"""A frame counts as saturated where at least this share of its pixels has such a value."""

_AT_ONCE = 2048
"""Frames that wait for a thread at a time."""

_COUNTED = 2**18
"""Most grey values of a frame that percentiles are taken from: counting holds Python's lock."""

Pixels = NDArray[Any]


@dataclass(frozen=True)
class FrameFacts:
    """What was found in one frame.

    Attributes:
        series: index of its series.
        t: its number there, from 0.
        pixels: (K,) int64 pixels of each class; None where the mask cannot be read.
        look: what the image looks like; None where it cannot be read.
    """

    series: int
    t: int
    pixels: NDArray[np.int64] | None
    look: FrameLook | None


@dataclass(frozen=True)
class SeriesFacts:
    """What was found of a series.

    Attributes:
        recording: images and masks.
        percentiles: (C, 3) grey values at `PERCENTILES` over all frames that could be read, of large frames
            over pixels spread evenly; None where no frame could be read.
        constant: frames of one grey value in every channel.
        saturated: frames at the brightest value of a detector in `SATURATED_SHARE` of their pixels or more.
        faults: one line each; where many images, or many masks, have one, that of the first.
    """

    recording: Recording
    percentiles: NDArray[np.float64] | None
    constant: list[int]
    saturated: list[int]
    faults: list[str]


@dataclass(frozen=True)
class Examination:
    """What was found in all frames.

    Attributes:
        series: in the order of the recordings.
        pixels: (K,) int64 pixels of each class, by part; None for frames that no part uses.
        frames: (K,) int64 frames that hold each class, the same way.
        looks: what frames look like, by part.
    """

    series: list[SeriesFacts]
    pixels: dict[Part | None, NDArray[np.int64]] = field(default_factory=dict)
    frames: dict[Part | None, NDArray[np.int64]] = field(default_factory=dict)
    looks: dict[Part, list[FrameLook]] = field(default_factory=dict)

    def add(self, found: FrameFacts, part: Part | None) -> None:
        """Add what was found in one frame of a part."""
        if found.pixels is not None:
            self.pixels[part] = self.pixels.get(part, 0) + found.pixels
            self.frames[part] = self.frames.get(part, 0) + (found.pixels > 0).astype(np.int64)
        if found.look is not None and part is not None:
            self.looks.setdefault(part, []).append(found.look)


def examine(
    recordings: Sequence[Recording],
    blocks: Sequence[Block],
    reader: LabelReader,
    seen: Callable[[], object] = lambda: None,
) -> Examination:
    """Read every frame and its mask once, in parallel; faults are collected, not raised.

    Args:
        recordings: images and masks to look at.
        blocks: how they are split; frames in none are looked at too.
        reader: reads the class indices of the masks.
        seen: called once a frame, from this thread.
    """
    tallies = [_Tally(index, recording, reader) for index, recording in enumerate(recordings)]
    part_of = {(b.series, t): b.part for b in blocks for t in range(b.start, b.stop)}
    frames = [(tally, t) for tally in tallies for t in range(tally.frames)]
    result = Examination([])
    with ThreadPoolExecutor(THREADS) as pool:
        for start in range(0, len(frames), _AT_ONCE):
            for found in pool.map(lambda frame: frame[0].look_at(frame[1]), frames[start : start + _AT_ONCE]):
                result.add(found, part_of.get((found.series, found.t)))
                seen()
    result.series.extend(tally.facts() for tally in tallies)
    return result


class _Tally:
    """Looks at the frames of one series, from several threads, and adds up what it finds."""

    def __init__(self, number: int, recording: Recording, reader: LabelReader) -> None:
        self.frames = self._left = recording.image.shape[0]
        self._number, self._recording, self._class_count = number, recording, reader.class_count
        self._labels = LabelFrames(recording.mask, reader)
        self._lock = Lock()
        self._values: list[GreyValues] = []
        self._percentiles: NDArray[np.float64] | None = None
        self._constant: list[int] = []
        self._saturated: list[int] = []
        self._faults: dict[str, list[tuple[int, str]]] = {"image": [], "mask": []}

    def look_at(self, t: int) -> FrameFacts:
        """Read frame t and its mask."""
        image, labels = self._image(t), self._whole_mask(t)
        pixels = None if labels is None else self._count(labels)
        look = None if image is None else look_at(self._number, t, image, labels)
        with self._lock:
            self._left -= 1
            if not self._left and self._values:
                self._percentiles = np.array(
                    [values.percentiles(PERCENTILES, "inverted_cdf") for values in self._values]
                )
                self._values = []  # of thousands of series they would fill the memory
        return FrameFacts(self._number, t, pixels, look)

    def facts(self) -> SeriesFacts:
        """All of it, once every frame was looked at."""
        faults = [
            # threads end in any order; the earliest frame is named
            min(noted)[1] + (f" (and {len(noted) - 1} more frame(s) of it)" if noted[1:] else "")
            for noted in self._faults.values()
            if noted
        ]
        return SeriesFacts(
            self._recording, self._percentiles, sorted(self._constant), sorted(self._saturated), faults
        )

    def _image(self, t: int) -> Pixels | None:
        try:
            image = self._recording.image.frame(t)
        except InputError as error:
            self._note("image", t, str(error))
            return None
        if all(map(_is_constant, image)):
            self._constant.append(t)
        elif any(map(_is_saturated, image)):
            self._saturated.append(t)
        with self._lock:
            self._values = self._values or [GreyValues(image.dtype) for _ in image]
            for values, channel in zip(self._values, image, strict=True):
                values.add(_spread(channel, _COUNTED))
        return image

    def _whole_mask(self, t: int) -> Pixels | None:
        try:
            return self._labels.whole(t)
        except InputError as error:
            self._note("mask", t, str(error))
            return None

    def _count(self, labels: Pixels) -> NDArray[np.int64]:
        # of few classes quicker than bincount, which makes 64-bit copies first
        return np.array([np.count_nonzero(labels == index) for index in range(self._class_count)])

    def _note(self, what: str, t: int, fault: str) -> None:
        with self._lock:
            self._faults[what].append((t, fault))


def _spread(channel: Pixels, most: int) -> Pixels:
    """The values of (H, W) pixels, or so many of them, spread evenly over rows and columns."""
    step = -(-channel.size // most)
    while math.gcd(step, channel.shape[1]) > 1:  # else columns would be left out
        step += 1
    return channel.ravel()[::step]


def _is_constant(channel: Pixels) -> bool:
    return bool(channel.max() == channel.min())


def _is_saturated(channel: Pixels) -> bool:
    highest = channel.max()
    if not is_counted(channel.dtype) or int(highest) not in DETECTOR_LIMITS:
        return False
    return bool(np.count_nonzero(channel == highest) >= SATURATED_SHARE * channel.size)
