"""Frames of a recording -> cells that are mended and measured one after the other, and then lives."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hela_seg.cells.measure import Columns, measure_cells
from hela_seg.data.classes import Classes
from hela_seg.system.errors import InputError
from hela_seg.system.settings import NonNegative
from hela_seg.tracking import ClassMap, Labels
from hela_seg.tracking.linking import Tracker
from hela_seg.tracking.lives import Lives, lives_of
from hela_seg.tracking.mending import MendedFrame, Mender


@dataclass(frozen=True)
class FollowSettings:
    """How cells are followed.

    Args:
        mitotic: name of the class that cells are in when they divide; None where no class says so.
        gap: frames that a cell may be missing for and be the same one afterwards.
        drift: the drift of the stage is taken off.
        mend: cells that are in pieces, or several in one, are mended by the frames before and after.
        divisions: a cell may become two.
    """

    mitotic: str | None = None
    gap: NonNegative = 2
    drift: bool = True
    mend: bool = True
    divisions: bool = True

    def mitotic_index(self, classes: Classes) -> int | None:
        """Index of the class that cells divide in; None where none is named.

        Raises:
            InputError: there is no such class, or it is the background.
        """
        if self.mitotic is None:
            return None
        if self.mitotic not in classes.names[1:]:
            raise InputError(
                f"mitotic is '{self.mitotic}', expected the class that cells divide in, one of "
                f"{', '.join(classes.names[1:])}: name one, or leave mitotic out"
            )
        return classes.names.index(self.mitotic)


class Follower:
    """Follows the cells of one recording; memory holds three frames, and some numbers a cell.

    Args:
        classes: the K classes.
        settings: how.
        touching: whether cells that touch may be one in the masks, as in class maps; see `Mender`.

    Raises:
        InputError: see `FollowSettings.mitotic_index`.
    """

    def __init__(self, classes: Classes, settings: FollowSettings, *, touching: bool = False) -> None:
        self._classes = classes
        self._index_of = {entry.name: entry.index for entry in classes}
        self._mender = Mender(drift=settings.drift, mend=settings.mend, touching=touching)
        self._tracker = Tracker(
            gap=settings.gap, divisions=settings.divisions, mitotic=settings.mitotic_index(classes)
        )
        self._rows: list[Columns] = []
        self._kinds: list[NDArray[np.int64]] = []
        self._size = (0, 0)

    def mended(self, cells: Iterable[Labels]) -> Iterator[MendedFrame]:
        """Mend frames of cell numbers (H, W), each once the next one is known; `add` takes each of them."""
        frames = iter(cells)
        while (labels := next(frames, None)) is not None:
            if (frame := self._mender.add(labels)) is not None:
                yield frame
        if (last := self._mender.end()) is not None:
            yield last

    def add(self, frame: MendedFrame, rows: Columns) -> Columns:
        """Take the next frame that `mended` gave, and its cells' rows of `measure_cells`.

        Returns:
            The rows with a column ``mended``: ``joined``, ``cut`` or nothing.
        """
        how = [frame.mended.get(label, "") for label in rows["label"].tolist()]
        rows = rows | {"mended": np.array(how, "U6")}
        kind = np.array([self._index_of[name] for name in rows["class"].tolist()], np.int64)
        self._tracker.add(frame, rows, kind)
        kept = ("frame", "label", "area_px", "row_px", "column_px", "touches_border", "mended")
        self._rows.append({name: rows[name] for name in kept})
        self._kinds.append(kind)
        self._size = frame.labels.shape[0], frame.labels.shape[1]
        return rows

    def follow(
        self, frames: Iterable[tuple[Labels, ClassMap]]
    ) -> Iterator[tuple[MendedFrame, ClassMap, Columns]]:
        """Mend, measure and link frames of cell numbers and class maps (H, W) each; their cells' rows."""
        maps: deque[ClassMap] = deque()

        def cells() -> Iterator[Labels]:
            """Cell numbers for `mended`, which is a frame ahead; class maps wait here."""
            for labels, class_map in frames:
                maps.append(class_map)
                yield labels

        for t, frame in enumerate(self.mended(cells())):
            class_map = maps.popleft()
            rows = measure_cells(frame.labels, class_map, self._classes, frame=t)
            yield frame, class_map, self.add(frame, rows)

    def lives(self) -> Lives:
        """The lives in all frames so far."""
        none = measure_cells(np.zeros((1, 1), np.int64), np.zeros((1, 1), np.uint8), self._classes)
        tables = self._rows or [none]
        rows = {name: np.concatenate([of_frame[name] for of_frame in tables]) for name in tables[0]}
        kind = np.concatenate([np.zeros(0, np.int64), *self._kinds])
        return lives_of(rows, kind, self._tracker.links(), self._size)
