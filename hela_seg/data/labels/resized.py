"""Masks painted at another resolution than their image, read at the image's by nearest neighbour."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hela_seg.data.stacks import Series
from hela_seg.data.stacks.series import DerivedSeries, Pixels
from hela_seg.data.tiles import Size
from hela_seg.system.errors import InputError


class NearestSeries(DerivedSeries):
    """A series as if it had been saved at another size, no value changed and none made up.

    The pixel at place p of n takes the value of the source's pixel whose area holds its centre: of m, number
    floor((p + 1/2) m / n), reckoned in whole numbers, so that a window equals the same part of the whole
    frame. It is the rule of Pillow's nearest neighbour. Reads only the source pixels that a window needs.

    Args:
        source: the masks as they lie on disk.
        size: (H, W) to read them at.

    Raises:
        InputError: the source is no scaled version of that size, by more than the rounding of its own.

    Example:
        A row of 2 pixels ``a b`` read at 5 is ``a a b b b``.
    """

    def __init__(self, source: Series, size: Size) -> None:
        frames, channels, *source_size = source.shape
        _refuse_other_proportions(source, size)
        super().__init__(source)
        self._places = [nearest(length, of) for length, of in zip(size, source_size, strict=True)]
        self.shape, self.pixel_size = (frames, channels, *size), None

    def read(self, t: int, rows: slice, columns: slice) -> Pixels:
        """Read one window of frame t as (C, h, w)."""
        row, column = self._places[0][rows], self._places[1][columns]
        pixels = self._source.read(t, slice(row[0], row[-1] + 1), slice(column[0], column[-1] + 1))
        return pixels[:, (row - row[0])[:, None], column - column[0]]


def nearest(length: int, source: int) -> NDArray[np.int64]:
    """For each of ``length`` places, which of ``source`` pixels is read; ``nearest(5, 2)`` is 0 0 1 1 1."""
    return (2 * np.arange(length, dtype=np.int64) + 1) * source // (2 * length)


def _refuse_other_proportions(source: Series, size: Size) -> None:
    height, width = source.shape[2:]
    # the smaller of both is the larger times a scale, rows and columns rounded by less than a pixel each
    if abs(height * size[1] - width * size[0]) > max(sum(size), height + width):
        raise InputError(
            f"{source.path} is {height}x{width}, expected the proportions of its image, {size[0]}x{size[1]}: "
            "it is no mask of that image at another resolution, replace it"
        )
