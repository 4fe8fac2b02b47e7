"""The drift of the stage; cells in pieces, or several in one, mended by the frames before and after."""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.registration import phase_cross_correlation

from hela_seg.cells.overlap import Overlaps, overlaps
from hela_seg.tracking import Floats, Labels

LONGEST = 256
"""Pixels of the longer side of what is correlated: frames are shrunk, so that large ones take no longer."""

FINENESS = 4
"""Parts of a pixel, after shrinking, to which a shift is found."""

LEAST_CELLS = 2
"""Cells in each of two frames from which on they tell the way of the stage from that of a cell."""

MOSTLY = 0.6
"""Share of a piece that must lie where the whole cell is, a frame before and after."""

ALIKE = 0.5
"""Least intersection over union of the pieces together and the whole cell."""


@dataclass(frozen=True, eq=False)
class MendedFrame:
    """A frame's cells as its neighbours say that they are.

    Attributes:
        labels: (H, W) cell numbers.
        moved: (2,) rows and columns that the stage moved since the frame before, in pixels.
        mended: what was done to a cell, by its number: ``joined`` of pieces, or ``cut`` from another.
        shared: pixels that cells have in common with those of the frame before, moved to where they would be
            now; None for the first frame.
    """

    labels: Labels
    moved: Floats = field(default_factory=lambda: np.zeros(2))
    mended: dict[int, str] = field(default_factory=dict)
    shared: Overlaps | None = None


class Mender:
    """Takes frames one after the other, and gives each back once the next one is known; keeps three.

    Args:
        drift: whether the drift of the stage is estimated; otherwise it is taken for none.
        mend: whether cells are mended; otherwise frames come back as they are.
        touching: whether cells that touch may be one in the masks, as in class maps: a cell that is as large
            as several of the frame before together is cut whatever the next frame shows. Otherwise it is only
            cut where the next frame has several cells too.
    """

    def __init__(self, *, drift: bool = True, mend: bool = True, touching: bool = False) -> None:
        self._drift = DriftEstimator() if drift else None
        self._mend, self._touching = mend, touching
        self._before: Labels | None = None
        self._held: MendedFrame | None = None

    def add(self, labels: Labels) -> MendedFrame | None:
        """Take the cell numbers (H, W) of the next frame, which must not be changed afterwards.

        Returns:
            The frame before this one, mended; None for the first one.

        Raises:
            ValueError: a shape other than that of the frame before.
        """
        held = self._held
        if held is not None and held.labels.shape != labels.shape:
            raise ValueError(f"frames have shapes {held.labels.shape} and {labels.shape}, expected the same")
        moved = np.zeros(2) if self._drift is None else self._drift.add(labels)
        if held is None:
            self._held = MendedFrame(labels, moved)
            return None
        ahead = overlaps(shifted(held.labels, moved), labels)
        mended = self._mended(held, ahead)
        if mended.labels is not held.labels:
            ahead = overlaps(shifted(mended.labels, moved), labels)
        self._before, self._held = mended.labels, MendedFrame(labels, moved, shared=ahead)
        return mended

    def end(self) -> MendedFrame | None:
        """The last frame, of which no next one says more; None where there was none."""
        held, self._held = self._held, None
        return None if held is None else self._mended(held, None)

    def _mended(self, held: MendedFrame, ahead: Overlaps | None) -> MendedFrame:
        """A frame mended by the one before and the pixels that it shares with the next one."""
        if not self._mend or self._before is None or held.shared is None:
            return held
        pieces: list[list[int]] = []
        cut = _wholes(held.shared, of_first=False)
        if ahead is not None:
            in_after = list(_wholes(ahead, of_first=False).values())
            pieces = [cells for cells in _wholes(held.shared, of_first=True).values() if cells in in_after]
        if not self._touching:
            doubted = () if ahead is None else _wholes(ahead, of_first=True).keys()
            cut = {cell: parts for cell, parts in cut.items() if cell in doubted}
        if not pieces and not cut:
            return held
        labels, mended = held.labels.copy(), dict[int, str]()
        for cells in pieces:
            mended |= _join(labels, cells)
        before, windows = shifted(self._before, held.moved), ndimage.find_objects(labels)
        new = len(windows) + 1
        for cell in sorted(cut.keys() - {piece for cells in pieces for piece in cells}):
            numbers = [cell, *range(new, new + len(cut[cell]) - 1)]
            _cut(labels[windows[cell - 1]], before[windows[cell - 1]], numbers, cut[cell])
            mended |= dict.fromkeys(numbers, "cut")
            new = numbers[-1] + 1
        return MendedFrame(labels, held.moved, mended, overlaps(before, labels)) if mended else held


def _wholes(shared: Overlaps, *, of_first: bool) -> dict[int, list[int]]:
    """Cells of one of two frames that are as large as several of the other that lie in them.

    Args:
        shared: pixels that cells of the two frames have in common.
        of_first: whether the whole cells are those of the first frame.

    Returns:
        By the number of a whole cell those of its two or more parts, ascending.
    """
    first = (shared.first, shared.first_labels, shared.first_area)
    second = (shared.second, shared.second_labels, shared.second_area)
    (whole, wholes, area), (part, parts, small) = (first, second) if of_first else (second, first)
    inside = shared.shared >= MOSTLY * small[part]
    count, pixels, both = (
        np.bincount(whole[inside], weights, len(wholes))
        for weights in (None, small[part][inside], shared.shared[inside])
    )
    alike = (count > 1) & (both >= ALIKE * (area + pixels - both))
    found: dict[int, list[int]] = {}
    for pair in np.flatnonzero(inside & alike[whole]).tolist():
        found.setdefault(int(wholes[whole[pair]]), []).append(int(parts[part[pair]]))
    return {cell: sorted(own) for cell, own in found.items()}


def _join(labels: Labels, pieces: list[int]) -> dict[int, str]:
    """Give pieces the lowest of their numbers, in place, unless they touch the frame's edge.

    Of cells that are cut off by the edge, too little is seen to say that they are one.
    """
    joined = np.isin(labels, pieces)
    if joined[[0, -1]].any() or joined[:, [0, -1]].any():
        return {}
    labels[joined] = pieces[0]
    return {pieces[0]: "joined"}


def _cut(labels: Labels, before: Labels, numbers: list[int], parts: list[int]) -> None:
    """Cut a cell into those of the frame before, in place: each pixel goes to the one that it is deepest in.

    Args:
        labels: (h, w) a window around the cell.
        before: (h, w) cell numbers of the frame before, moved to where they would be now.
        numbers: of the cell, and new ones: as many as there are parts.
        parts: the cell's in ``before``.
    """
    cells = [before == part for part in parts]
    depth = [ndimage.distance_transform_edt(part) - ndimage.distance_transform_edt(~part) for part in cells]
    whole = labels == numbers[0]
    labels[whole] = np.array(numbers)[np.argmax(depth, axis=0)[whole]]


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
        # about how many cells there are: those that a grid of points meets
        step = -(-max(labels.shape) // 128)
        cells = int(np.count_nonzero(np.unique(labels[::step, ::step])))
        now = (inside, _shrunk(inside, factor), cells)
        before, self._before = self._before, now
        if before is None or min(before[2], now[2]) < LEAST_CELLS:
            return np.zeros(2)
        shift, *_ = phase_cross_correlation(before[1], now[1], upsample_factor=FINENESS, normalization=None)
        found = -factor * np.asarray(shift, np.float64)
        moved = shifted(before[0].view(np.uint8), found).view(bool)
        better = np.count_nonzero(moved & inside) > np.count_nonzero(before[0] & inside)
        return found if better else np.zeros(2)


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
