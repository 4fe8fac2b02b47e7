"""Which cells of two label maps share pixels, and by how much."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Whole = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Overlaps:
    """The P pairs of cells that share pixels, one of a first label map with n cells, one of a second with m.

    Attributes:
        first_labels: (n,) the first map's cell numbers, ascending.
        second_labels: (m,) those of the second map.
        first: (P,) positions in ``first_labels``.
        second: (P,) positions in ``second_labels``.
        first_area: (n,) pixels of the first map's cells.
        second_area: (m,) those of the second map's.
        shared: (P,) pixels that both cells have.
    """

    first_labels: Whole
    second_labels: Whole
    first: Whole
    second: Whole
    first_area: Whole
    second_area: Whole
    shared: Whole

    @property
    def union(self) -> Whole:
        """(P,) pixels that either cell has."""
        return self.first_area[self.first] + self.second_area[self.second] - self.shared

    @property
    def iou(self) -> NDArray[np.float64]:
        """(P,) intersection over union."""
        return self.shared / self.union


def overlaps(first: NDArray[np.integer[Any]], second: NDArray[np.integer[Any]]) -> Overlaps:
    """Compare two label maps (H, W) in which 0 is no cell.

    Raises:
        ValueError: the shapes differ.

    Example:
        ``[[5, 5, 0]]`` and ``[[7, 7, 7]]`` have one pair, which shares 2 of 3 pixels.
    """
    if first.shape != second.shape:
        raise ValueError(f"label maps have shapes {first.shape} and {second.shape}, expected the same")
    one, other, length = _runs(first.ravel(), second.ravel())
    first_labels, first_area = _areas(one, length)
    second_labels, second_area = _areas(other, length)
    both = (one != 0) & (other != 0)
    at, at_other = np.searchsorted(first_labels, one[both]), np.searchsorted(second_labels, other[both])
    pairs, which = np.unique(at * max(len(second_labels), 1) + at_other, return_inverse=True)
    at, at_other = np.divmod(pairs, max(len(second_labels), 1))
    shared = np.bincount(which, length[both], minlength=len(pairs)).astype(np.int64)
    return Overlaps(first_labels, second_labels, at, at_other, first_area, second_area, shared)


def _runs(one: NDArray[np.integer[Any]], other: NDArray[np.integer[Any]]) -> tuple[Whole, Whole, Whole]:
    """Stretches of pixels in which neither map changes: both labels and the length of each."""
    changes = np.ones(len(one), bool)
    changes[1:] = (one[1:] != one[:-1]) | (other[1:] != other[:-1])
    begins = np.flatnonzero(changes)
    return one[begins].astype(np.int64), other[begins].astype(np.int64), np.diff(begins, append=len(one))


def _areas(labels: Whole, length: Whole) -> tuple[Whole, Whole]:
    """Every cell among the labels of runs, ascending, and its pixels."""
    if len(labels) and labels.max() < 16 * len(labels):  # sorting takes much longer than counting
        area = np.bincount(labels, length).astype(np.int64)
        cells = np.flatnonzero(area)
        return cells[cells != 0], area[cells[cells != 0]]
    cells, which = np.unique(labels, return_inverse=True)
    area = np.bincount(which, length, minlength=len(cells)).astype(np.int64)
    return cells[cells != 0], area[cells != 0]
