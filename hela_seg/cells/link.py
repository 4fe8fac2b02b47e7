"""Cells linked from frame to frame by overlap, so that one can be followed; laptrack does the assignment.

laptrack (Fukai and Kawaguchi, Bioinformatics 2023) solves the linear assignment problems of Jaqaman et al.
(Nature Methods 2008). It is an optional part: ``pip install 'hela-seg[track]'``.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hela_seg.cells.measure import Columns
from hela_seg.cells.overlap import overlaps
from hela_seg.system.errors import not_installed

if TYPE_CHECKING:
    from networkx import DiGraph

LEAST_OVERLAP = 0.1
"""Intersection over union from which on cells of neighbouring frames may be the same one."""

LEAST_SHARE = 0.3
"""Share of a daughter that must lie where its mother was."""

_UNLINKED = 1.0
"""Cost of leaving a cell without a link. A link costs one less the overlap, so it is made where it may be."""

Costs = dict[tuple[int, int], float]
"""Cost of a link by the cell in one frame and the cell in the next."""


class CellLinker:
    """Takes the frames of a recording one after the other, and says in the end which cells are one.

    It keeps the last label map, and the pairs of cells that overlap enough: memory grows with the number of
    cells, not of pixels. A cell that is missing in a frame begins a new track when it is there again.

    Args:
        divisions: a cell may go on as two, each with a track of its own; otherwise as one at most.
        least_overlap: intersection over union from which on cells of neighbouring frames may be the same one.
        least_share: share of a daughter's pixels that must have been its mother's in the frame before.

    Raises:
        InputError: laptrack is not installed.
        ValueError: a share that is not above 0 and up to 1.
    """

    def __init__(
        self,
        *,
        divisions: bool = True,
        least_overlap: float = LEAST_OVERLAP,
        least_share: float = LEAST_SHARE,
    ) -> None:
        for name, value in (("least_overlap", least_overlap), ("least_share", least_share)):
            if not 0 < value <= 1:
                raise ValueError(f"{name} is {value}, expected above 0 and up to 1")
        if find_spec("laptrack") is None:
            raise not_installed("linking cells from frame to frame", "laptrack", "track")
        self._divisions = divisions
        self._least_overlap = least_overlap
        self._least_share = least_share
        self._labels: list[NDArray[np.int64]] = []
        self._starts = [0]
        self._before: NDArray[np.integer[Any]] | None = None
        self._same: Costs = {}
        self._daughter: Costs = {}

    def add(self, labels: NDArray[np.integer[Any]]) -> None:
        """Take the cell numbers (H, W) of the next frame, 0 for no cell.

        The array must not be changed until the next frame is added.

        Raises:
            ValueError: a shape other than that of the frame before.
        """
        # A first frame is compared with itself, for its cells alone.
        before = labels if self._before is None else self._before
        found = overlaps(before, labels)
        if self._before is not None:
            mothers, daughters = self._starts[-2] + found.first, self._starts[-1] + found.second
            pairs = list(zip(mothers.tolist(), daughters.tolist(), strict=True))
            self._same |= _costs(pairs, found.iou, self._least_overlap)
            self._daughter |= _costs(pairs, found.share_of_second, self._least_share)
        self._labels.append(found.second_labels)
        self._starts.append(self._starts[-1] + len(found.second_labels))
        self._before = labels

    def tracks(self) -> Columns:
        """Link all frames taken so far.

        Returns:
            One row a cell and frame, in the order of frames and, within, of labels, which is that of
            `measure_cells`: ``frame``; ``label``; ``track``, numbered from 1 in the order of the first row;
            ``parent``, the track that this one came from by division, 0 where it did not.
        """
        frames = [np.full(len(labels), frame) for frame, labels in enumerate(self._labels)]
        nothing = np.zeros(0, np.int64)
        track, parent = self._numbered() if self._starts[-1] else (nothing, nothing)
        return {
            "frame": np.concatenate([nothing, *frames]),
            "label": np.concatenate([nothing, *self._labels]),
            "track": track,
            "parent": parent,
        }

    def _numbered(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Track and parent of every row; a track ends where the cell divides."""
        graph = self._linked()
        track, parent = np.zeros((2, self._starts[-1]), np.int64)
        tracks = 0
        for cell in sorted(graph):
            row = self._row(cell)
            before = [mother for mother in graph.predecessors(cell) if self._is_kept(graph, mother, row)]
            if before and graph.out_degree(before[0]) == 1:
                track[row], parent[row] = track[self._row(before[0])], parent[self._row(before[0])]
                continue
            tracks += 1
            track[row], parent[row] = tracks, track[self._row(before[0])] if before else 0
        return track, parent

    def _row(self, cell: tuple[int, int]) -> int:
        frame, position = cell
        return self._starts[frame] + position

    def _is_kept(self, graph: DiGraph[tuple[int, int]], mother: tuple[int, int], row: int) -> bool:
        # Where a cell ends and one daughter begins, laptrack sees a division as well.
        return bool(graph.out_degree(mother) > 1) or (self._row(mother), row) in self._same

    def _linked(self) -> DiGraph[tuple[int, int]]:
        """Cells as (frame, position in it), with an edge to the same cell, or a daughter, a frame later."""
        laptrack = import_module("laptrack")  # an optional part, and slow to import
        solver = laptrack.LapTrack(
            metric=_lookup(self._same),
            cutoff=_UNLINKED,
            gap_closing_cutoff=False,
            splitting_metric=_lookup(self._daughter),
            splitting_cutoff=_UNLINKED if self._divisions else False,
            # By default costs are estimated from all cells, so that one link could hang on another far off.
            track_start_cost=_UNLINKED,
            track_end_cost=_UNLINKED,
            segment_start_cost=_UNLINKED,
            segment_end_cost=_UNLINKED,
            no_splitting_cost=_UNLINKED,
            no_merging_cost=_UNLINKED,
        )
        rows = np.arange(self._starts[-1], dtype=np.float64)[:, None]
        graph: DiGraph[tuple[int, int]] = solver.predict(np.split(rows, self._starts[1:-1]))
        return graph


def _costs(pairs: list[tuple[int, int]], overlap: NDArray[np.float64], least: float) -> Costs:
    """The pairs of cells that overlap enough, each with one less its overlap."""
    enough = zip(pairs, overlap.tolist(), strict=True)
    return {pair: _UNLINKED - value for pair, value in enough if value >= least}


def _lookup(costs: Costs) -> Callable[[NDArray[np.float64], NDArray[np.float64]], float]:
    """Costs in the form that laptrack asks for: a distance of two points, here cells' rows in the table."""

    def distance(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
        # Rows of a later frame are higher; looking for divisions, laptrack gives the later cell first.
        first, second = one[0], other[0]
        return costs.get((first, second) if first < second else (second, first), _UNLINKED)

    return distance
