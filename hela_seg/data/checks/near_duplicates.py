"""Frames that show the same cells on two sides of a split, though noise, a shift or gamma makes them differ.

Two frames are alike if the normalised cross-correlation of their sketches (`hela_seg.data.checks.looks`) at
a shift of a few pixels is high, measured by what noise leaves of it and by what chance reaches. What many
series have in common, such as dust or the edge of a field stop, is subtracted first. Candidates are found
with the lowest frequencies and matrix products. One field in two stains has other images and the same masks,
which are compared by a digest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import combinations

import numpy as np
import numpy.typing as npt

from hela_seg.data.checks.looks import CYCLES, FrameLook, Sketch, frequencies
from hela_seg.data.grey_values import spread
from hela_seg.data.splits.table import Part

COARSE_CYCLES = 8
"""Highest frequency of the search for candidates in cycles a side."""

SHIFT, LEAST_SHIFT, MOST_SHIFT = 8, 1 / 32, 1 / 8
"""Pixels that the same field may be shifted by, and the least and the most of it in parts of a side."""

ALIKE = 0.7
"""Correlation from which on frames count as nearly the same picture.

Different fields reach 0.20 (t98g-phase stills), two of the same nuclei 0.50 (hela-nucleolus), drawn ones with
one cell or two each seldom 0.79; frames with noise of 10 % of their range, a shift of 8 pixels or a gamma of
0.5 or 2 keep 0.85 and more, and neighbouring frames of a culture 0.89 (t98g-phase, hela-h2b-timelapse).
"""

ALIKE_IN_NOISE, CHANCES = 0.77, 6.5
"""The same for frames with noise, as a share of what noise leaves, and at least in standard deviations of
chance; see `least_similarity`."""

SERIES_IN_COMMON, MOST_ALONG_ONE = 8, 0.35
"""Series from which on what they have in common is taken for the microscope's and subtracted, if the rest of
them varies in more than one way: frames of one time-lapse, in a file each, change along one line."""

_PARTS: tuple[Part, ...] = ("train", "validation", "test")
_CANDIDATES = 4
_SERIES_FOR_COMMON = 200
_ROWS_AT_ONCE = 256

Spectrum = npt.NDArray[np.complex64]


@dataclass(frozen=True)
class NearDuplicate:
    """Two frames in different parts that show the same.

    Attributes:
        first: frame in the part that comes first (train, validation, test).
        second: frame in the other one.
        parts: the part of each.
        similarity: correlation of their sketches, 1 for the same picture; where masks alone are the same,
            that with the most similar frame, below `least_similarity`.
        same: every pixel is equal.
        same_mask: every label is equal, and there are two or more.
    """

    first: FrameLook
    second: FrameLook
    parts: tuple[Part, Part]
    similarity: float
    same: bool
    same_mask: bool = False

    @property
    def is_alike(self) -> bool:
        """Whether the images are nearly the same, not the masks alone."""
        return self.similarity >= least_similarity(self.first, self.second)


def least_similarity(one: FrameLook, other: FrameLook) -> float:
    """From which correlation on two frames count as nearly the same picture.

    Independent noise leaves of the correlation of two pictures of one field the root of the product of their
    shares of signal (Spearman's correction for attenuation, 1904). Less than chance reaches among many pairs
    and shifts is not enough, which is more where few frequencies hold most of a frame.
    """
    left, chance = np.sqrt(one.signal * other.signal), np.sqrt(one.chance * other.chance)
    return float(min(ALIKE, max(ALIKE_IN_NOISE * left, CHANCES * chance)))


def find_near_duplicates(looks: Mapping[Part, Sequence[FrameLook]]) -> list[NearDuplicate]:
    """Frames on two sides of a split that are the same picture, or nearly, or have the same masks.

    Args:
        looks: of the frames of each part.

    Returns:
        For each frame of the later part the most similar one of the earlier part, if it is similar enough, or
        has the same labels; the same pictures first, then the most similar.
    """
    common = _in_common([look for part in _PARTS for look in looks.get(part, ())])
    twins = []
    for first, second in combinations([part for part in _PARTS if part in looks], 2):
        twins += _twins(looks[first], looks[second], (first, second), common)
    return sorted(twins, key=lambda pair: (not pair.same, -pair.similarity))


def similarity(one: FrameLook, other: FrameLook) -> float:
    """Correlation of two frames, at the best shift and in the channel that is most alike."""
    if one.sketch is None or other.sketch is None:
        return 0.0
    none = np.zeros(one.sketch.shape[1] // 2, np.complex64)
    shift = _largest_shift([one, other])
    pairs = zip(one.sketch, other.sketch, strict=False)
    return max(_correlation(_unit(a[None], none)[0], _unit(b[None], none)[0], shift) for a, b in pairs)


def _unit(sketches: Sketch, common: Spectrum) -> Spectrum:
    """Sketches (N, 2F) of one channel as coefficients (N, F) of norm 1, less what all have in common (F,)."""
    spectra: Spectrum = np.ascontiguousarray(sketches, np.float32).view(np.complex64)
    return _normed(_normed(spectra) - common * spectra.any(axis=1, keepdims=True))


def _normed(spectra: Spectrum) -> Spectrum:
    norms = np.linalg.norm(spectra, axis=1, keepdims=True)
    return (spectra / np.where(norms > 0, norms, 1)).astype(np.complex64)


def _in_common(looks: Sequence[FrameLook]) -> Spectrum:
    """The mean (C, F) over a frame of each series; zeros where it would not be the microscope's."""
    known = {look.series: look.sketch for look in reversed(looks) if look.sketch is not None}
    places = spread(len(known), _SERIES_FOR_COMMON)
    sketches = [found for place, found in enumerate(known.values()) if place in places]
    mean = np.zeros((min(map(len, sketches), default=1), len(frequencies()[0])), np.complex64)
    if len(sketches) < SERIES_IN_COMMON:
        return mean
    for channel, none in enumerate(mean.copy()):
        rows = np.array([found[channel] for found in sketches])
        of_all = _unit(rows, none).mean(axis=0)
        energies = np.linalg.svd(_unit(rows, of_all), compute_uv=False) ** 2
        if energies[0] <= MOST_ALONG_ONE * energies.sum():
            mean[channel] = of_all
    return mean


def _largest_shift(looks: Sequence[FrameLook]) -> float:
    """In parts of a side."""
    return float(np.clip(SHIFT / min(look.side for look in looks), LEAST_SHIFT, MOST_SHIFT))


def _twins(
    first: Sequence[FrameLook], second: Sequence[FrameLook], parts: tuple[Part, Part], common: Spectrum
) -> list[NearDuplicate]:
    same = {look.digest: look for look in reversed(first) if look.sketch is not None}
    masks = {look.mask: look for look in reversed(first) if look.mask is not None}
    asked = [look for look in second if look.digest not in same]
    twins = [
        NearDuplicate(same[look.digest], look, parts, 1.0, True, _same_mask(same[look.digest], look))
        for look in second
        if look.digest in same
    ]
    for look, (nearest, value) in zip(asked, _most_similar(first, asked, common), strict=True):
        if nearest is not None and value >= least_similarity(nearest, look):
            twins.append(NearDuplicate(nearest, look, parts, value, False, _same_mask(nearest, look)))
        elif look.mask in masks:
            twins.append(NearDuplicate(masks[look.mask], look, parts, value, False, True))
    return twins


def _same_mask(one: FrameLook, other: FrameLook) -> bool:
    return one.mask is not None and one.mask == other.mask


def _most_similar(
    first: Sequence[FrameLook], second: Sequence[FrameLook], common: Spectrum
) -> list[tuple[FrameLook | None, float]]:
    """For each frame of the second part the most similar of the first, and how similar it is."""
    best: list[tuple[FrameLook | None, float]] = [(None, 0.0)] * len(second)
    known = [look for look in first if look.sketch is not None]
    asked = [(place, look) for place, look in enumerate(second) if look.sketch is not None]
    if not known or not asked:
        return best
    shift = _largest_shift([*known, *(look for _, look in asked)])
    for channel, mean in enumerate(common):
        stored = [look.sketch[channel] for look in known if look.sketch is not None]
        coarse = _coarse(stored, mean)
        for begin in range(0, len(asked), _ROWS_AT_ONCE):
            chunk = asked[begin : begin + _ROWS_AT_ONCE]
            spectra = _unit(np.array([k.sketch[channel] for _, k in chunk if k.sketch is not None]), mean)
            rows = _candidates(coarse, spectra[:, : coarse.shape[1]], shift)
            for (place, _), own, candidates in zip(chunk, spectra, rows, strict=True):
                for number in candidates:
                    other = _unit(stored[number][None], mean)[0]
                    value = _correlation(other, own, shift)
                    if value > best[place][1]:
                        best[place] = (known[number], value)
    return best


def _coarse(stored: Sequence[Sketch], mean: Spectrum) -> Spectrum:
    """The lowest frequencies of all sketches; a chunk at a time, so that not all of each is there at once."""
    down, across = frequencies()
    count = int((np.hypot(down, across) <= COARSE_CYCLES).sum())
    chunks = [
        _unit(np.array(stored[begin : begin + _ROWS_AT_ONCE]), mean)[:, :count]
        for begin in range(0, len(stored), _ROWS_AT_ONCE)
    ]
    return np.ascontiguousarray(np.concatenate(chunks))


def _candidates(coarse: Spectrum, asked: Spectrum, shift: float) -> npt.NDArray[np.intp]:
    """Rows of (N, F) coefficients that correlate best with each of (M, F): (M, `_CANDIDATES`) or fewer."""
    if len(coarse) <= _CANDIDATES:
        return np.tile(np.arange(len(coarse)), (len(asked), 1))
    best = np.full((len(asked), len(coarse)), -np.inf, np.float32)
    stored = coarse.view(np.float32).T
    one, other = (turns[:, : asked.shape[1]] for turns in _turns(shift, 4 * COARSE_CYCLES))
    for turned in (one[:, None] * other[None]).reshape(-1, asked.shape[1]):
        shifted = np.ascontiguousarray(asked * turned)
        np.maximum(best, shifted.view(np.float32) @ stored, out=best)
    return np.sort(np.argpartition(-best, _CANDIDATES, axis=1)[:, :_CANDIDATES], axis=1)


@cache
def _turns(shift: float, steps: int) -> tuple[Spectrum, Spectrum]:
    """What each of F coefficients is multiplied by (S, F) when a frame is shifted down, and across.

    The S shifts go from the largest one up to the largest one down, so many of them to a side's length.
    """
    places = np.linspace(-shift, shift, 2 * int(np.ceil(shift * steps)) + 1)
    down, across = (np.exp(2j * np.pi * np.outer(places, cycles)) for cycles in frequencies())
    return down.astype(np.complex64), across.astype(np.complex64)


def _correlation(one: Spectrum, other: Spectrum, shift: float) -> float:
    """The highest normalised cross-correlation of two frames over all shifts."""
    down, across = _turns(shift, 6 * CYCLES)
    return float(((down * (one * other.conj())) @ across.T).real.max())
