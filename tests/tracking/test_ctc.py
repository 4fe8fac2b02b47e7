"""Tracks in the Cell Tracking Challenge's form."""

from __future__ import annotations

import numpy as np
import pytest
from followed_cells import CELL, DRAWN, FOLLOWED

from hela_seg.data.ctc_tracks import CtcTrack
from hela_seg.system.errors import InputError
from hela_seg.tracking.ctc import ctc_frames, ctc_tracks_of, read_ctc


def test_a_track_with_a_gap_is_two_of_the_challenges_and_daughters_come_from_the_second() -> None:
    tracks, label = ctc_tracks_of(FOLLOWED.lives)
    assert tracks[:2] == [CtcTrack(1, 0, 5, 0), CtcTrack(2, 7, 7, 1)]
    assert [track for track in tracks if track.parent == 2] == [
        track for track in tracks if track.first == 8
    ][-2:]
    assert set(label.tolist()) == {track.label for track in tracks}


def test_tracks_come_back_as_the_lives_that_they_were_written_from() -> None:
    tracks, label = ctc_tracks_of(FOLLOWED.lives)
    cells = DRAWN.cells.astype(np.int64)
    cells[6] = np.where(cells[6] == 1, 0, cells[6])
    back = read_ctc(ctc_frames(FOLLOWED.lives, label, cells), tracks, CELL)
    for name in ("parent", "daughters", "begin", "end"):
        assert [getattr(life, name) for life in back.lives] == [
            getattr(life, name) for life in FOLLOWED.lives.lives
        ]
    assert back.lives[0].rows.tolist() == FOLLOWED.lives.lives[0].rows.tolist()


def test_a_label_without_a_track_is_refused() -> None:
    with pytest.raises(InputError, match="frame 1 holds the label 7, which the table of tracks lacks"):
        read_ctc([np.array([[1, 0]]), np.array([[1, 7]])], [CtcTrack(1, 0, 1, 0)], CELL)
