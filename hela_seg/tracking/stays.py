"""How long cells stay in one class: stretches of a life, and whether their beginning and end were seen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from hela_seg.tracking import Whole
from hela_seg.tracking.lives import Life, Lives

Seen = Literal["division", "change"]
"""What a stay begins or ends with; None where the recording, or the cell's track, begins or ends before."""


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
