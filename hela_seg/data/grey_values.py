"""Figures of grey values: percentiles over many frames in bounded memory, and what a recording is like."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from hela_seg.data.stacks import Series

Array = NDArray[Any]

PERCENTILES = (1.0, 50.0, 99.8)
"""Of a frame's grey values: its dark end, its middle and its bright end."""

WINDOW = 1024
"""Rows and columns, at most, of the window in the middle of a frame that is looked at."""

FRAMES = 5
"""How many frames of a recording are looked at, spread evenly."""

DARK, BRIGHT, CONTRAST, MIDTONE = range(4)
"""Figures of a channel: both ends, their distance, and where between them (0 to 1) the median lies."""

INTEGERS = {np.dtype(code).name: float(np.iinfo(code).max) for code in "bBhHiIlLqQ"}

Figures = NDArray[np.float64]

SAMPLE_SIZE = 2**22
"""Most grey values that are kept where they are not counted."""


def is_counted(dtype: np.dtype[Any]) -> bool:
    """Whether values of a type are few enough for a histogram: bool, uint8 and uint16."""
    return dtype.kind in "bu" and dtype.itemsize <= 2


class GreyValues:
    """Those of one channel: a histogram, whose figures are exact, or a random sample.

    The sample is halved whenever it has grown too large, and is the same for the same values. Values that are
    not finite are left out.

    Args:
        dtype: of the values, which says which of the two it is, see `is_counted`.
    """

    def __init__(self, dtype: np.dtype[Any]) -> None:
        self.counted = is_counted(dtype)
        self._counts = np.zeros(256**dtype.itemsize if self.counted else 0, np.int64)
        self._chunks: list[Array] = []
        self._size, self._share, self._random = 0, 1.0, np.random.default_rng(0)

    def add(self, values: Array) -> None:
        """Take values of any shape."""
        if self.counted:
            self._counts += np.bincount(values.ravel(), minlength=len(self._counts))
            return
        finite = values[np.isfinite(values)]
        kept = finite if self._share == 1 else finite[self._random.random(finite.size) < self._share]
        self._chunks.append(kept)
        self._size += kept.size
        while self._size > SAMPLE_SIZE:
            self._chunks = [self._random.permutation(np.concatenate(self._chunks))[::2].copy()]
            self._size = self._chunks[0].size
            self._share /= 2

    def percentiles(
        self, percents: Sequence[float], method: Literal["linear", "inverted_cdf"] = "linear"
    ) -> Figures:
        """The grey values (P,) at P percents, 0 to 100, as ``numpy.percentile`` has them by that method.

        ``inverted_cdf`` gives values that occur.
        """
        if not self.counted:
            found = np.percentile(np.concatenate(self._chunks), percents, method=method)
            return np.asarray(found, np.float64)
        up_to, shares = np.cumsum(self._counts), np.asarray(percents) / 100
        if method == "inverted_cdf":
            ranks = np.maximum(np.ceil(shares * up_to[-1]) - 1, 0)
        else:
            ranks = shares * (up_to[-1] - 1)
        ends = np.stack([np.floor(ranks), np.ceil(ranks)]).astype(np.int64)
        below, above = np.searchsorted(up_to, ends, side="right")
        return np.asarray(below + (above - below) * (ranks % 1), np.float64)

    def mean_and_deviation(self) -> tuple[float, float]:
        """Mean and standard deviation."""
        if not self.counted:
            values = np.concatenate(self._chunks).astype(np.float64)
            return float(values.mean()), float(values.std())
        levels = np.arange(len(self._counts))
        mean = np.average(levels, weights=self._counts)
        return float(mean), float(np.sqrt(np.average((levels - mean) ** 2, weights=self._counts)))


def figures_of(percentiles: NDArray[Any]) -> Figures:
    """Figures (..., 4) from grey values (..., 3) at `PERCENTILES`.

    Example:
        ``figures_of(np.array([10, 30, 110])).tolist() == [10, 110, 100, 0.2]``
    """
    dark, median, bright = np.moveaxis(np.asarray(percentiles, np.float64), -1, 0)
    contrast = bright - dark
    return np.stack([dark, bright, contrast, (median - dark) / np.where(contrast > 0, contrast, 1)], axis=-1)


def figures_of_series(series: Series, kind: str) -> Figures:
    """The median of `FRAMES` frames, so that an empty one among others does not count.

    Args:
        series: a recording.
        kind: of the `Normalisation` on whose scale the figures are; see `TrainingStatistics`.

    Returns:
        (C, 4) `DARK`, `BRIGHT`, `CONTRAST` and `MIDTONE`.

    Raises:
        InputError: a frame that cannot be read.
    """
    frames = [figures_of_frame(series, t, kind) for t in spread(series.shape[0], FRAMES)]
    found: Figures = np.median(frames, axis=0)
    return found


def spread(count: int, most: int) -> list[int]:
    """At most so many of the numbers below a count, evenly spread from the first to the last.

    Example:
        ``spread(9, 3) == [0, 4, 8]``
    """
    return [round(place) for place in np.linspace(0, count - 1, min(count, most)).tolist()]


def figures_of_frame(series: Series, t: int, kind: str) -> Figures:
    """Figures (C, 4) of the middle of a frame, on the scale of `TrainingStatistics`."""
    rows, columns = (
        slice(max(0, side - WINDOW) // 2, min(side, (side + WINDOW) // 2)) for side in series.shape[2:]
    )
    pixels = series.read(t, rows, columns).astype(np.float64)  # of bool there are no percentiles
    found = np.percentile(pixels.reshape(len(pixels), -1), PERCENTILES, axis=1).T
    return figures_of(found / unit_of(kind, series.dtype.name))


def unit_of(kind: str, dtype: str) -> float:
    """What a net's images are divided by before anything else."""
    return INTEGERS.get(dtype, 1.0) if kind == "dtype" else 1.0
