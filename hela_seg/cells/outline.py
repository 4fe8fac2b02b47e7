"""Perimeter and convex hull of all cells of a frame at once, as scikit-image's ``regionprops`` has them.

There, most of the time goes into one convex hull after another. Here all cells go through each step
together; the numbers are the same.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hela_seg.cells.runs import Floats, Runs, Whole

_BESIDE, _DIAGONAL = 2, 10
"""What a neighbour on the border adds to a border pixel's code, that pixel itself adding 1."""

_STEPS_OF_CODE = np.zeros((2, 1 + 4 * _BESIDE + 4 * _DIAGONAL + 1))
"""By a border pixel's code, steps that it adds: to a pixel beside it, and to a diagonal one."""
_STEPS_OF_CODE[0, [5, 7, 15, 17, 25, 27]] = 1
_STEPS_OF_CODE[1, [21, 33]] = 1
_STEPS_OF_CODE[:, [13, 23]] = 0.5


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
    column_in: Whole = -(-doubled // (2 * height))
    return column_in


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
