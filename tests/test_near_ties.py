"""The comparison of class maps lets rounding pass and nothing else."""

from __future__ import annotations

import numpy as np
import pytest
from near_ties import assert_same_but_for_near_ties

SCORES = np.array([2.0, 2.00001, -1.0], np.float32).reshape(1, 3, 1, 1)


def of_class(index: int) -> np.ndarray:
    return np.full((1, 1, 1), index, np.uint8)


def test_either_of_two_best_classes_will_do() -> None:
    assert_same_but_for_near_ties(of_class(0), of_class(1), SCORES)


def test_a_class_that_is_not_the_best_is_a_difference() -> None:
    for found, expected in ((2, 1), (1, 2)):
        with pytest.raises(AssertionError):
            assert_same_but_for_near_ties(of_class(found), of_class(expected), SCORES)
    with pytest.raises(AssertionError):
        assert_same_but_for_near_ties(of_class(0), of_class(1), SCORES, within=1e-6)
