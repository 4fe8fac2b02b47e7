"""Grey values of one channel over many frames, in memory that does not grow with their number."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

SAMPLE_SIZE = 2**22
"""Most grey values that are kept where they are not counted."""


def is_counted(dtype: np.dtype[Any]) -> bool:
    """Whether values of a type are few enough for a histogram: bool, uint8 and uint16."""
    return dtype.kind in "bu" and dtype.itemsize <= 2


class GreyValues:
    """A histogram, whose figures are exact, or a random sample, halved whenever it has grown too large.

    The sample is the same for the same values. Values that are not finite are left out.

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

    def percentile(self, percent: float, method: Literal["linear", "inverted_cdf"] = "linear") -> float:
        """As ``numpy.percentile`` has it by that method; ``inverted_cdf`` gives a value that occurs."""
        if not self.counted:
            return float(np.percentile(np.concatenate(self._chunks), percent, method=method))
        up_to = np.cumsum(self._counts)
        if method == "inverted_cdf":
            return float(np.searchsorted(up_to, np.ceil(percent / 100 * up_to[-1])))
        rank = percent / 100 * (int(up_to[-1]) - 1)
        below, above = np.searchsorted(up_to, [np.floor(rank), np.ceil(rank)], side="right")
        return float(below + (above - below) * (rank - np.floor(rank)))

    def mean_and_deviation(self) -> tuple[float, float]:
        """Mean and standard deviation."""
        if not self.counted:
            values = np.concatenate(self._chunks).astype(np.float64)
            return float(values.mean()), float(values.std())
        levels = np.arange(len(self._counts))
        mean = np.average(levels, weights=self._counts)
        return float(mean), float(np.sqrt(np.average((levels - mean) ** 2, weights=self._counts)))
