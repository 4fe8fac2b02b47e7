"""Cells linked from frame to frame, with gaps closed and divisions and fusions found; a frame at a time.

The scheme is that of Jaqaman et al. (Nature Methods 2008): one assignment between the cells of two frames,
then one in which new cells are explained by cells that were lost, or by a division. The costs are those of
areas, not of points: overlap after the stage's drift is taken off, and the class.

laptrack, another implementation, asks for a cost of each pair of cells, one call a pair, so that 10,000 cells
a frame would take 100 million calls. Here costs are sparse: cells are compared where they overlap or are
near, and scipy's `min_weight_full_bipartite_matching` solves what is not plain at once.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import min_weight_full_bipartite_matching
from scipy.spatial import KDTree

from hela_seg.cells.measure import Columns
from hela_seg.cells.overlap import Overlaps
from hela_seg.tracking import Floats, Whole
from hela_seg.tracking.mending import MendedFrame

UNLINKED = 0.75
"""Cost of a cell without a link, on either side: cells are linked where that costs less than twice this."""

LEAST_OVERLAP = 0.1
"""Intersection over union from which on cells of unlike sizes may be the same one."""

OTHER_CLASS = 0.2
"""Added to the cost of a link between cells of two classes."""

REACH = 1.0
"""Distance up to which cells that do not overlap may be one, in sums of their radii."""

MOST_GROWTH = 2.5
"""Largest ratio of the areas of cells that are of like size."""

UNFIT_DAUGHTER = 0.3
"""What the score of a division falls to for each daughter that is not of the class that cells divide in."""

LEAST_SCORE = 0.35
"""Of divisions and fusions; see `triples`."""


CELL = np.dtype(
    [
        ("label", np.int64),
        ("place", np.float64, 2),
        ("area", np.float64),
        ("kind", np.int64),
        ("cut", np.bool_),
    ]
)
"""A cell: its number in the label map, its row and column without the drift and its area in pixels, the index
of its class, and whether it touches the frame's edge, so that its area may be of a part only."""

LOST = np.dtype(
    [*CELL.descr, ("row", np.int64), ("frame", np.int64), ("fused", np.int64), ("score", np.float64)]
)
"""A cell that has no successor yet, and the best of the fusions that would explain it."""

Cells = NDArray[np.void]
"""n cells, most often those of a frame in the order of their labels: `CELL` or `LOST`."""


def radius(cells: Cells) -> Floats:
    """(n,) of the disc with the cell's area."""
    return np.asarray(np.sqrt(cells["area"] / np.pi), np.float64)


def of_like_size(cells: Cells, others: Cells) -> NDArray[np.bool_]:
    """(n,) whether each may be the cell of the same position among others, by its size."""
    growth = cells["area"] / others["area"]
    alike = np.maximum(growth, 1 / growth) <= MOST_GROWTH
    return np.asarray((cells["cut"] & others["cut"]) | alike, np.bool_)


@dataclass(frozen=True, eq=False)
class Links:
    """Which rows of a table of cells are one cell, and which became two or one; -1 for no row.

    Attributes:
        before: (R,) row of the same cell in an earlier frame.
        mother: (R,) row of the cell that this one came from by division; both daughters have it.
        fused: (R,) row of the cell that this one became a part of.
        born: (R,) score of the division that the cell came from, 0 to 1.
        gone: (R,) score of the fusion that it went into.
        drift: (T, 2) rows and columns that the stage moved since the first frame.
    """

    before: Whole
    mother: Whole
    fused: Whole
    born: Floats
    gone: Floats
    drift: Floats


class Tracker:
    """Takes the frames of a recording one after the other, and says in the end which cells are one.

    It keeps some numbers a cell: memory grows with the cells, not with the pixels.

    Args:
        gap: frames that a cell may be missing for and be the same one afterwards.
        divisions: whether a cell may become two; without it new cells just appear.
        mitotic: index of the class that cells divide in; None where no class says so.
    """

    def __init__(self, *, gap: int = 2, divisions: bool = True, mitotic: int | None = None) -> None:
        self._gap, self._divisions, self._mitotic = gap, divisions, mitotic
        self._stage: list[Floats] = []
        self._cells, self._lost = np.zeros(0, CELL), np.zeros(0, LOST)
        self._rows = 0
        self._before: list[Whole] = []
        self._mother: dict[int, tuple[int, float]] = {}
        self._ended: list[Cells] = []

    def add(self, frame: MendedFrame, cells: Columns, kind: Whole) -> None:
        """Take the next frame.

        Args:
            frame: as `hela_seg.tracking.mending.Mender` gives it.
            cells: of the frame, as `hela_seg.cells.measure_cells` gives them.
            kind: (n,) index of each cell's class.
        """
        moved = frame.moved
        self._stage.append(self._stage[-1] + moved if self._stage else np.zeros(2))
        found = np.empty(len(kind), CELL)
        found["label"], found["area"], found["kind"] = cells["label"], cells["area_px"], kind
        found["place"] = np.column_stack([cells["row_px"], cells["column_px"]]) - self._stage[-1]
        found["cut"] = cells["touches_border"]
        first, second = np.zeros((2, 0), np.int64)
        if frame.shared is not None:
            first, second = self._same(frame.shared, found)
        before = np.full(len(found), -1, np.int64)
        before[second] = self._rows - len(self._cells) + first
        divided = self._explain_new(found, before, first, second)
        self._lose(found, first, second, divided)
        self._before.append(before)
        self._cells = found
        self._rows += len(found)

    def links(self) -> Links:
        """Which rows of all frames so far are one cell; rows stand in the order of frames and labels."""
        before = np.concatenate([np.zeros(0, np.int64), *self._before])
        mother, fused = np.full((2, len(before)), -1, np.int64)
        born, gone = np.zeros((2, len(before)))
        for row, (other, value) in self._mother.items():
            mother[row], born[row] = other, value
        ended = np.concatenate([*self._ended, self._lost])
        fused[ended["row"]], gone[ended["row"]] = ended["fused"], ended["score"]
        return Links(before, mother, fused, born, gone, np.stack([*self._stage, np.zeros(2)])[:-1])

    def _same(self, shared: Overlaps, found: Cells) -> tuple[Whole, Whole]:
        """Positions of cells of the frame before and of this one that are the same."""
        at = np.searchsorted(self._cells["label"], shared.first_labels)  # some were moved out of the frame
        pairs = np.column_stack([at[shared.first], shared.second])
        alike = of_like_size(self._cells[pairs[:, 0]], found[pairs[:, 1]])
        enough = (shared.iou >= LEAST_OVERLAP) | alike
        pairs, overlap = pairs[enough], shared.iou[enough]
        near = self._near(found, pairs)
        first, second = np.concatenate([pairs, near]).T
        distance, radii = _apart(self._cells[near[:, 0]], found[near[:, 1]])
        cost = np.concatenate([1 - overlap, 1 + 0.5 * distance / (REACH * radii)])
        cost += OTHER_CLASS * (self._cells["kind"][first] != found["kind"][second])
        chosen = assign(first, second, cost, (len(self._cells), len(found)))
        return first[chosen], second[chosen]

    def _near(self, found: Cells, overlapping: Whole) -> Whole:
        """Pairs (P, 2) of cells that are near, of about one size, and of which one overlaps nothing."""
        alone, alone_too = (
            np.setdiff1d(np.arange(len(cells)), overlapping[:, side])
            for side, cells in enumerate((self._cells, found))
        )
        pairs = _within(self._cells[alone], found)
        pairs[:, 0] = alone[pairs[:, 0]]
        back = _within(found[alone_too], self._cells)
        back[:, 0] = alone_too[back[:, 0]]
        every = np.unique(np.concatenate([pairs, back[:, ::-1]]), axis=0)
        return every[of_like_size(self._cells[every[:, 0]], found[every[:, 1]])]

    def _explain_new(self, found: Cells, before: Whole, first: Whole, second: Whole) -> NDArray[np.bool_]:
        """Give new cells the lost ones that they are, or a mother; says which of the linked cells divided."""
        new, lost = np.flatnonzero(before < 0), len(self._lost)
        at, gap_cost = self._gaps(found[new])
        pairs, score = np.zeros((0, 2), np.int64), np.zeros(0)
        if self._divisions:
            pairs, score = triples(self._cells[first], found[second], found[new], self._mitotic)
        row = np.concatenate([at[:, 0], lost + pairs[:, 0]])
        column = np.concatenate([at[:, 1], pairs[:, 1]])
        cost = np.concatenate([gap_cost, 2 * UNLINKED * (1 - score)])
        chosen = assign(row, column, cost, (lost + len(first), len(new)))
        gaps, births = chosen[chosen < len(at)], chosen[chosen >= len(at)]
        before[new[column[gaps]]] = self._lost["row"][row[gaps]]
        self._lost = np.delete(self._lost, row[gaps])
        divided = np.zeros(len(first), bool)
        divided[row[births] - lost] = True
        for entry in births.tolist():
            sister, value = second[row[entry] - lost], float(score[entry - len(at)])
            for daughter in (new[column[entry]], sister):
                self._mother[self._rows + int(daughter)] = (int(before[sister]), value)
        before[second[divided]] = -1
        return divided

    def _gaps(self, new: Cells) -> tuple[Whole, Floats]:
        """Pairs (P, 2) of a lost cell and a new one that may be the same, and the cost of each."""
        pairs = _within(self._lost, new)
        pairs = pairs[of_like_size(self._lost[pairs[:, 0]], new[pairs[:, 1]])]
        lost, found = self._lost[pairs[:, 0]], new[pairs[:, 1]]
        distance, radii = _apart(lost, found)
        cost = 0.5 * distance / (REACH * radii) + 0.2 * (len(self._stage) - 2 - lost["frame"])
        return pairs, cost + OTHER_CLASS * (lost["kind"] != found["kind"])

    def _lose(self, found: Cells, first: Whole, second: Whole, divided: NDArray[np.bool_]) -> None:
        """Remember the cells that ended with the frame before, and forget those that are lost for long."""
        ended = np.setdiff1d(np.arange(len(self._cells)), first)
        going_on, cells = first[~divided], self._cells[ended]
        pairs, score = triples(found[second[~divided]], self._cells[going_on], cells, self._mitotic)
        fused, best = np.full(len(ended), -1, np.int64), np.zeros(len(ended))
        order = np.argsort(score, kind="stable")  # the best comes last, and stays
        fused[pairs[order, 1]] = self._rows + second[~divided][pairs[order, 0]]
        best[pairs[order, 1]] = score[order]
        frame, newly = len(self._stage) - 1, np.empty(len(ended), LOST)
        newly[list(CELL.fields or ())] = cells
        newly["row"], newly["frame"] = self._rows - len(self._cells) + ended, frame - 1
        newly["fused"], newly["score"] = fused, best
        lost = np.concatenate([self._lost, newly])
        expired = lost["frame"] < frame - self._gap
        self._ended.append(lost[expired & (lost["fused"] >= 0)])
        self._lost = lost[~expired]


def assign(first: Whole, second: Whole, cost: Floats, size: tuple[int, int]) -> Whole:
    """Choose the pairs that cost least together, where each that is left without a partner costs `UNLINKED`.

    Args:
        first: (P,) rows.
        second: (P,) columns; no pair twice.
        cost: (P,), 0 or more.
        size: how many rows and columns there are.

    Returns:
        Positions of the chosen pairs, ascending: no row and no column twice.
    """
    worth = np.flatnonzero(cost < 2 * UNLINKED)
    often = np.bincount(first[worth], minlength=size[0]), np.bincount(second[worth], minlength=size[1])
    alone = (often[0][first[worth]] == 1) & (often[1][second[worth]] == 1)
    rivals = worth[~alone]
    if not len(rivals):
        return worth
    rows, row = np.unique(first[rivals], return_inverse=True)
    columns, column = np.unique(second[rivals], return_inverse=True)
    n, m = len(rows), len(columns)
    # An assignment of n + m: each row has a column that stands for none, each column such a row; costs are
    # raised by 1, since a sparse matrix has no zeros, which changes no choice.
    everything = coo_matrix(
        (
            np.concatenate([cost[rivals], np.full(n + m, UNLINKED), np.zeros(len(rivals))]) + 1,
            (
                np.concatenate([row, np.arange(n), n + np.arange(m), n + column]),
                np.concatenate([column, m + np.arange(n), np.arange(m), m + row]),
            ),
        )
    )
    taken = np.full(n + m, -1)
    at, to = min_weight_full_bipartite_matching(everything.tocsr())
    taken[at] = to
    return np.sort(np.concatenate([worth[alone], rivals[taken[row] == column]]))


def triples(mother: Cells, one: Cells, other: Cells, mitotic: int | None) -> tuple[Whole, Floats]:
    """Which cells may be a mother's two daughters; seen backwards in time, which two may have become one.

    The score is high where the daughters' common centre is the mother's, they are of about one size, together
    of about hers, and all three are of the class that cells divide in; where no class is that, where the
    daughters are of one class.

    Args:
        mother: n cells.
        one: a daughter of each, n cells.
        other: m cells that may be the other daughter.
        mitotic: index of the class that cells divide in.

    Returns:
        Pairs (P, 2) of a mother and a further daughter, and the score of each from `LEAST_SCORE` to 1.
    """
    pairs = _pairs(other["place"], mother["place"], 3 * radius(mother))
    mothers, first, second = mother[pairs[:, 0]], one[pairs[:, 0]], other[pairs[:, 1]]
    areas = np.stack([first["area"], second["area"]])
    together = areas.sum(axis=0)
    weighted = areas[0, :, None] * first["place"] + areas[1, :, None] * second["place"]
    offset = np.hypot(*(weighted / together[:, None] - mothers["place"]).T) / radius(mothers)
    likeness = areas.min(axis=0) / areas.max(axis=0)
    score = np.clip(1 - offset, 0, 1) * np.sqrt(np.minimum(1, likeness / 0.6))
    score[(together < 0.5 * mothers["area"]) | (together > 2.5 * mothers["area"])] = 0
    if mitotic is None:
        score[first["kind"] != second["kind"]] *= 0.5
    else:
        score *= UNFIT_DAUGHTER ** ((first["kind"] != mitotic) * 1 + (second["kind"] != mitotic))
        score *= np.where(mothers["kind"] == mitotic, 1, 0.7)
    enough = score >= LEAST_SCORE
    return pairs[enough], score[enough]


def _within(one: Cells, other: Cells) -> Whole:
    """Pairs (P, 2) of cells that are no farther apart than `REACH` times the sum of their radii."""
    pairs = _pairs(other["place"], one["place"], REACH * (radius(one) + radius(other).max(initial=0)))
    distance, radii = _apart(one[pairs[:, 0]], other[pairs[:, 1]])
    return np.asarray(pairs[distance <= REACH * radii])


def _apart(cells: Cells, others: Cells) -> tuple[Floats, Floats]:
    """(n,) distances of cells from those of the same positions among others, and the sums of their radii."""
    return np.hypot(*(cells["place"] - others["place"]).T), radius(cells) + radius(others)


def _pairs(points: Floats, places: Floats, reach: Floats) -> Whole:
    """Pairs (P, 2) of places and points that are within the reach of each place."""
    if not len(points) or not len(places):
        return np.zeros((0, 2), np.int64)
    near = KDTree(points).query_ball_point(places, reach, return_sorted=True)
    first = np.repeat(np.arange(len(places)), [len(found) for found in near])
    return np.column_stack([first, np.concatenate(near)]).astype(np.int64)
