"""Area, place, elongation, perimeter and convex hull of all cells of a frame at once.

The numbers are those of scikit-image's ``regionprops``, which takes one cell after another. Here cells are
runs of pixels along rows, of which there are far fewer than pixels and whose sums have closed forms.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Whole = NDArray[np.int64]

_BESIDE, _DIAGONAL = 2, 10
"""What a neighbour on the border adds to a border pixel's code, that pixel itself adding 1."""

_STEPS_OF_CODE = np.zeros((2, 1 + 4 * _BESIDE + 4 * _DIAGONAL + 1))
"""By a border pixel's code, steps that it adds: to a pixel beside it, and to a diagonal one."""
_STEPS_OF_CODE[0, [5, 7, 15, 17, 25, 27]] = 1
_STEPS_OF_CODE[1, [21, 33]] = 1
_STEPS_OF_CODE[:, [13, 23]] = 0.5


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
    return np.asarray(np.sqrt(1 - ratio))


def perimeters(
    labels: NDArray[np.integer[Any]], runs: Runs, height: float = 1.0, width: float = 1.0
) -> Floats:
    """Perimeter of every cell, by the estimator of Benkrid and Crookes (2000).

    A border pixel is one with a pixel beside it that is not of its cell, the frame's outside included. It
    adds a step to a pixel beside it, a diagonal one or half of each (1, 1.41 or their mean where pixels are
    squares of 1), depending on which of its eight neighbours are on the cell's border as well. In rectangular
    pixels, the step beside it is the mean of those to the border pixels above, below, left and right of it.

    Args:
        labels: label map (H, W), 0 for no cell.
        runs: its runs.
        height: of a pixel.
        width: of a pixel; 1 and 1 give perimeters in pixels.

    Returns:
        (n,) float64, in the order of ``runs.labels``.
    """
    row = labels.shape[1] + 2
    around = np.pad(labels, 1).ravel()
    inside = np.flatnonzero(around != 0)
    differs = [around[inside] != around[inside + step] for step in (-row, row, -1, 1)]
    border = inside[np.any(differs, axis=0)]
    cell = np.zeros_like(around)  # but on borders
    cell[border] = around[border]

    def neighbours(*steps: int) -> Whole:
        """How many of the pixels so many places on are of the same cell."""
        same: Whole = np.sum([cell[border] == cell[border + step] for step in steps], axis=0, dtype=np.int64)
        return same

    vertical, horizontal = neighbours(-row, row), neighbours(-1, 1)
    diagonal = neighbours(-row - 1, -row + 1, row - 1, row + 1)
    beside = vertical + horizontal
    steps, diagonal_steps = _STEPS_OF_CODE[:, 1 + _BESIDE * beside + _DIAGONAL * diagonal]
    step = (vertical * height + horizontal * width) / np.maximum(beside, 1)
    position = np.searchsorted(runs.labels, cell[border])
    lengths = steps * step + diagonal_steps * np.hypot(height, width)
    return np.bincount(position, lengths, minlength=len(runs.labels)).astype(np.float64)


def convex_areas(runs: Runs) -> Whole:
    """Pixels (n,) int64 in the convex hull of every cell, in the order of ``runs.labels``.

    The hull is that of the middles of all pixels' edges, and a pixel is in it when its centre is inside or on
    its outline; solidity is area over this number. Everything is counted in half pixels, in whole numbers.
    """
    top, bottom = runs.least(runs.row), runs.greatest(runs.row)
    height = bottom - top + 1
    cell = np.repeat(np.arange(len(height)), height)
    row = np.arange(len(cell)) - np.repeat(np.cumsum(height) - height - top, height)
    left = _hull_columns(runs, runs.first, cell, row)
    right = -_hull_columns(runs, -runs.last, cell, row)
    return np.bincount(cell, right - left + 1, minlength=len(height)).astype(np.int64)


def _hull_columns(runs: Runs, column: Whole, cell: Whole, row: Whole) -> Whole:
    """First column in the hull in each of these rows of these cells; ``column`` is that of each run.

    Given the last columns with their signs turned, it answers for the right side, with its sign turned.
    """
    # One axis for all cells: a stretch of it for each, on which rows are counted in half pixels.
    stretch = 2 * int(runs.row.max(initial=0)) + 3
    place, x = _hull_side(runs.cell * stretch + 2 * runs.row + 1, 2 * column, stretch)
    wanted = cell * stretch + 2 * row + 1
    below = np.searchsorted(place, wanted)  # a cell's hull begins half a pixel above its first row
    above = below - 1
    height, width = place[below] - place[above], x[below] - x[above]
    doubled = x[above] * height + width * (wanted - place[above])
    return np.asarray(-(-doubled // (2 * height)))


def _hull_side(place: Whole, x: Whole, stretch: int) -> tuple[Whole, Whole]:
    """Corners of the left side of every hull, by place and column, from the middles of pixels."""
    place = np.concatenate([place, place - 1, place + 1])
    x = np.concatenate([x - 1, x, x])
    order = np.lexsort((x, place))
    place, x = place[order], x[order]
    leftmost = np.diff(place, prepend=-1) > 0
    place, x = place[leftmost], x[leftmost]
    while True:
        cell = place // stretch
        # A point on or inside the line between its neighbours is no corner, whatever becomes of these.
        down, right = np.diff(place), np.diff(x)
        hidden = right[:-1] * down[1:] >= right[1:] * down[:-1]
        hidden &= (cell[1:-1] == cell[:-2]) & (cell[1:-1] == cell[2:])
        if not hidden.any():
            return place, x
        corner = np.concatenate([[True], ~hidden, [True]])
        place, x = place[corner], x[corner]
