"""Tracks from a beginning to an end; specks, and daughters that were none."""

from __future__ import annotations

from followed_cells import drawn_discs, followed


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
