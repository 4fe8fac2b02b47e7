"""Label images as class maps or numbers of cells."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from followed_cells import PHASES

from hela_seg.system.errors import InputError
from hela_seg.tracking.reading import as_class_map, in_order


def test_numbers_that_jump_come_in_order() -> None:
    assert in_order(np.array([[0, 900_001], [7, 7]])).tolist() == [[0, 2], [1, 1]]
    assert in_order(np.array([[5, 3]])).tolist() == [[2, 1]]


def test_a_value_that_is_no_class_is_named() -> None:
    assert as_class_map(np.array([[0, 2, 255]]), PHASES, Path("a.tif"), 0).tolist() == [[0, 2, 255]]
    with pytest.raises(InputError, match=r"frame 3 of a\.tif holds the value 9, expected 0 to 2"):
        as_class_map(np.array([[9]]), PHASES, Path("a.tif"), 3)
