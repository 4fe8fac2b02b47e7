"""Cells as runs of pixels along rows, of which there are far fewer than pixels.

Sums over a run have closed forms, so that the area, the place and the moments of all cells of a frame come
from a few arrays at once. They are those of scikit-image's ``regionprops``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Whole = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Runs:
    """The n cells of a frame as runs of pixels, in the order in which the frame is read, row by row.

    Attributes:
        labels: (n,) the cells' numbers in the label map, ascending.
        cell: for each run the position of its cell in ``labels``.
        row: its row.
        first: its first column.
        last: its last column.
    """

    labels: Whole
    cell: Whole
    row: Whole
    first: Whole
    last: Whole

    @property
    def length(self) -> Whole:
        """Pixels of each run."""
        return self.last - self.first + 1

    def total(self, of_runs: NDArray[Any]) -> Floats:
        """Sums over the runs of each cell, (n,)."""
        return np.bincount(self.cell, of_runs, minlength=len(self.labels)).astype(np.float64)

    def least(self, of_runs: Whole) -> Whole:
        """Minima over the runs of each cell, (n,)."""
        least = np.full(len(self.labels), np.iinfo(np.int64).max)
        np.minimum.at(least, self.cell, of_runs)
        return least

    def greatest(self, of_runs: Whole) -> Whole:
        """Maxima over the runs of each cell, (n,)."""
        return -self.least(-of_runs)


def find_runs(labels: NDArray[np.integer[Any]]) -> Runs:
    """The runs of a label map (H, W) in which 0 is no cell.

    Example:
        ``find_runs(np.array([[0, 7, 7, 3]]))`` has labels ``[3, 7]``, cells ``[1, 0]``, first ``[1, 3]`` and
        last ``[2, 3]``.
    """
    inside = labels != 0
    changes = labels[:, 1:] != labels[:, :-1]
    begins, ends = inside.copy(), inside
    begins[:, 1:] &= changes
    ends[:, :-1] &= changes
    row, first = np.divmod(np.flatnonzero(begins), labels.shape[1])  # a third of the time of np.nonzero
    last = np.flatnonzero(ends) % labels.shape[1]
    found, cell = np.unique(labels[row, first], return_inverse=True)
    return Runs(found.astype(np.int64), cell, row, first, last)


@dataclass(frozen=True, eq=False)
class Moments:
    """Sums over the pixels of each of n cells, every one float64 (n,)."""

    area: Floats
    row: Floats
    column: Floats
    eccentricity: Floats


def moments(runs: Runs, aspect: float = 1.0) -> Moments:
    """Area in pixels, centroid in pixels from the centre of the frame's first one, and eccentricity.

    The eccentricity is that of the ellipse with the cell's second central moments: 0 for a disc, towards 1
    for a line, and 0 for a single pixel.

    Args:
        runs: of the cells.
        aspect: height of a pixel over its width, for the eccentricity.
    """
    # Counted from each cell's own corner, all sums stay small enough to be exact.
    top, left = runs.least(runs.row), runs.least(runs.first)
    y, x = runs.row - top[runs.cell], runs.first - left[runs.cell]
    n = runs.length
    sum_x = n * x + n * (n - 1) // 2
    sum_xx = n * x * x + x * n * (n - 1) + (n - 1) * n * (2 * n - 1) // 6
    area = runs.total(n)
    mean_y, mean_x = runs.total(n * y) / area, runs.total(sum_x) / area
    yy = runs.total(n * y * y) / area - mean_y**2
    xx = runs.total(sum_xx) / area - mean_x**2
    xy = runs.total(y * sum_x) / area - mean_y * mean_x
    return Moments(area, top + mean_y, left + mean_x, _eccentricity(aspect**2 * yy, xx, aspect * xy))


def _eccentricity(yy: Floats, xx: Floats, xy: Floats) -> Floats:
    """Of ellipses with these variances and this covariance of the rows and columns of their pixels."""
    middle, spread = (yy + xx) / 2, np.hypot((yy - xx) / 2, xy)
    long, short = middle + spread, np.maximum(middle - spread, 0)
    ratio = np.divide(short, long, out=np.ones_like(long), where=long > 0)
    eccentricity: Floats = np.sqrt(1 - ratio)
    return eccentricity
