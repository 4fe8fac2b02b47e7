"""Frames through mending, measuring and linking: numbers, orientation and direction do not matter."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from followed_cells import DRAWN, PHASES, PLAIN, lives_of_frames
from hypothesis import given, settings
from hypothesis import strategies as st

from hela_seg.system.errors import InputError
from hela_seg.tracking.follow import Follower, FollowSettings
from hela_seg.tracking.lives import Lives


def test_a_class_that_is_none_is_refused_with_those_that_are():
    with pytest.raises(InputError, match=r"mitotic is 'dividing', expected .* one of round, spread"):
        Follower(PHASES, FollowSettings(mitotic="dividing"))


def edges(lives: Lives, frames: Any) -> set[Any]:
    """Each life by the masks that it goes through, as the first pixel of each in each frame."""
    first = [
        {int(n): int(np.flatnonzero(labels == n)[0]) for n in np.unique(labels[labels > 0])}
        for labels in frames
    ]
    frame, label = lives.cells["frame"].tolist(), lives.cells["label"].tolist()
    key = [(t, first[t][n]) for t, n in zip(frame, label, strict=True)]
    return {tuple(key[row] for row in life.rows) for life in lives.lives}


@settings(max_examples=5)
@given(st.randoms(use_true_random=False))
def test_numbers_of_cells_do_not_matter(random: Any) -> None:
    frames = []
    for labels in DRAWN.cells:
        numbers = [0, *random.sample(range(1, 200), int(DRAWN.cells.max()))]
        frames.append(np.array(numbers)[labels])
    shuffled = lives_of_frames(frames, DRAWN.labels)
    assert edges(shuffled, frames) == edges(PLAIN, DRAWN.cells)
    divisions = [sum(bool(life.daughters) for life in lives.lives) for lives in (shuffled, PLAIN)]
    assert divisions[0] == divisions[1] > 0


def test_transposed_frames_have_the_same_lives() -> None:
    turned = lives_of_frames(
        [np.ascontiguousarray(f.T) for f in DRAWN.cells.astype(np.int64)],
        [np.ascontiguousarray(f.T) for f in DRAWN.labels],
    )
    # labels are those of the drawing, so that rows compare by frame and label
    for name in ("begin", "end", "parent", "daughters"):
        assert [getattr(life, name) for life in turned.lives] == [getattr(life, name) for life in PLAIN.lives]
    assert turned.track.tolist() == PLAIN.track.tolist()


def test_reversed_time_makes_fusions_of_divisions() -> None:
    back = lives_of_frames(DRAWN.cells[::-1].astype(np.int64), DRAWN.labels[::-1])
    end = len(DRAWN.cells) - 1
    pairs = [links_in(lives) for lives in (PLAIN, back)]
    mirrored = {frozenset((end - t, n) for t, n in pair) for pair in pairs[1]}
    divided = sum(bool(life.daughters) for life in PLAIN.lives)
    assert sum(life.end == "fusion" for life in back.lives) == divided > 0
    assert not any(life.daughters for life in back.lives)
    assert pairs[0] <= mirrored
    # backwards one daughter of each is linked with her mother
    assert len(mirrored - pairs[0]) == divided


def links_in(lives: Lives) -> set[frozenset[tuple[int, int]]]:
    """Pairs of frame and label that are one cell."""
    place = list(zip(lives.cells["frame"].tolist(), lives.cells["label"].tolist(), strict=True))
    return {
        frozenset([place[one], place[other]])
        for life in lives.lives
        for one, other in pairwise(life.rows.tolist())
    }
