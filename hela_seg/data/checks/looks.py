"""What is remembered of a frame's looks, by which near-duplicates are found.

Each channel is shrunk to 64 x 64 area means, a polynomial takes off the illumination, and the Fourier
coefficients of up to 16 cycles a side remain, which a shift by a part of a mean turns but does not mix. They
are divided by a power of the mean magnitude at their frequency, so that outlines and texture count and not
only that a bright cell lies somewhere. That mean holds the noise too: what noise outweighs counts less, and
the correlation with a frame without noise is nearly that of a matched filter. (Dividing each coefficient by
its own magnitude, the "phase correlation" of Kuglin and Hines, 1975, would let noise count as much as cells.)
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from scipy.signal.windows import tukey

from hela_seg.data.checks.perceptual_hash import thinned
from hela_seg.data.frames import LabelFrames
from hela_seg.data.labels.readers import LabelReader
from hela_seg.data.layouts import Recording
from hela_seg.data.splits.table import Block, Part

MEANS = 64
"""Rows and columns of area means that a channel is shrunk to."""

CYCLES = 16
"""Highest frequency of a sketch in cycles a side."""

ILLUMINATION_DEGREE = 4
"""Of the polynomial in row and column that stands for the illumination of a frame."""

TAPER = 0.6
"""Share of each side along which the frame fades out, so that its borders are no edges."""

WHITENING = 0.8
"""Power of the mean magnitude that coefficients are divided by: 0 is plain cross-correlation."""

FRAMES_LOOKED_AT = 200
"""Most frames of each part that `look_at_frames` reads, so that training of long recordings starts soon."""

_ROWS_FOR_NOISE = 8
_THREADS = 4

Pixels = npt.NDArray[Any]
Sketch = npt.NDArray[np.int8]


@dataclass(frozen=True, eq=False)
class FrameLook:
    """What is remembered of a frame's looks.

    Attributes:
        series: index of the frame's series.
        t: the frame, counted from 0.
        sketch: the structure of each channel, without illumination, gain and offset: (C, 2F), real and
            imaginary part of F Fourier coefficients, the lowest first, up to a factor; 0 for a channel
            without structure. None where no channel has any.
        digest: hash of its pixels: equal for equal pictures alone.
        side: pixels of its shorter side.
        mask: digest of its labels; None where they are unknown or all the same.
        signal: share of the sketch's energy that is no noise, as far as neighbouring pixels tell.
        chance: standard deviation of the correlation with a sketch of the same frequencies at random phases.
    """

    series: int
    t: int
    sketch: Sketch | None
    digest: bytes
    side: int = 512
    mask: bytes | None = None
    signal: float = 1.0
    chance: float = 0.0


def look_at(series: int, t: int, frame: Pixels, labels: Pixels | None) -> FrameLook:
    """Sketch and digests of one frame.

    Args:
        series: index of its series.
        t: its number there.
        frame: (C, H, W) of any real dtype; values that are not finite count as 0.
        labels: (H, W) class indices; None where they are unknown.
    """
    mask = None if labels is None or labels.min() == labels.max() else digest(labels)
    sketches, signals, chances = zip(*map(_sketch, frame), strict=True)
    found = np.stack(sketches) if any(signals) else None
    return FrameLook(series, t, found, digest(frame), min(frame.shape[1:]), mask, max(signals), max(chances))


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
        reader: reads the class indices of the masks.
        most: frames of one part that are read.
    """
    frames: dict[Part, list[tuple[int, int]]] = {}
    for block in blocks:
        frames.setdefault(block.part, []).extend((block.series, t) for t in range(block.start, block.stop))

    def look(where: tuple[int, int]) -> FrameLook:
        """Look at a frame of a series."""
        recording, t = recordings[where[0]], where[1]
        return look_at(*where, recording.image.frame(t), LabelFrames(recording.mask, reader).whole(t))

    with ThreadPoolExecutor(_THREADS) as pool:
        return {
            part: list(pool.map(look, places[:: -(-len(places) // most)])) for part, places in frames.items()
        }


@cache
def frequencies() -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Cycles a side, down and across, of the F coefficients; half of a plane, since pixels are real."""
    down, across = (axis.ravel() for axis in np.mgrid[-CYCLES : CYCLES + 1, : CYCLES + 1])
    radius = np.hypot(down, across)
    half = (radius > 0) & (radius <= CYCLES) & ((across > 0) | (down > 0))
    order = np.argsort(radius[half], kind="stable")
    return down[half][order], across[half][order]


def _sketch(channel: Pixels) -> tuple[Sketch, float, float]:
    """The sketch of a channel, and its `FrameLook.signal` and `FrameLook.chance`."""
    pixels = thinned(channel, MEANS)
    means = cv2.resize(pixels, (MEANS, MEANS), interpolation=cv2.INTER_AREA).ravel()
    smooth, window = _illumination(), np.sqrt(tukey(MEANS + 2, TAPER)[1:-1])
    structure = means - smooth @ (smooth.T @ means)
    down, across = frequencies()
    if np.abs(structure).max() <= 1e-6 * np.abs(means).max():
        return np.zeros(2 * len(down), np.int8), 0.0, 0.0
    spectrum = np.fft.fft2(structure.reshape(MEANS, MEANS) * np.outer(window, window))[down, across]
    power = _power(spectrum)
    noise = _noise(pixels) * min(1, MEANS**2 / pixels.size) * (window**2).sum() ** 2  # of each coefficient
    energies = power ** (1 - WHITENING) / (power ** (1 - WHITENING)).sum()
    signal = float((energies * np.maximum(1 - noise / power, 0)).sum())
    parts = (spectrum / power ** (WHITENING / 2)).astype(np.complex64).view(np.float32)
    quantised: Sketch = np.round(127 / np.abs(parts).max() * parts).astype(np.int8)
    return quantised, max(signal, 1e-6), float(np.sqrt((energies**2).sum() / 2))


def _power(spectrum: npt.NDArray[np.complex128]) -> npt.NDArray[np.float64]:
    """Mean power (F,) at the frequency of each coefficient, the next ones up and down at half weight."""
    ring = np.round(np.hypot(*frequencies())).astype(np.intp)
    sums, counts = (
        np.convolve(np.bincount(ring, weights), (0.5, 1, 0.5), "same")
        for weights in (np.abs(spectrum) ** 2, np.ones(len(ring)))
    )
    power: npt.NDArray[np.float64] = np.maximum(sums / counts, 1e-30)[ring]
    return power


def _noise(pixels: npt.NDArray[np.float64]) -> float:
    """Variance of the noise of a pixel, from second differences along some rows, robust against edges."""
    some = pixels[::_ROWS_FOR_NOISE]
    if some.shape[1] < 3:
        return 0.0
    differences = np.abs(2 * some[:, 1:-1] - some[:, :-2] - some[:, 2:])
    return float((np.median(differences) / 0.6745) ** 2 / 6)


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
