"""Pictures that are the same, or nearly, on two sides of a split.

A frame is described by a perceptual hash: the signs of the low spatial frequencies of its discrete cosine
transform against their median, "pHash" of Zauner (2010), "Implementation and benchmarking of perceptual image
hash functions". Gain and offset of the camera change no bit of it, noise and a cell's step change few. His 64
bits are too few where many frames are compared: cells of the same kind come as near by chance. Here there are
255, from 16 x 16 frequencies of 32 x 32 area means. The same cells in a shifted field of view are not found.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.fft import dctn

from hela_seg.data.layouts import Recording
from hela_seg.data.splits.table import Block, Part

FREQUENCIES = 16
"""Rows and columns of the transform that are looked at; the mean, which is the first of them, is left out."""

MEANS = 32
"""Rows and columns of area means that a frame is shrunk to."""

ALIKE = 64
"""Frames whose hashes differ in this many of their 255 bits or fewer count as nearly the same picture.

Neighbouring frames of a culture differ in 42 at most (t98g-phase, hela-h2b-timelapse and drawn recordings),
frames of different cells in 100 at least (hela-nucleolus, t98g-phase stills); chance alone gives 127.5 with a
standard deviation of 8.
"""

PIXELS_A_MEAN = 8
"""Rows and columns of pixels that go into each mean, at least, where the frame has as many."""

FRAMES_LOOKED_AT = 200
"""Most frames of each part that `hash_frames` reads, so that training of long recordings starts soon."""

_ROWS_AT_ONCE = 512
_THREADS = 4

Pixels = npt.NDArray[Any]
Hash = npt.NDArray[np.uint64]


@dataclass(frozen=True)
class FrameHash:
    """What is remembered of a frame's looks.

    Attributes:
        series: index of the frame's series.
        t: the frame, counted from 0.
        hash: (4,) uint64, see `perceptual_hash`; None for a frame of one grey value.
        digest: of its pixels: equal for equal pictures alone.
    """

    series: int
    t: int
    hash: Hash | None
    digest: bytes


@dataclass(frozen=True)
class NearDuplicate:
    """Two frames in different parts that look alike.

    Attributes:
        first: frame in the part that comes first (train, validation, test).
        second: frame in the other one.
        parts: the part of each.
        distance: bits of 255 in which their hashes differ.
        same: every pixel is equal.
    """

    first: FrameHash
    second: FrameHash
    parts: tuple[Part, Part]
    distance: int
    same: bool


def perceptual_hash(frame: Pixels) -> Hash | None:
    """A frame's low spatial frequencies as bits.

    Args:
        frame: (C, H, W) of any real dtype; its channels are added up. Values that are not finite count as 0.

    Returns:
        (4,) uint64, 255 bits and a 0 (a tiny frame has fewer); None where all of it has one value.
    """
    means = _area_means(frame)
    if np.ptp(means) == 0:
        return None
    spectrum = dctn(means, norm="ortho")[:FREQUENCIES, :FREQUENCIES].ravel()[1:]
    bits = np.zeros(FREQUENCIES**2, bool)  # fewer frequencies, of a tiny frame, leave zeros at the end
    bits[: spectrum.size] = spectrum > np.median(spectrum)
    return np.packbits(bits).view(np.uint64)


def digest(frame: Pixels) -> bytes:
    """Twenty bytes that tell pictures apart: equal for arrays of equal shape, dtype and values alone."""
    state = hashlib.sha1(f"{frame.shape} {frame.dtype.str}".encode(), usedforsecurity=False)
    state.update(np.ascontiguousarray(frame).data)
    return state.digest()


def hash_frames(
    recordings: Sequence[Recording], blocks: Sequence[Block], most: int = FRAMES_LOOKED_AT
) -> dict[Part, list[FrameHash]]:
    """Look at the frames of each part, or at ``most`` of them spread evenly.

    Args:
        recordings: images and masks.
        blocks: which frames are in which part.
        most: frames of one part that are read.
    """
    frames: dict[Part, list[tuple[int, int]]] = {}
    for block in blocks:
        frames.setdefault(block.part, []).extend((block.series, t) for t in range(block.start, block.stop))

    def look_at(where: tuple[int, int]) -> FrameHash:
        frame = recordings[where[0]].image.frame(where[1])
        return FrameHash(*where, perceptual_hash(frame), digest(frame))

    with ThreadPoolExecutor(_THREADS) as pool:
        return {
            part: list(pool.map(look_at, places[:: -(-len(places) // most)]))
            for part, places in frames.items()
        }


def find_near_duplicates(
    looks: Mapping[Part, Sequence[FrameHash]], most_bits: int = ALIKE
) -> list[NearDuplicate]:
    """Frames on two sides of a split that are the same picture, or nearly.

    Args:
        looks: of the frames of each part.
        most_bits: how many bits of 255 may differ.

    Returns:
        For each frame of the later part the nearest one of the earlier part, if it is near enough; the same
        pictures first, then the nearest.
    """
    order: tuple[Part, ...] = ("train", "validation", "test")
    twins = []
    for first, second in combinations([part for part in order if part in looks], 2):
        twins += _nearest(looks[first], looks[second], (first, second), most_bits)
    return sorted(twins, key=lambda pair: (not pair.same, pair.distance))


def _nearest(
    first: Sequence[FrameHash], second: Sequence[FrameHash], parts: tuple[Part, Part], most_bits: int
) -> list[NearDuplicate]:
    same = {look.digest: look for look in first if look.hash is not None}
    twins = [NearDuplicate(same[look.digest], look, parts, 0, True) for look in second if look.digest in same]
    known = [(look, look.hash) for look in first if look.hash is not None]
    asked = [(look, look.hash) for look in second if look.hash is not None and look.digest not in same]
    if not known or not asked:
        return twins
    stored = np.array([own for _, own in known])
    for begin in range(0, len(asked), _ROWS_AT_ONCE):
        chunk = asked[begin : begin + _ROWS_AT_ONCE]
        distances = _distances(np.array([own for _, own in chunk]), stored)
        nearest = distances.argmin(axis=1)
        for row, ((look, _), column) in enumerate(zip(chunk, nearest, strict=True)):
            if distances[row, column] <= most_bits:
                twins.append(NearDuplicate(known[column][0], look, parts, int(distances[row, column]), False))
    return twins


def _distances(one: Hash, other: Hash) -> npt.NDArray[np.uint16]:
    """In how many bits each of N hashes differs from each of M: (N, 4) and (M, 4) -> (N, M)."""
    total = np.zeros((len(one), len(other)), np.uint16)
    for word in range(one.shape[1]):
        total += np.bitwise_count(one[:, word, None] ^ other[None, :, word])
    return total


def _area_means(frame: Pixels) -> npt.NDArray[np.float64]:
    """(C, H, W) -> (32, 32) means of the sum of all channels; fewer where there are fewer pixels.

    Of large frames only every second, third ... pixel is looked at: 8 x 8 pixels to a mean changed no hash by
    more than noise does.
    """
    rows, columns = (max(1, length // (MEANS * PIXELS_A_MEAN)) for length in frame.shape[1:])
    known = frame[:, ::rows, ::columns]
    if known.dtype.kind == "f":
        known = np.nan_to_num(known, nan=0, posinf=0, neginf=0)
    means: npt.NDArray[np.float64] = known.sum(axis=0, dtype=np.float64)
    for axis in (0, 1):
        length = means.shape[axis]
        starts = np.unique(np.arange(MEANS) * length // MEANS)
        counts = np.diff(np.append(starts, length))
        means = np.add.reduceat(means, starts, axis=axis) / np.expand_dims(counts, 1 - axis)
    return means
