"""Cells drawn by hand, followed, for the tests of what becomes of them."""

from __future__ import annotations

from typing import Any

import numpy as np
from drawn import disc

from hela_seg.data.classes import Classes
from hela_seg.data.stacks import PixelSize
from hela_seg.data.synthetic.render import draw_tracked
from hela_seg.tracking.follow import Follower, FollowSettings
from hela_seg.tracking.lives import Lives
from hela_seg.tracking.tables import Followed

SHAPE = (60, 80)
CELL = Classes(["background", "cell"])
PHASES = Classes(["background", "round", "spread"])
DRAWN = draw_tracked(12, 160, 160, 0)


def drawn_discs(*places: tuple[float, float], radius: float = 6) -> np.ndarray:
    """Label map with a disc at each place, numbered as they come."""
    labels = np.zeros(SHAPE, np.int32)
    for number, (row, column) in enumerate(places, start=1):
        labels[disc(SHAPE, row, column, radius)] = number
    return labels


def followed(*frames: np.ndarray, classes: Classes = CELL, class_maps: Any = None, **options: Any) -> Lives:
    """Lives of the cells of label maps, all of one class unless class maps are given."""
    follower = Follower(classes, FollowSettings(**{"drift": False, "mend": False, "gap": 0, **options}))
    maps = [(labels > 0).astype(np.uint8) for labels in frames] if class_maps is None else class_maps
    for _ in follower.follow(zip(frames, maps, strict=True)):
        pass
    return follower.lives()


def linked(*frames: np.ndarray, **options: Any) -> dict[str, list[int]]:
    """Of each cell and frame its label, its track and its parent."""
    lives = followed(*frames, **options)
    rows = {"frame": lives.cells["frame"], "label": lives.cells.get("label", np.zeros(0))}
    return {
        name: column.tolist()
        for name, column in (rows | {"track": lives.track, "parent": lives.parent}).items()
    }


def lives_of_frames(frames: Any, class_maps: Any, **options: Any) -> Lives:
    """Lives of cells that are round or spread, followed with all defaults."""
    follower = Follower(PHASES, FollowSettings(**{"mitotic": "round", **options}))
    for _ in follower.follow(zip(frames, class_maps, strict=True)):
        pass
    return follower.lives()


def one_division() -> Lives:
    """A cell that is spread for 2 frames and round for 3, and daughters of 4 frames, one of which spreads."""
    frames, class_maps = [], []
    for t in range(9):
        places = [(30, 30, 8)] if t < 5 else [(30, 23, 6), (30, 38, 6)]
        labels, classes = np.zeros(SHAPE, np.int32), np.zeros(SHAPE, np.uint8)
        for number, (row, column, radius) in enumerate(places, start=1):
            cell = disc(SHAPE, row, column, radius)
            labels[cell] = number
            classes[cell] = 2 if t < 2 or (t > 6 and number == 2) else 1
        frames.append(labels)
        class_maps.append(classes)
    return lives_of_frames(frames, class_maps)


PLAIN = lives_of_frames(DRAWN.cells.astype(np.int64), DRAWN.labels)
"""Lives of the drawn recording, with a division."""


def with_a_gap() -> Followed:
    """The drawn recording with frames of five minutes and pixels of 0.6 by 0.6 um; track 1 lacks frame 6."""
    cells = DRAWN.cells.astype(np.int64)
    cells[6] = np.where(cells[6] == 1, 0, cells[6])
    return Followed("a", lives_of_frames(cells, DRAWN.labels), PHASES, 1, 300.0, PixelSize(0.6, 0.6))


FOLLOWED = with_a_gap()
