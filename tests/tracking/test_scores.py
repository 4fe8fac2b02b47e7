"""Scores of tracks: the library's from end to end, and counts and durations by hand."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from followed_cells import DRAWN, FOLLOWED, PLAIN, drawn_discs

from hela_seg.data.ctc_tracks import CtcTrack, write_ctc_frames, write_ctc_truth, write_track_table
from hela_seg.system.errors import InputError
from hela_seg.tracking.ctc import write_ctc_results
from hela_seg.tracking.lives import Lives
from hela_seg.tracking.scores import MEASURES, TrackScorer, score_recordings

pytest.importorskip("ctc_metrics", reason="the extra track is not installed")


@pytest.fixture
def truth(tmp_path: Path) -> Path:
    """The drawn recording's true tracks."""
    write_ctc_truth(tmp_path / "01_GT", DRAWN.cells, DRAWN.tracks)
    return tmp_path / "01_GT"


def eroded() -> np.ndarray:
    """Found cells: the first one gone from frame 6, the second one merged with the third in frame 3."""
    cells = DRAWN.cells.astype(np.int64)
    cells[6] = np.where(cells[6] == 1, 0, cells[6])
    return cells


@pytest.mark.parametrize(("lives", "cells"), [(PLAIN, DRAWN.cells), (FOLLOWED.lives, eroded())])
def test_figures_are_the_librarys_own(truth: Path, tmp_path: Path, lives: Lives, cells: np.ndarray) -> None:
    write_ctc_results(tmp_path / "01_RES", lives, cells.astype(np.int64))
    wanted = ["Valid", "DET", "TRA", "LNK", "CT", "BC", "SEG"]
    evaluate = import_module("ctc_metrics.scripts.evaluate").evaluate_sequence
    expected = evaluate(str(tmp_path / "01_RES"), str(truth), wanted, threads=1)
    found = TrackScorer(truth, tmp_path).score_lives(lives, iter(cells.astype(np.int64)))
    by_folder, followed = score_recordings(tmp_path, tmp_path, ["01"])
    assert by_folder["01"] == pytest.approx(found)
    assert len(followed[0].lives.lives) >= len(lives.lives)
    for name, key in MEASURES.items():
        assert found[name] == pytest.approx(expected[key]), name


def test_counts_and_durations_by_hand(tmp_path: Path) -> None:
    true = np.stack([drawn_discs((20, 20), (20, 60))] * 6).astype(np.uint16)
    write_ctc_truth(tmp_path / "01_GT", true, [CtcTrack(1, 0, 5, 0), CtcTrack(2, 0, 5, 0)])
    # the first cell is lost after four frames, the second one is away for a frame; a third one is none
    found = true.copy()
    found[4:][found[4:] == 1] = 0
    found[2][found[2] == 2] = 0
    found[3:][found[3:] == 2] = 3
    found[0, 50:, 40:] = 4
    scorer = TrackScorer(tmp_path / "01_GT", tmp_path)
    assert len(list(scorer.watched(found.astype(np.int64)))) == 6
    tracks = [CtcTrack(1, 0, 3, 0), CtcTrack(2, 0, 1, 0), CtcTrack(3, 3, 5, 2), CtcTrack(4, 0, 0, 0)]
    scores = scorer.scores(tracks)
    assert (scores["true cells"], scores["found cells"]) == (12, 10)
    assert scores["cell count error"] == pytest.approx(4 / 12)  # one too many, and one too few three times
    assert (scores["missed cells"], scores["extra cells"], scores["merged cells"]) == (3, 1, 0)
    assert scores["duration error"] == pytest.approx(1.0)  # 4 and 6 frames in place of 6 and 6
    assert (scores["found tracks"], scores["true tracks"]) == (4, 2)


def test_a_cell_matches_where_it_covers_more_than_half(tmp_path: Path) -> None:
    true = np.zeros((2, 2, 6), np.uint16)
    true[:, 0, :4], true[:, 1, :4] = 1, 2
    write_ctc_truth(tmp_path / "01_GT", true, [CtcTrack(1, 0, 1, 0), CtcTrack(2, 0, 1, 0)])
    found = np.zeros((2, 6), np.int64)
    found[0, :2], found[1, :3] = 65_530, 65_535
    scorer = TrackScorer(tmp_path / "01_GT", tmp_path)
    assert len(list(scorer.watched([found, found]))) == 2
    scores = scorer.scores([CtcTrack(65_530, 0, 1, 0), CtcTrack(65_535, 0, 1, 0)])
    assert (scores["missed cells"], scores["extra cells"]) == (2, 2)
    assert scores["SEG"] == pytest.approx(0.75 / 2)


def test_what_cannot_be_scored_is_refused_in_one_line(truth: Path, tmp_path: Path) -> None:
    for cells, said in (
        (DRAWN.cells[:4], "4 label images and .* more"),
        (np.concatenate([DRAWN.cells, DRAWN.cells]), "frame 12 of 160x160 pixels and .* no such frame"),
        (DRAWN.cells[:, :90], "frame 0 of 90x160 pixels and .* 160x160 pixels"),
    ):
        with pytest.raises(InputError, match=said) as caught:
            list(TrackScorer(truth, tmp_path).watched(cells.astype(np.int64)))
        assert "\n" not in str(caught.value)
    first = [CtcTrack(int(label), 0, 0, 0) for label in np.unique(DRAWN.cells[0])[1:]]
    write_ctc_truth(tmp_path / "one_GT", DRAWN.cells[:1], first)
    scorer = TrackScorer(tmp_path / "one_GT", tmp_path)
    assert len(list(scorer.watched(DRAWN.cells[:1].astype(np.int64)))) == 1
    with pytest.raises(InputError, match="has one frame, expected two or more"):
        scorer.scores(first)
    scorer = TrackScorer(truth, tmp_path)
    assert len(list(scorer.watched(DRAWN.cells.astype(np.int64)))) == 12
    with pytest.raises(InputError, match="a track 2 that is not stated for frame 0"):
        scorer.scores(DRAWN.tracks[:1])
    write_track_table(truth / "TRA" / "man_track.txt", [*DRAWN.tracks, CtcTrack(99, 3, 3, 0)])
    write_ctc_frames(tmp_path / "01_RES", "mask", DRAWN.cells)
    write_track_table(tmp_path / "01_RES" / "res_track.txt", DRAWN.tracks)
    with pytest.raises(InputError, match=r"TRA has a track 99 that is missing in frame 3"):
        score_recordings(tmp_path, tmp_path, ["01"])
