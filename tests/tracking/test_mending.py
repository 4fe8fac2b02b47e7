"""The drift is taken off; cells in pieces are joined, and several in one are cut."""

from __future__ import annotations

import numpy as np
import pytest
from drawn import disc
from followed_cells import CELL, SHAPE, drawn_discs, followed, linked
from hypothesis import given
from hypothesis import strategies as st

from hela_seg.tracking.follow import Follower, FollowSettings
from hela_seg.tracking.mending import Mender, shifted


def test_a_cell_in_pieces_for_one_frame_is_joined_and_two_in_one_are_cut():
    whole = np.zeros(SHAPE, np.int32)
    whole[10:30, 10:50] = 1
    pieces = whole.copy()
    pieces[10:30, 28:50] = 2
    mended = list(Follower(CELL, FollowSettings(drift=False)).mended([whole, pieces, whole]))
    np.testing.assert_array_equal(mended[1].labels, whole)
    assert mended[1].mended == {1: "joined"}
    mended = list(Follower(CELL, FollowSettings(drift=False)).mended([pieces, whole, pieces]))
    np.testing.assert_array_equal(mended[1].labels, pieces)
    assert mended[1].mended == {1: "cut", 2: "cut"}
    lives = followed(pieces, whole, pieces, mend=True)
    assert [life.end for life in lives.lives] == ["end", "end"]
    assert lives.cells["mended"].tolist() == ["", "", "cut", "cut", "", ""]


def test_a_division_is_not_mended_away():
    mother, daughters = drawn_discs((30, 30), radius=8), drawn_discs((30, 24), (30, 37))
    assert not any(
        frame.mended for frame in Follower(CELL, FollowSettings()).mended([mother, mother, daughters])
    )
    assert linked(mother, mother, daughters, daughters, mend=True)["parent"] == [0, 0, 1, 1, 1, 1]


def test_frames_of_other_sizes_are_a_programming_error():
    mender = Mender()
    mender.add(drawn_discs())
    with pytest.raises(ValueError, match="expected the same"):
        mender.add(np.zeros((3, 3), np.int32))


def test_cells_of_class_maps_that_touch_for_long_stay_two_and_numbered_ones_may_fuse():
    apart, together = drawn_discs((30, 30)), drawn_discs((30, 30))
    apart[30 + np.arange(-6, 7)[:, None], 37 + np.arange(12)] = 2
    together[30 + np.arange(-6, 7)[:, None], 36 + np.arange(12)] = 1
    frames = [apart, apart, *[together] * 4]
    for touching, cells in ((True, 2), (False, 1)):
        follower = Follower(CELL, FollowSettings(drift=False), touching=touching)
        last, *_ = list(follower.follow((labels, (labels > 0).astype(np.uint8)) for labels in frames))[-1]
        assert len(np.unique(last.labels)) == 1 + cells
        assert set(last.mended.values()) == ({"cut"} if touching else set())
        assert sum(life.end == "fusion" for life in follower.lives().lives) == 2 - cells


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
