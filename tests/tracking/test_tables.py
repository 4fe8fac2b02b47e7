"""Rows of tracks.csv and events.csv by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from drawn import disc
from followed_cells import PHASES, SHAPE, lives_of_frames, one_division

from hela_seg.data.stacks import PixelSize
from hela_seg.tracking.answers import write_lives
from hela_seg.tracking.tables import Followed, event_rows, track_rows


def test_tracks_and_events_of_a_division_by_hand() -> None:
    followed = Followed("a", one_division(), PHASES, 1, 600.0, PixelSize(0.5, 0.5))
    rows = track_rows(followed)
    names = (
        "track",
        "first_frame",
        "last_frame",
        "parent",
        "daughters",
        "begin",
        "end",
        "begin_seen",
        "end_seen",
    )
    assert [tuple(row[name] for name in names) for row in rows] == [
        (1, 0, 4, 0, "2 3", "start", "division", "false", "true"),
        (2, 5, 8, 1, "", "division", "end", "true", "false"),
        (3, 5, 8, 1, "", "division", "end", "true", "false"),
    ]
    assert [row["classes"] for row in rows] == ["spread:2 round:3", "round:4", "round:2 spread:2"]
    assert rows[0]["frames_round"] == 3
    assert rows[0]["hours_round"] == "0.5"
    assert rows[0]["path_px"] == "0.00"
    assert len(rows[0]["area_px"].split()) == 5
    events = event_rows(followed)
    assert [(e["event"], e["frame"], e["track"], e["others"], e["from"], e["to"]) for e in events] == [
        ("rounding up", 2, 1, "", "spread", "round"),
        ("division", 5, 1, "2 3", "", ""),
        ("spreading", 7, 3, "", "round", "spread"),
    ]
    assert [e["time_s"] for e in events] == ["1200", "3000", "4200"]
    assert all(0 <= float(e["confidence"]) <= 1 for e in events)
    assert float(events[1]["confidence"]) > 0.8


@pytest.mark.parametrize("frames", [1, 5])
def test_recordings_without_cells_or_of_one_frame_have_tables(tmp_path: Path, frames: int) -> None:
    empty = [np.zeros(SHAPE, np.int32)] * frames
    cell = disc(SHAPE, 30, 30, 8)
    one = [np.where(cell, 1, 0)] * frames
    for name, maps in (("empty", empty), ("one", one)):
        lives = lives_of_frames(maps, [labels.astype(np.uint8) for labels in maps])
        write_lives(tmp_path / name, [Followed(name, lives, PHASES, 1)])
        tracks = (tmp_path / name / "tracks.csv").read_text().splitlines()
        assert len(tracks) == (1 if name == "empty" else 2)
        assert tracks[0].startswith("series,track,first_frame")
        assert (tmp_path / name / "events.csv").read_text().startswith("series,event,frame")
