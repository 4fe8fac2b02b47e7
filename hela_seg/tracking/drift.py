"""How far a frame's cells have moved together since the frame before: the drift of the stage."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from skimage.registration import phase_cross_correlation

from hela_seg.tracking import Floats, Labels

LONGEST = 256
"""Pixels of the longer side of what is correlated: frames are shrunk, so that large ones take no longer."""

FINENESS = 4
"""Parts of a pixel, after shrinking, to which a shift is found."""


LEAST_CELLS = 2
"""Cells in each of two frames from which on they tell the way of the stage from that of a cell."""


class DriftEstimator:
    """Takes the cells of one frame after the other and says how far all of them moved together.

    Insides of cells are correlated (scikit-image's `phase_cross_correlation`), so that neither the light of
    the lamp nor dust on the camera, which stay where they are, count. A shift that does not bring more cells
    onto cells is taken for none. It keeps one frame.
    """

    def __init__(self) -> None:
        self._before: tuple[NDArray[np.bool_], Floats, int] | None = None

    def add(self, labels: Labels) -> Floats:
        """Take the cell numbers (H, W) of the next frame, 0 for no cell.

        Returns:
            (2,) rows and columns from the frame before to this one, in pixels; 0 for the first frame, and
            where one of the two has fewer than `LEAST_CELLS` cells.
        """
        inside = _inside(labels)
        factor = -(-max(labels.shape) // LONGEST)
        now = (inside, _shrunk(inside, factor), _count(labels))
        before, self._before = self._before, now
        if before is None or min(before[2], now[2]) < LEAST_CELLS:
            return np.zeros(2)
        shift, *_ = phase_cross_correlation(before[1], now[1], upsample_factor=FINENESS, normalization=None)
        found = -factor * np.asarray(shift, np.float64)
        return found if _agreement(before[0], inside, found) > 0 else np.zeros(2)


def shifted(labels: Labels, shift: Floats) -> Labels:
    """A label map (H, W) moved by whole rows and columns; nothing comes in at the sides.

    ``shifted(np.array([[1, 2, 3]]), np.array([0.0, 1.2]))`` is ``[[0, 1, 2]]``.
    """
    rows, columns = np.rint(shift).astype(int).tolist()
    if rows == columns == 0:
        return labels
    moved = np.roll(labels, (rows, columns), axis=(0, 1))
    for by, lines in ((rows, moved), (columns, moved.T)):  # what came in at the other side
        lines[: max(by, 0)] = 0
        lines[max(len(lines) + min(by, 0), 0) :] = 0
    return moved


def _inside(labels: Labels) -> NDArray[np.bool_]:
    """Pixels (H, W) with neighbours of the same cell: touching cells have a line between them."""
    inside: NDArray[np.bool_] = labels != 0
    inside[1:] &= labels[1:] == labels[:-1]
    inside[:, 1:] &= labels[:, 1:] == labels[:, :-1]
    return inside


def _shrunk(inside: NDArray[np.bool_], factor: int) -> Floats:
    """Shares (H / factor, W / factor) of pixels that are inside of cells, less their mean."""
    height, width = (-(-size // factor) for size in inside.shape)
    shares = cv2.resize(255 * inside.view(np.uint8), (width, height), interpolation=cv2.INTER_AREA)
    return np.asarray(shares - shares.mean(), np.float64) / 255.0


def _count(labels: Labels) -> int:
    """About how many cells there are: those that a grid of 128 x 128 points meets."""
    step = -(-max(labels.shape) // 128)
    return int(np.count_nonzero(np.unique(labels[::step, ::step])))


def _agreement(before: NDArray[np.bool_], after: NDArray[np.bool_], shift: Floats) -> int:
    """How many more pixels lie on cells in both frames once the first one is moved."""
    moved = shifted(before.view(np.uint8), shift).view(bool)
    return int(np.count_nonzero(moved & after)) - int(np.count_nonzero(before & after))
