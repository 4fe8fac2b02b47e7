"""Maps of cell numbers come back as they were kept, and by tracks once these are known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from jobs import CLASSES

from hela_seg.data.classes import Classes
from hela_seg.prediction.cell_maps import CellMaps

FRAMES = [np.array([[1, 1, 0], [0, 2, 2]], np.int32), np.array([[0, 1, 1], [0, 0, 0]], np.int32)]
ROWS = [
    {"label": np.array([1, 2]), "class": np.array(["dim", "bright"])},
    {"label": np.array([1]), "class": np.array(["bright"])},
]


def kept(path: Path) -> CellMaps:
    maps = CellMaps(path, (2, 3), Classes(CLASSES))
    for labels, rows in zip(FRAMES, ROWS, strict=True):
        maps.add(labels, rows)
    return maps


def test_they_come_back_in_order_and_from_the_disk(tmp_path: Path) -> None:
    maps = kept(tmp_path / "cells")
    for _ in range(2):
        found = list(maps.frames())
        np.testing.assert_array_equal(found, FRAMES)
        assert found[0].dtype == np.uint32


def test_tracks_take_the_place_of_labels(tmp_path: Path) -> None:
    """Cells 1 and 2 are on tracks 7 and 5, and 5 goes on as cell 1 of the next frame."""
    maps = kept(tmp_path / "cells")
    maps.follow(
        [
            {"label": np.array([1, 2]), "track": np.array([7, 5])},
            {"label": np.array([1]), "track": np.array([5])},
        ]
    )
    np.testing.assert_array_equal(list(maps.frames()), [[[7, 7, 0], [0, 5, 5]], [[0, 5, 5], [0, 0, 0]]])
    np.testing.assert_array_equal(list(maps.labels()), FRAMES)
    named = [(cell.frame, cell.number, cell.cell_class.name) for cell in maps.outlined()]
    assert named == [(0, 7, "dim"), (0, 5, "bright"), (1, 5, "bright")]


def test_a_second_start_forgets_the_first(tmp_path: Path) -> None:
    kept(tmp_path / "cells")
    assert len(list(kept(tmp_path / "cells").frames())) == 2
