"""Stretches of a life in one class, and whether their ends were seen."""

from __future__ import annotations

import numpy as np
from followed_cells import one_division

from hela_seg.tracking.stays import stays_of, steady


def test_stays_know_what_was_seen() -> None:
    stays = [(s.track, s.kind, s.frames, s.began, s.ended) for s in stays_of(one_division())]
    assert stays == [
        (1, 2, 2, None, "change"),
        (1, 1, 3, "change", "division"),
        (2, 1, 4, "division", None),
        (3, 1, 2, "division", "change"),
        (3, 2, 2, "change", None),
    ]
    assert {s.root for s in stays_of(one_division())} == {1}


def test_a_class_of_one_frame_between_two_alike_is_flicker() -> None:
    assert steady(np.array([1, 2, 1, 1, 2, 2])).tolist() == [1, 1, 1, 1, 2, 2]
    assert steady(np.array([1])).tolist() == [1]
    assert steady(np.array([1, 2])).tolist() == [1, 2]
