"""How lives begin and end, and their stays in a class."""

from __future__ import annotations

import numpy as np
from followed_cells import drawn_discs, followed, one_division

from hela_seg.tracking.lives import stays_of, steady


def test_a_daughter_that_is_soon_lost_was_none():
    mother, daughters = drawn_discs((30, 30), radius=8), drawn_discs((30, 24), (30, 37))
    one = drawn_discs((30, 24))
    lives = followed(mother, mother, daughters, one, one, one, gap=0)
    assert [(life.parent, life.daughters) for life in lives.lives] == [(0, ()), (0, ())]
    assert lives.lives[0].rows.tolist() == [0, 1, 2, 4, 5, 6]


def test_specks_are_no_cells():
    cells = drawn_discs((15, 15), (40, 40))
    cells[20:22, 60:62] = 3
    lives = followed(cells, cells)
    assert lives.track.tolist() == [1, 2, 0] * 2
    assert len(lives.lives) == 2


def test_how_tracks_begin_and_end():
    edge, inside = drawn_discs((5, 40)), drawn_discs((30, 40))
    lives = followed(drawn_discs(), edge, drawn_discs(), inside, drawn_discs())
    assert [(life.begin, life.end) for life in lives.lives] == [("entry", "exit"), ("appearance", "loss")]


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
