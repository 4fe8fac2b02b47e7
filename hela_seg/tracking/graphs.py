"""Tracks as a graph, the form that most trackers share: cells are nodes, and edges lead on in time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from scipy import ndimage
from skimage.draw import disk, polygon

from hela_seg.data.stacks import MAX_FRAME_PIXELS, PixelSize
from hela_seg.system.errors import InputError
from hela_seg.tracking import Floats, Labels, Whole
from hela_seg.tracking.linking import Links
from hela_seg.tracking.lives import Lives, lives_of

MOST_FRAMES = 1_000_000
"""Frames of a recording; a file that states more is damaged."""

NEAREST = 3.0
"""Pixels around a cell's place in which its mask is looked for, where no radius is known."""


@dataclass(frozen=True, eq=False)
class CellGraph:
    """The N cells of a recording's frames, and the E edges that say which of them are one, or divided.

    Attributes:
        path: file or folder that it was read from.
        frame: (N,) ascending.
        place: (N, 2) row and column in pixels, from the centre of the first pixel.
        radius: (N,) in pixels; NaN where it is not known.
        edges: (E, 2) positions of a cell and of one that it is, or becomes, in a later frame.
        frames: T.
        size: (H, W) of the frames; None where the file does not say.
        outlines: of each cell its corners (P, 2) as rows and columns, or None; empty where no cell has any.
        label: (N,) number of each cell in the masks; None where the file does not say.
        frame_interval: seconds from frame to frame; None where it is not known.
        pixel_size: None where it is not known.
    """

    path: Path
    frame: Whole
    place: Floats
    radius: Floats
    edges: Whole
    frames: int
    size: tuple[int, int] | None = None
    outlines: Sequence[Floats | None] = ()
    label: Whole | None = None
    frame_interval: float | None = None
    pixel_size: PixelSize | None = None

    def __len__(self) -> int:
        return len(self.frame)

    def of_frame(self, t: int) -> slice:
        """Positions of the cells of frame t."""
        first, end = np.searchsorted(self.frame, [t, t + 1]).tolist()
        return slice(first, end)


def in_order_of_time(graph: CellGraph, ids: Whole) -> CellGraph:
    """A graph as a file holds it, with its cells in order of time and edges that lead on in time.

    Args:
        graph: with cells in any order, and edges between numbers of cells, in either order.
        ids: (N,) the numbers of the cells.

    Raises:
        InputError: an id twice, an edge of a cell that is not there or within a frame, frames or places that
            cannot be.
    """
    _refuse_unfit(graph, ids)
    order = np.argsort(graph.frame, kind="stable")
    return replace(
        graph,
        frame=graph.frame[order],
        place=graph.place[order],
        radius=graph.radius[order],
        edges=_oriented(graph.path, ids[order], graph.frame[order], graph.edges),
        outlines=[graph.outlines[n] for n in order.tolist()] if graph.outlines else (),
        label=None if graph.label is None else graph.label[order],
    )


def _oriented(path: Path, ids: Whole, frame: Whole, edges: Whole) -> Whole:
    """Edges (E, 2) between ids as positions of an earlier cell and a later one, each once."""
    unknown = np.flatnonzero(~np.isin(edges, ids).all(axis=1))
    if len(unknown):
        one, other = edges[unknown[0]].tolist()
        raise InputError(
            f"{path} has an edge from cell {one} to cell {other}, of which one is not there, expected edges "
            "between cells of the file: export the tracks again"
        )
    by_id = np.argsort(ids, kind="stable")
    pairs = np.sort(by_id[np.searchsorted(ids[by_id], edges)], axis=1)
    within = np.flatnonzero(frame[pairs[:, 0]] == frame[pairs[:, 1]])
    if len(within):
        first, second = pairs[within[0]]
        raise InputError(
            f"{path} has an edge between the cells {ids[first]} and {ids[second]}, both of frame "
            f"{frame[first]}, expected edges from an earlier frame to a later one: remove it"
        )
    return np.unique(pairs, axis=0)


def _refuse_unfit(graph: CellGraph, ids: Whole) -> None:
    path, frame, place, frames = graph.path, graph.frame, graph.place, graph.frames
    if frames > MOST_FRAMES:
        raise InputError(f"{path} states {frames} frames, expected at most {MOST_FRAMES}: export it again")
    wrong = np.flatnonzero((frame < 0) | (frame >= frames) | ~np.isfinite(place).all(axis=1))
    if len(wrong):
        n = int(wrong[0])
        raise InputError(
            f"{path} has the cell {ids[n]} in frame {frame[n]} at {place[n, 0]:g}, {place[n, 1]:g}, expected "
            f"a frame from 0 to {frames - 1} and a place in it: export the tracks again"
        )
    numbers, often = np.unique(ids, return_counts=True)
    if (often > 1).any():
        raise InputError(
            f"{path} has the cell {numbers[often > 1][0]} twice, expected numbers of their own: export it "
            "again"
        )


def draw_cells(graph: CellGraph) -> Iterator[Labels]:
    """Label images (H, W) of a graph's cells, as outlines or discs; each cell's number is its rank, from 1.

    Small cells are drawn over large ones.

    Raises:
        InputError: the file does not say how large frames or cells are, or they are too large for memory.
    """
    outlines = graph.outlines or [None] * len(graph)
    shapeless = any(np.isnan(r) and own is None for r, own in zip(graph.radius, outlines, strict=True))
    if graph.size is None or shapeless:
        raise InputError(
            f"{graph.path} says where cells are and not their shape, expected masks too: add masks=, a file "
            "of label images"
        )
    if np.prod(graph.size, dtype=float) > MAX_FRAME_PIXELS:
        raise InputError(
            f"{graph.path} states frames of {graph.size[0]}x{graph.size[1]} pixels, expected at most "
            f"{MAX_FRAME_PIXELS} pixels: export it again"
        )
    for t in range(graph.frames):
        labels = np.zeros(graph.size, np.int32)
        own = graph.of_frame(t)
        for rank in np.argsort(-graph.radius[own], kind="stable").tolist():
            n = own.start + rank
            outline = outlines[n]
            if outline is None:
                labels[disk(graph.place[n], graph.radius[n], shape=graph.size)] = rank + 1
            else:
                labels[polygon(outline[:, 0], outline[:, 1], graph.size)] = rank + 1
        yield labels


def cells_in_masks(graph: CellGraph, masks: Iterable[Labels]) -> Iterator[Labels]:
    """Label images (H, W) of a graph's cells from masks; each cell's number is its rank, from 1.

    A cell's mask is the one with its number, where the graph knows numbers; otherwise the one at its place,
    or the nearest one up to its radius away. Of several cells the nearest has the mask, and the others have
    none; masks of no cell are left out.
    """
    for t, found in enumerate(masks):
        own = graph.of_frame(t)
        if graph.label is None:
            number, distance = _nearest_masks(found, graph.place[own], graph.radius[own])
        else:
            number, distance = graph.label[own], np.zeros(own.stop - own.start)
        numbers, labels = np.unique(found, return_inverse=True)
        new = np.zeros(len(numbers), np.int32)
        order = np.argsort(-distance, kind="stable")  # of several cells of a mask the nearest comes last
        order = order[np.isin(number, numbers[numbers > 0])[order]]
        new[np.searchsorted(numbers, number[order])] = order + 1
        yield new[labels.reshape(found.shape)]


def _nearest_masks(masks: Labels, place: Floats, radius: Floats) -> tuple[Whole, Floats]:
    """Of each place the number of the nearest mask within reach, 0 where there is none, and how far it is."""
    rows, columns = np.clip(np.rint(place).astype(int), 0, np.array(masks.shape) - 1).T
    if not masks.any():
        return np.zeros(len(place), np.int64), np.zeros(len(place))
    apart, (row, column) = ndimage.distance_transform_edt(masks == 0, return_indices=True)
    number = masks[row[rows, columns], column[rows, columns]].astype(np.int64)
    distance = apart[rows, columns]
    reach = np.where(np.isnan(radius), NEAREST, np.maximum(radius, 1.0))
    return np.where(distance <= reach, number, 0), distance


def lives_of_graph(graph: CellGraph, found: Lives) -> tuple[Lives, int]:
    """The lives that a graph states of measured cells, and how many of its cells have no mask.

    Args:
        graph: as it was read.
        found: in the frames of `draw_cells` or `cells_in_masks`, where cells are numbered by their ranks.
    """
    starts = np.searchsorted(graph.frame, np.arange(graph.frames + 1))
    row_of = np.full(len(graph), -1, np.int64)
    row_of[starts[found.cells["frame"]] + found.cells["label"] - 1] = np.arange(len(found.kind))
    edges = row_of[graph.edges]
    lives = lives_of_edges(edges[(edges >= 0).all(axis=1)], found)
    return lives, int(np.count_nonzero(row_of < 0))


def lives_of_edges(edges: Whole, found: Lives) -> Lives:
    """The lives that edges (E, 2) between rows of the table of cells mean, whatever was found there before.

    A cell with one edge onwards is the same cell, whatever frames lie between; with several it divides. Of
    several cells that lead to one, the nearest is that cell, and the others fuse with it. Edges lead from the
    row of an earlier frame to that of a later one.
    """
    places = found.places
    before, mother, fused = np.full((3, len(places)), -1, np.int64)
    if len(edges):
        distance = np.hypot(*(places[edges[:, 0]] - places[edges[:, 1]]).T)
        edges = edges[np.lexsort([distance, edges[:, 1]])]
        nearest = np.diff(edges[:, 1], prepend=-1) > 0
        first, second = edges[nearest].T
        onwards = np.bincount(first, minlength=len(before))
        one = onwards[first] == 1
        before[second[one]], mother[second[~one]] = first[one], first[~one]
        ending = edges[~nearest][onwards[edges[~nearest, 0]] == 0]
        fused[ending[:, 0]] = ending[:, 1]
    sure = [(found >= 0).astype(np.float64) for found in (mother, fused)]
    links = Links(before, mother, fused, sure[0], sure[1], found.drift)
    return lives_of(found.cells, found.kind, links, found.size, as_given=True)


def edges_of(lives: Lives) -> Whole:
    """Pairs (E, 2) of rows: a cell and itself, or a daughter, the next time that it is seen."""
    pairs = [np.column_stack([life.rows[:-1], life.rows[1:]]) for life in lives.lives]
    born = [[lives.lives[life.parent - 1].rows[-1], life.rows[0]] for life in lives.lives if life.parent]
    return np.concatenate([np.zeros((0, 2), np.int64), *pairs, np.array(born, np.int64).reshape(-1, 2)])
