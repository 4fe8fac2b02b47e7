"""Linked cells -> lives: tracks with beginnings, ends, parents and daughters, and their stays in a class."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from hela_seg.cells.measure import Columns
from hela_seg.tracking import Floats, Whole
from hela_seg.tracking.linking import Links

Begin = Literal["start", "division", "entry", "appearance"]
End = Literal["end", "division", "exit", "fusion", "loss"]

Seen = Literal["division", "change"]
"""What a stay begins or ends with; None where the recording, or the cell's track, begins or ends before."""

LEAST_LIFE = 3
"""Frames: a daughter that is lost inside of the frame before was none, and its mother has not divided."""

SPECK = 0.15
"""Share of the median area of all cells below which a track is dirt, unless it touches the frame's edge."""


@dataclass(frozen=True, eq=False)
class Life:
    """A cell from its first frame to its last one.

    Attributes:
        track: its number, from 1.
        rows: (F,) its rows in the table of cells, in order of time; frames may be missing in between.
        parent: track that it came from by division, 0 where it did not.
        daughters: tracks that it divided into; none or two.
        begin: ``start`` of the recording, ``division``, ``entry`` from the frame's edge, or ``appearance``.
        end: ``end`` of the recording, ``division``, ``exit`` over the edge, ``fusion`` with another cell, or
            ``loss``.
        begin_score: how sure the beginning is, 0 to 1.
        end_score: the same of the end.
        into: track that it fused with, 0 where it did not.
    """

    track: int
    rows: Whole
    parent: int = 0
    daughters: tuple[int, ...] = ()
    begin: Begin = "start"
    end: End = "end"
    begin_score: float = 1.0
    end_score: float = 1.0
    into: int = 0


@dataclass(frozen=True, eq=False)
class Lives:
    """All cells of a recording.

    Attributes:
        cells: R rows, one a cell and frame, as `hela_seg.cells.measure_cells` gives them, in order of time.
        kind: (R,) index of each row's class.
        track: (R,) of each row; 0 for specks, which are no cells.
        parent: (R,) track that the row's track came from, 0 where there is none.
        lives: in the order of their tracks.
        drift: (T, 2) rows and columns that the stage moved since the first frame.
        size: (H, W) of the frames.
    """

    cells: Columns
    kind: Whole
    track: Whole
    parent: Whole
    lives: list[Life]
    drift: Floats
    size: tuple[int, int]

    @property
    def frames(self) -> int:
        """T, frames of the recording."""
        return len(self.drift)

    @property
    def roots(self) -> Whole:
        """Of each life the first track of its lineage."""
        roots: list[int] = []
        for life in self.lives:  # parents come before their daughters
            roots.append(roots[life.parent - 1] if life.parent else life.track)
        return np.array(roots, np.int64)

    @property
    def places(self) -> Floats:
        """(R, 2) row and column of each cell without the drift, in pixels."""
        recorded = np.column_stack([self.cells["row_px"], self.cells["column_px"]])
        return recorded - self.drift[self.cells["frame"]]


def lives_of(
    cells: Columns, kind: Whole, links: Links, size: tuple[int, int], *, as_given: bool = False
) -> Lives:
    """Number tracks, mend divisions that were none, drop specks, and say how tracks begin and end.

    Args:
        cells: all rows, in the order in which `hela_seg.tracking.linking.Tracker` took them.
        kind: (R,) index of each row's class.
        links: of these.
        size: (H, W) of the frames.
        as_given: whether divisions and specks are left as they are, as of another program's tracks.
    """
    links = links if as_given else _without_short_daughters(cells, links, size)
    typical = float(np.median(cells["area_px"])) if len(kind) else 0.0
    tracks = [
        rows
        for rows in _tracks(links)
        if as_given
        or cells["touches_border"][rows].any()
        or np.median(cells["area_px"][rows]) >= SPECK * typical
    ]
    track = np.zeros(len(links.before), np.int64)
    for number, rows in enumerate(tracks, start=1):
        track[rows] = number
    parents = [int(track[row]) if row >= 0 else 0 for row in (links.mother[rows[0]] for rows in tracks)]
    parent = np.array([0, *parents], np.int64)[track]
    found = Lives(cells, kind, track, parent, [], links.drift, size)
    daughters: dict[int, list[int]] = {}
    for number, mother in enumerate(parents, start=1):
        daughters.setdefault(mother, []).append(number)
    for number, rows in enumerate(tracks, start=1):
        own = tuple(daughters.get(number, ()))
        divided = float(links.born[tracks[own[0] - 1][0]]) if own else None
        found.lives.append(_with_ends(Life(number, rows, parents[number - 1], own), found, links, divided))
    return found


def _tracks(links: Links) -> list[Whole]:
    """Rows of each track, in the order of their first row."""
    track_of, tracks = [-1] * len(links.before), list[list[int]]()
    for row, before in enumerate(links.before.tolist()):
        if before < 0:
            track_of[row] = len(tracks)
            tracks.append([row])
        else:
            track_of[row] = track_of[before]
            tracks[track_of[row]].append(row)
    return [np.array(rows) for rows in tracks]


def _without_short_daughters(cells: Columns, links: Links, size: tuple[int, int]) -> Links:
    """Where a daughter is soon lost inside of the frame, the other one is the mother that goes on."""
    before, mother = links.before.copy(), links.mother.copy()
    last_frame = len(links.drift) - 1
    frame = cells["frame"]
    born: dict[int, set[int]] = {}
    for row in np.flatnonzero(mother >= 0).tolist():
        born.setdefault(int(mother[row]), set()).add(row)
    for rows in _tracks(links):
        first, last = int(rows[0]), int(rows[-1])
        short = frame[last] - frame[first] + 1 < LEAST_LIFE and frame[last] < last_frame
        if mother[first] < 0 or not short or _nearness(cells, last, size) > 0:
            continue
        if last in born:
            continue  # it divided
        (sister,) = born.pop(int(mother[first])) - {first}
        before[sister] = mother[first]
        mother[[first, sister]] = -1
    return replace(links, before=before, mother=mother)


def _nearness(cells: Columns, row: int, size: tuple[int, int]) -> float:
    """How near a cell is to the frame's edge: 1 where it touches it, 0 from a diameter off."""
    if cells["touches_border"][row]:
        return 1.0
    place = np.array([cells["row_px"][row], cells["column_px"][row]])
    radius = np.sqrt(cells["area_px"][row] / np.pi)
    distance = np.min([place, np.array(size) - 1 - place]) - radius
    return float(np.clip(1 - distance / (2 * radius), 0, 1))


def _with_ends(life: Life, found: Lives, links: Links, divided: float | None) -> Life:
    """A life with its beginning and its end; ``divided`` is the score of its division."""
    first, last, frame = int(life.rows[0]), int(life.rows[-1]), found.cells["frame"]
    if life.parent:
        life = replace(life, begin="division", begin_score=float(links.born[first]))
    elif frame[first] > 0:
        near = _nearness(found.cells, first, found.size)
        life = replace(life, begin="entry" if near > 0.5 else "appearance", begin_score=max(near, 1 - near))
    if divided is not None:
        return replace(life, end="division", end_score=divided)
    if frame[last] == found.frames - 1:
        return life
    fused = int(links.fused[last])
    if fused >= 0 and found.track[fused]:
        return replace(life, end="fusion", into=int(found.track[fused]), end_score=float(links.gone[last]))
    near = _nearness(found.cells, last, found.size)
    return replace(life, end="exit" if near > 0.5 else "loss", end_score=max(near, 1 - near))


@dataclass(frozen=True)
class Stay:
    """A cell that is in one class.

    Attributes:
        track: of the cell.
        root: the first track of its lineage.
        kind: index of the class.
        first: first frame.
        last: last frame.
        began: with a ``division``, a ``change`` of class, or None where its beginning was not seen.
        ended: the same of its end.
    """

    track: int
    root: int
    kind: int
    first: int
    last: int
    began: Seen | None
    ended: Seen | None

    @property
    def frames(self) -> int:
        """How many frames it takes."""
        return self.last - self.first + 1


def steady(kind: Whole) -> Whole:
    """Classes (F,) of one cell in order of time, without those that last for one frame between two alike.

    ``steady(np.array([1, 2, 1, 1, 2, 2]))`` is ``[1, 1, 1, 1, 2, 2]``.
    """
    result = kind.copy()
    flickers = (kind[:-2] == kind[2:]) & (kind[1:-1] != kind[:-2])
    result[1:-1][flickers] = kind[:-2][flickers]
    return result


def stays_of(lives: Lives) -> list[Stay]:
    """All stays of all lives, in the order of tracks and time."""
    roots = lives.roots.tolist()
    return [
        stay for life, root in zip(lives.lives, roots, strict=True) for stay in stays_in(lives, life, root)
    ]


def stays_in(lives: Lives, life: Life, root: int = 0) -> list[Stay]:
    """The stays of one life, in order of time."""
    kind, frame = steady(lives.kind[life.rows]), lives.cells["frame"][life.rows]
    starts = np.flatnonzero(np.diff(kind, prepend=-1))
    ends = [*(starts[1:] - 1).tolist(), len(kind) - 1]
    changes: list[Seen | None] = ["change"] * (len(starts) - 1)
    began: list[Seen | None] = ["division" if life.parent else None, *changes]
    ended: list[Seen | None] = [*changes, "division" if life.daughters else None]
    return [
        Stay(life.track, root, int(kind[start]), int(frame[start]), int(frame[end]), *seen)
        for start, end, *seen in zip(starts.tolist(), ends, began, ended, strict=True)
    ]
