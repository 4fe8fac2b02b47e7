"""The drift of the stage: found, taken off, and label maps moved by it."""

from __future__ import annotations

import numpy as np
from drawn import disc
from followed_cells import followed
from hypothesis import given
from hypothesis import strategies as st

from hela_seg.tracking.drift import shifted


def test_the_drift_of_the_stage_is_taken_off():
    random = np.random.default_rng(1)
    places = [(row, column) for row in range(14, 120, 26) for column in range(14, 150, 26)]
    places = [(row + random.integers(-4, 5), column + random.integers(-4, 5)) for row, column in places]
    frames = []
    for t in range(4):
        labels = np.zeros((180, 220), np.int32)
        for number, (row, column) in enumerate(places, start=1):
            labels[disc(labels.shape, row + 12 * t, column + 15 * t, 7)] = number
        frames.append(labels)
    lives = followed(*frames, drift=True)
    assert len(lives.lives) == len(places)
    np.testing.assert_allclose(lives.drift, [[12 * t, 15 * t] for t in range(4)], atol=0.5)
    assert len(followed(*frames).lives) > len(places)
    assert all(np.ptp(lives.places[life.rows], axis=0).max() < 1 for life in lives.lives)


@given(st.integers(-9, 9), st.integers(-9, 9))
def test_moving_there_and_back_keeps_what_stayed_inside(rows, columns):
    labels = np.arange(1, 36).reshape(5, 7)
    there = shifted(labels, np.array([rows, columns], float))
    back = shifted(there, np.array([-rows, -columns], float))
    assert np.isin(back, [0, *labels.ravel()]).all()
    assert (back[back > 0] == labels[back > 0]).all()
    assert np.count_nonzero(back) == max(0, 5 - abs(rows)) * max(0, 7 - abs(columns))
