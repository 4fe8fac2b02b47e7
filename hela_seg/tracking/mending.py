"""Cells in pieces, or two in one, for a single frame: mended by the frames before and after."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from hela_seg.cells.overlap import Overlaps, overlaps
from hela_seg.tracking.drift import DriftEstimator, Labels, shifted

Floats = NDArray[np.float64]
Whole = NDArray[np.int64]

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
    moved: Floats
    mended: dict[int, str] = field(default_factory=dict)
    shared: Overlaps | None = None


def as_it_is(labels: Labels) -> MendedFrame:
    """A frame that is not mended."""
    return MendedFrame(labels, np.zeros(2))


class Mender:
    """Takes frames one after the other, and gives each back once the next one is known; keeps three.

    Args:
        drift: whether the drift of the stage is estimated; otherwise it is taken for none.
        mend: whether cells are mended; otherwise frames come back as they are.
    """

    def __init__(self, *, drift: bool = True, mend: bool = True) -> None:
        self._drift = DriftEstimator() if drift else None
        self._mend = mend
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
        if self._mend and self._before is not None and held.shared is not None:
            doubts = find_doubts(held.shared, ahead)
            if doubts.pieces or doubts.halves:  # of few frames: moving them and looking at pixels takes long
                before, after = shifted(self._before, held.moved), shifted(labels, -moved)
                result, mended = mend(before, held.labels, after, doubts)
                if mended:
                    ahead = overlaps(shifted(result, moved), labels)
                    held = MendedFrame(result, held.moved, mended, overlaps(before, result))
        self._before, self._held = held.labels, MendedFrame(labels, moved, shared=ahead)
        return held

    def end(self) -> MendedFrame | None:
        """The last frame, as it is; None where there was none."""
        held, self._held = self._held, None
        return held


@dataclass(frozen=True)
class Doubts:
    """Cells of a frame that its neighbours in time do not have alike.

    Attributes:
        pieces: cells that lie in one cell before and in one after, with the numbers of these.
        halves: by the number of a cell two that lie in it before, and two after.
    """

    pieces: list[tuple[list[int], tuple[int, int]]]
    halves: dict[int, tuple[tuple[int, int], tuple[int, int]]]


def find_doubts(back: Overlaps, ahead: Overlaps) -> Doubts:
    """The doubts about a frame's cells.

    Args:
        back: pixels that the frame before and this one share.
        ahead: pixels that this frame and the next one share.
    """
    in_before, in_after = _inside(back, second=True), _inside(ahead, second=False)
    pieces = [(cells, (in_before[cells[0]], in_after[cells[0]])) for cells in _pieces(in_before, in_after)]
    first, second = _halves(_inside(back, second=False)), _halves(_inside(ahead, second=True))
    return Doubts(
        pieces, {cell: (first[cell], second[cell]) for cell in sorted(first.keys() & second.keys())}
    )


def mend(before: Labels, labels: Labels, after: Labels, doubts: Doubts) -> tuple[Labels, dict[int, str]]:
    """Join the pieces of cells, and cut cells that are two, as the frames before and after say.

    Args:
        before: (H, W) cell numbers of the frame before, 0 for no cell, moved to where they would be now.
        labels: those of the frame.
        after: those of the next one, moved likewise.
        doubts: about the frame's cells.

    Returns:
        The cell numbers, and what was done to each cell that was mended. A cell of joined pieces has the
        lowest of their numbers; of two that were cut apart the second has a new one.
    """
    mended: dict[int, str] = {}
    result = labels
    for pieces, (whole_before, whole_after) in doubts.pieces:
        if not _at_edge(labels).isdisjoint(pieces):
            continue  # of cells that are cut off, too little is seen to say that they are one
        joined = np.isin(labels, pieces)
        if all(_iou(joined, whole) >= ALIKE for whole in (before == whole_before, after == whole_after)):
            result = result.copy() if result is labels else result
            result[joined] = pieces[0]
            mended[pieces[0]] = "joined"
    for cell, (first, second) in doubts.halves.items():
        if cell in mended:
            continue
        parts = _partners(first, second, before, after)
        whole = labels == cell
        if parts is None or any(_iou(whole, np.isin(other, pair)) < ALIKE for other, pair in parts):
            continue
        result = result.copy() if result is labels else result
        new = int(result.max()) + 1
        result[_second_half(whole, parts)] = new
        mended |= {cell: "cut", new: "cut"}
    return result, mended


Parts = list[tuple[Labels, tuple[int, int]]]
"""Of the frame before and the one after: its cell numbers, and those of two cells in the same order."""


def _inside(shared: Overlaps, *, second: bool) -> dict[int, int]:
    """Cells of one of two frames that lie mostly inside of one of the other, with its number."""
    most = (shared.share_of_second if second else shared.share_of_first) >= MOSTLY
    first, other = shared.first_labels[shared.first[most]], shared.second_labels[shared.second[most]]
    pairs = (other, first) if second else (first, other)
    return dict(zip(*(side.tolist() for side in pairs), strict=True))


def _pieces(back: dict[int, int], ahead: dict[int, int]) -> list[list[int]]:
    """Cells that lie in one cell before and in one cell after, two or more of them, ascending."""
    between = {cell: (back[cell], ahead[cell]) for cell in back.keys() & ahead.keys()}
    groups: dict[tuple[int, int], list[int]] = {
        wholes: [] for wholes, count in Counter(between.values()).items() if count > 1
    }
    for cell in sorted(between) if groups else ():
        if between[cell] in groups:
            groups[between[cell]].append(cell)
    return sorted(groups.values())


def _at_edge(labels: Labels) -> set[int]:
    return set(np.unique(np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]])).tolist())


def _halves(inside: dict[int, int]) -> dict[int, tuple[int, int]]:
    """Cells in which exactly two cells of another frame lie, with the numbers of these."""
    groups: dict[int, list[int]] = {
        whole: [] for whole, count in Counter(inside.values()).items() if count == 2
    }
    for cell, whole in inside.items() if groups else ():
        if whole in groups:
            groups[whole].append(cell)
    return {whole: (cells[0], cells[1]) for whole, cells in groups.items()}


def _partners(first: tuple[int, int], second: tuple[int, int], before: Labels, after: Labels) -> Parts | None:
    """Two cells before and two after, in such an order that each is the same one; None where none says so."""
    shared = [[np.count_nonzero((before == one) & (after == two)) for two in second] for one in first]
    straight, crossed = shared[0][0] + shared[1][1], shared[0][1] + shared[1][0]
    if straight == crossed:
        return None
    return [(before, first), (after, second if straight > crossed else (second[1], second[0]))]


def _second_half(whole: NDArray[np.bool_], parts: Parts) -> NDArray[np.bool_]:
    """Pixels (H, W) of a cell that are nearer to the second of its parts, before and after together."""
    (window,) = ndimage.find_objects(whole.astype(np.uint8))
    depth = []
    for place in range(2):
        part = np.logical_or.reduce([other[window] == pair[place] for other, pair in parts])
        depth.append(ndimage.distance_transform_edt(part) - ndimage.distance_transform_edt(~part))
    half = np.zeros_like(whole)
    half[window] = whole[window] & (depth[1] > depth[0])
    return half


def _iou(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> float:
    either = int(np.count_nonzero(one | other))
    return int(np.count_nonzero(one & other)) / max(either, 1)
