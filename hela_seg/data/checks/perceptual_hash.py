"""A frame's looks in 255 bits, by which frames to label next are chosen as unlike each other as can be.

The signs of the low spatial frequencies of its discrete cosine transform against their median, "pHash" of
Zauner (2010), "Implementation and benchmarking of perceptual image hash functions". Gain and offset of the
camera change no bit of it, noise and a cell's step change few. His 64 bits are too few where many frames are
compared: cells of the same kind come as near by chance. Here there are 255, from 16 x 16 frequencies of
32 x 32 area means. The same cells in a shifted field of view have other bits, and vignetting that outweighs
the cells decides them: leaks are found by `near_duplicates`.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from scipy.fft import dctn

FREQUENCIES = 16
"""Rows and columns of the transform that are looked at; the mean, which is the first of them, is left out."""

MEANS = 32
"""Rows and columns of area means that a frame is shrunk to."""

PIXELS_A_MEAN = 8
"""Rows and columns of pixels that go into each mean, at least, where the frame has as many."""

Pixels = npt.NDArray[Any]
Hash = npt.NDArray[np.uint64]


def perceptual_hash(frame: Pixels) -> Hash | None:
    """A frame's low spatial frequencies as bits.

    Args:
        frame: (C, H, W) of any real dtype; its channels are added up. Values that are not finite count as 0.

    Returns:
        (4,) uint64, 255 bits and a 0 (a tiny frame has fewer); None where all of it has one value.
    """
    known = thinned(frame, MEANS).sum(axis=0)
    rows, columns = (min(length, MEANS) for length in known.shape)
    means = cv2.resize(known, (columns, rows), interpolation=cv2.INTER_AREA)
    if np.ptp(means) == 0:
        return None
    spectrum = dctn(means, norm="ortho")[:FREQUENCIES, :FREQUENCIES].ravel()[1:]
    bits = np.zeros(FREQUENCIES**2, bool)  # fewer frequencies, of a tiny frame, leave zeros at the end
    bits[: spectrum.size] = spectrum > np.median(spectrum)
    return np.packbits(bits).view(np.uint64)


def thinned(pixels: Pixels, means: int) -> npt.NDArray[np.float64]:
    """Every so many-th of (..., H, W) pixels, to take area means of; values that are not finite are 0.

    Of large frames `PIXELS_A_MEAN` squared pixels to each of ``means`` squared are left, or a few more: more
    changed no hash and no sketch by more than noise does.
    """
    rows, columns = (max(1, length // (means * PIXELS_A_MEAN)) for length in pixels.shape[-2:])
    some: npt.NDArray[np.float64] = pixels[..., ::rows, ::columns].astype(np.float64)
    return np.nan_to_num(some, nan=0, posinf=0, neginf=0) if pixels.dtype.kind == "f" else some
