"""Frames that show the same cells on two sides of a split, though noise, a shift or gamma makes them differ.

Of each channel a sketch is kept: it is shrunk to 64 x 64 area means, a polynomial takes off the
illumination, and the Fourier coefficients of up to 16 cycles a side remain, which a shift by a part of a
mean turns but does not mix. Their magnitudes are evened out (the "phase correlation" of Kuglin and Hines,
1975, as far as noise allows), so that outlines and texture count and not only that a bright cell lies
somewhere. Two sketches are alike if their normalised cross-correlation at a shift of a few pixels is high,
measured by what noise leaves of it. What many series have in common, such as dust or the edge of a field
stop, is subtracted first. Candidates are found with the lowest frequencies and matrix products. One field
in two stains has other images and the same masks, which are compared by a digest.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from itertools import combinations
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from hela_seg.data.frames import LabelFrames
from hela_seg.data.intensity import spread
from hela_seg.data.labels.readers import LabelReader
from hela_seg.data.layouts import Recording
from hela_seg.data.splits.table import Block, Part

MEANS = 64
"""Rows and columns of area means that a channel is shrunk to."""

PIXELS_A_MEAN = 8
"""Rows and columns of pixels that go into each mean, at least, where the frame has as many."""

CYCLES, COARSE_CYCLES = 16, 8
"""Highest frequency of a sketch, and of the search for candidates, in cycles a side."""

ILLUMINATION_DEGREE = 4
"""Of the polynomial in row and column that stands for the illumination of a frame."""

WHITENING = 0.8
"""Power of their magnitudes that coefficients are divided by: 0 is cross-correlation, 1 phase correlation."""

SHIFT, LEAST_SHIFT, MOST_SHIFT = 8, 1 / 32, 1 / 8
"""Pixels that the same field may be shifted by, and the least and the most of it in parts of a side."""

ALIKE = 0.7
"""Correlation from which on frames count as nearly the same picture.

Different fields reach 0.26 (hela-nucleolus, t98g-phase stills), two of the same nuclei 0.48, drawn ones with
one cell or two each seldom 0.77; frames with noise of 10 % of their range, a shift of 8 pixels or a gamma of
0.5 or 2 keep 0.76 and more, and neighbouring frames of a culture 0.85 (t98g-phase, hela-h2b-timelapse).
Chance alone gives 0.1.
"""

ALIKE_IN_NOISE, LEAST_ALIKE = 0.77, 0.45
"""The same for frames with noise, as a share of what noise leaves, and the least; see `least_similarity`."""

SERIES_IN_COMMON, MOST_ALONG_ONE = 8, 0.35
"""Series from which on what they have in common is taken for the microscope's and subtracted, if the rest of
them varies in more than one way: frames of one time-lapse, in a file each, change along one line."""

FRAMES_LOOKED_AT = 200
"""Most frames of each part that `look_at_frames` reads, so that training of long recordings starts soon."""

_PARTS: tuple[Part, ...] = ("train", "validation", "test")
_CANDIDATES = 4
_SERIES_FOR_COMMON = 200
_ROWS_AT_ONCE = 256
_ROWS_FOR_NOISE = 8
_THREADS = 4

Pixels = npt.NDArray[Any]
Sketch = npt.NDArray[np.int8]
Spectrum = npt.NDArray[np.complex64]


@dataclass(frozen=True, eq=False)
class FrameLook:
    """What is remembered of a frame's looks.

    Attributes:
        series: index of the frame's series.
        t: the frame, counted from 0.
        sketch: see `sketch`; None for a frame without structure.
        digest: of its pixels: equal for equal pictures alone.
        side: pixels of its shorter side.
        mask: digest of its labels; None where they are unknown or all the same.
        signal: share of the sketch's energy that is no noise, as far as neighbouring pixels tell.
    """

    series: int
    t: int
    sketch: Sketch | None
    digest: bytes
    side: int = 512
    mask: bytes | None = None
    signal: float = 1.0


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
    shares of signal (Spearman's correction for attenuation, 1904).
    """
    left = float(np.sqrt(one.signal * other.signal))
    return max(LEAST_ALIKE, min(ALIKE, ALIKE_IN_NOISE * left))


def look_at(series: int, t: int, frame: Pixels, labels: Pixels | None) -> FrameLook:
    """Sketch and digests of one frame.

    Args:
        series: index of its series.
        t: its number there.
        frame: (C, H, W) of any real dtype.
        labels: (H, W) class indices; None where they are unknown.
    """
    mask = None if labels is None or labels.min() == labels.max() else digest(labels)
    sketches, signals = zip(*(_sketch(channel) for channel in frame), strict=True)
    signal = max((share for own, share in zip(sketches, signals, strict=True) if own.any()), default=0.0)
    found = np.stack(sketches) if signal else None
    return FrameLook(series, t, found, digest(frame), min(frame.shape[1:]), mask, signal)


def sketch(frame: Pixels) -> Sketch | None:
    """The structure of each channel, without illumination, gain and offset.

    Args:
        frame: (C, H, W) of any real dtype. Values that are not finite count as 0.

    Returns:
        (C, 2F) int8, real and imaginary part of F Fourier coefficients, the lowest first, up to a factor; 0
        for a channel without structure. None where no channel has any.
    """
    found = np.stack([_sketch(channel)[0] for channel in frame])
    return found if found.any() else None


def digest(frame: Pixels) -> bytes:
    """Twenty bytes that tell pictures apart: equal for arrays of equal shape, dtype and values alone."""
    state = hashlib.sha1(f"{frame.shape} {frame.dtype.str}".encode(), usedforsecurity=False)
    state.update(np.ascontiguousarray(frame).data)
    return state.digest()


def look_at_frames(
    recordings: Sequence[Recording],
    blocks: Sequence[Block],
    reader: LabelReader,
    most: int = FRAMES_LOOKED_AT,
) -> dict[Part, list[FrameLook]]:
    """Look at the frames of each part, or at ``most`` of them spread evenly.

    Args:
        recordings: images and masks.
        blocks: which frames are in which part.
        reader: of the masks.
        most: frames of one part that are read.
    """
    frames: dict[Part, list[tuple[int, int]]] = {}
    for block in blocks:
        frames.setdefault(block.part, []).extend((block.series, t) for t in range(block.start, block.stop))

    def look(where: tuple[int, int]) -> FrameLook:
        recording, t = recordings[where[0]], where[1]
        return look_at(*where, recording.image.frame(t), LabelFrames(recording.mask, reader).whole(t))

    with ThreadPoolExecutor(_THREADS) as pool:
        return {
            part: list(pool.map(look, places[:: -(-len(places) // most)])) for part, places in frames.items()
        }


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


def _sketch(channel: Pixels) -> tuple[Sketch, float]:
    """The sketch of a channel, and the share of its energy that is signal."""
    rows, columns = (max(1, length // (MEANS * PIXELS_A_MEAN)) for length in channel.shape)
    pixels = channel[::rows, ::columns].astype(np.float64)
    if channel.dtype.kind == "f":
        pixels = np.nan_to_num(pixels, nan=0, posinf=0, neginf=0)
    means = cv2.resize(pixels, (MEANS, MEANS), interpolation=cv2.INTER_AREA).ravel()
    smooth, window = _illumination(), np.sqrt(np.hanning(MEANS + 2)[1:-1])
    structure = means - smooth @ (smooth.T @ means)
    rows_of, columns_of = _frequencies()
    if np.abs(structure).max() <= 1e-6 * np.abs(means).max():
        return np.zeros(2 * len(rows_of), np.int8), 0.0
    spectrum = np.fft.fft2(structure.reshape(MEANS, MEANS) * np.outer(window, window))[rows_of, columns_of]
    magnitudes = np.maximum(np.abs(spectrum), 1e-30)
    evened = spectrum / magnitudes**WHITENING
    noise = _noise(pixels) * min(1, MEANS**2 / pixels.size) * window.sum() ** 2  # power of each coefficient
    energies = magnitudes ** (2 - 2 * WHITENING)
    signal = float((energies * np.maximum(0, 1 - noise / magnitudes**2)).sum() / energies.sum())
    parts = evened.astype(np.complex64).view(np.float32)
    quantised: Sketch = np.round(127 / np.abs(parts).max() * parts).astype(np.int8)
    return quantised, max(signal, 1e-6)


def _noise(pixels: npt.NDArray[np.float64]) -> float:
    """Variance of the noise of a pixel, from second differences along some rows, robust against edges."""
    some = pixels[::_ROWS_FOR_NOISE]
    if some.shape[1] < 3:
        return 0.0
    differences = np.abs(2 * some[:, 1:-1] - some[:, :-2] - some[:, 2:])
    return float((np.median(differences) / 0.6745) ** 2 / 6)


@cache
def _frequencies() -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Cycles a side, down and across, of the F coefficients; half of a plane, since pixels are real."""
    down, across = (axis.ravel() for axis in np.mgrid[-CYCLES : CYCLES + 1, : CYCLES + 1])
    radius = np.hypot(down, across)
    half = (radius > 0) & (radius <= CYCLES) & ((across > 0) | (down > 0))
    order = np.argsort(radius[half], kind="stable")
    return down[half][order], across[half][order]


@cache
def _illumination() -> npt.NDArray[np.float64]:
    """Orthonormal polynomials of `ILLUMINATION_DEGREE` at most, each a column over all means."""
    powers = np.polynomial.legendre.legvander(np.linspace(-1, 1, MEANS), ILLUMINATION_DEGREE)
    terms = [
        np.outer(powers[:, i], powers[:, j]).ravel()
        for i in range(ILLUMINATION_DEGREE + 1)
        for j in range(ILLUMINATION_DEGREE + 1 - i)
    ]
    return np.linalg.qr(np.transpose(terms))[0]


def _unit(sketches: Sketch, common: Spectrum) -> Spectrum:
    """Sketches (N, 2F) of one channel as coefficients (N, F) of norm 1, less what all have in common (F,)."""
    spectra: Spectrum = np.ascontiguousarray(sketches, np.float32).view(np.complex64)
    for part in (None, common):
        if part is not None:
            spectra = (spectra - part * spectra.any(axis=1, keepdims=True)).astype(np.complex64)
        norms = np.linalg.norm(spectra, axis=1, keepdims=True)
        spectra = (spectra / np.where(norms > 0, norms, 1)).astype(np.complex64, copy=False)
    return spectra


def _in_common(looks: Sequence[FrameLook]) -> Spectrum:
    """The mean (C, F) over a frame of each series; zeros where it would not be the microscope's."""
    known = {look.series: look.sketch for look in reversed(looks) if look.sketch is not None}
    places = spread(len(known), _SERIES_FOR_COMMON)
    sketches = [found for place, found in enumerate(known.values()) if place in places]
    mean = np.zeros((min(map(len, sketches), default=1), len(_frequencies()[0])), np.complex64)
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
    down, across = _frequencies()
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
    down, across = (np.exp(2j * np.pi * np.outer(places, cycles)) for cycles in _frequencies())
    return down.astype(np.complex64), across.astype(np.complex64)


def _correlation(one: Spectrum, other: Spectrum, shift: float) -> float:
    """The highest normalised cross-correlation of two frames over all shifts."""
    down, across = _turns(shift, 6 * CYCLES)
    return float(((down * (one * other.conj())) @ across.T).real.max())
