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

_LENGTH_OF_CODE = np.zeros(1 + 4 * _BESIDE + 4 * _DIAGONAL + 1)
_LENGTH_OF_CODE[[5, 7, 15, 17, 25, 27]] = 1
_LENGTH_OF_CODE[[21, 33]] = np.sqrt(2)
_LENGTH_OF_CODE[[13, 23]] = (1 + np.sqrt(2)) / 2


def perimeters(labels: NDArray[np.integer[Any]], runs: Runs) -> Floats:
    """Perimeter (n,) of every cell in pixels, by the estimator of Benkrid and Crookes (2000).

    A border pixel is one with a pixel beside it that is not of its cell, the frame's outside included. It
    adds 1, 1.41 or their mean, depending on which of its eight neighbours are on the cell's border as well.
    Cells stand in the order of ``runs.labels``; ``runs`` are those of the label map (H, W).
    """
    around = np.pad(labels, 1)
    width = around.shape[1]
    border = np.flatnonzero(_on_border(around))
    of_border = np.zeros_like(around)
    of_border.flat[border] = around.flat[border]
    cell = of_border.ravel()
    code = np.ones(len(border), np.intp)
    for step, worth in (
        *((step, _BESIDE) for step in (-width, -1, 1, width)),
        *((step, _DIAGONAL) for step in (-width - 1, -width + 1, width - 1, width + 1)),
    ):
        code += worth * (cell[border] == cell[border + step])
    position = np.searchsorted(runs.labels, cell[border])
    lengths = np.bincount(position, _LENGTH_OF_CODE[code], minlength=len(runs.labels))
    return lengths.astype(np.float64)


def _on_border(around: NDArray[np.integer[Any]]) -> NDArray[np.bool_]:
    """Which pixels of a label map with a margin of one pixel are the border of their cell."""
    inner = around[1:-1, 1:-1]
    differs = np.zeros_like(around, bool)
    differs[1:-1, 1:-1] = (inner != 0) & (
        (inner != around[:-2, 1:-1])
        | (inner != around[2:, 1:-1])
        | (inner != around[1:-1, :-2])
        | (inner != around[1:-1, 2:])
    )
    return differs


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
