"""Tables of lives by hand, and that they do not depend on numbers, orientation and the direction of time."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from drawn import disc
from hypothesis import given, settings
from hypothesis import strategies as st

from hela_seg.data.classes import Classes
from hela_seg.data.stacks import PixelSize
from hela_seg.data.synthetic.render import draw_tracked
from hela_seg.system.errors import InputError
from hela_seg.tracking.answers import answer_rows, write_lives
from hela_seg.tracking.follow import Follower, FollowSettings
from hela_seg.tracking.lives import Lives
from hela_seg.tracking.stays import stays_of, steady
from hela_seg.tracking.tables import Followed, event_rows, track_rows

PHASES = Classes(["background", "round", "spread"])
SHAPE = (60, 80)
DRAWN = draw_tracked(12, 160, 160, 0)


def lives_of_frames(frames: Any, class_maps: Any, **options: Any) -> Lives:
    follower = Follower(PHASES, FollowSettings(**{"mitotic": "round", **options}))
    for _ in follower.follow(zip(frames, class_maps, strict=True)):
        pass
    return follower.lives()


def one_division() -> Lives:
    """A cell that is spread for 2 frames and round for 3, and daughters of 4 frames, one of which spreads."""
    frames, class_maps = [], []
    for t in range(9):
        places = [(30, 30, 8)] if t < 5 else [(30, 23, 6), (30, 38, 6)]
        labels, classes = np.zeros(SHAPE, np.int32), np.zeros(SHAPE, np.uint8)
        for number, (row, column, radius) in enumerate(places, start=1):
            cell = disc(SHAPE, row, column, radius)
            labels[cell] = number
            classes[cell] = 2 if t < 2 or (t > 6 and number == 2) else 1
        frames.append(labels)
        class_maps.append(classes)
    return lives_of_frames(frames, class_maps)


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


def edges(lives: Lives, frames: Any) -> set[Any]:
    """Each life by the masks that it goes through, as the first pixel of each in each frame."""
    first = [
        {int(n): int(np.flatnonzero(labels == n)[0]) for n in np.unique(labels[labels > 0])}
        for labels in frames
    ]
    frame, label = lives.cells["frame"].tolist(), lives.cells["label"].tolist()
    key = [(t, first[t][n]) for t, n in zip(frame, label, strict=True)]
    return {tuple(key[row] for row in life.rows) for life in lives.lives}


PLAIN = lives_of_frames(DRAWN.cells.astype(np.int64), DRAWN.labels)


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


def test_recordings_with_and_without_an_interval_are_not_compared() -> None:
    lives = one_division()
    one, other = Followed("a", lives, PHASES, 1, 60.0), Followed("b", lives, PHASES, 1)
    assert {row["unit"] for row in answer_rows([one, other]) if row["what"].startswith("median")} == {
        "frames"
    }
    with pytest.raises(InputError, match="expected both or neither") as caught:
        answer_rows([replace(one, condition="drug"), replace(other, condition="control")])
    assert "\n" not in str(caught.value)


def test_recordings_of_two_intervals_are_compared_in_hours() -> None:
    one, other = (
        Followed(name, one_division(), PHASES, 1, step) for name, step in (("a", 3600.0), ("b", 1800.0))
    )
    rows = answer_rows([replace(one, condition="slow"), replace(other, condition="fast")])
    found = {
        row["condition"]: row for row in rows if row.get("class") == "round" and row["began"] == "change"
    }
    assert (found["slow"]["value"], found["fast"]["value"]) == ("3", "1.5")
    assert {row["unit"] for row in rows if row["what"].startswith("median")} == {"h"}


def test_answers_of_a_division_by_hand() -> None:
    rows = answer_rows([Followed("a", one_division(), PHASES, 1, 3600.0)])
    by_what = {(row["what"], row.get("class"), row.get("began")): row for row in rows}
    # 5 cell-frames of the mother, 8 of the daughters: round in 3 + 4 + 2
    assert float(by_what["mitotic index", None, None]["value"]) == pytest.approx(9 / 13, abs=1e-3)
    assert float(by_what["divisions", None, None]["value"]) == pytest.approx(1 / 13, abs=1e-4)
    mitosis = by_what["median time in class", "round", "change"]
    assert (mitosis["value"], mitosis["lives"], mitosis["censored"], mitosis["unit"]) == ("3", 1, 0, "h")
    born = by_what["median time in class", "round", "division"]
    assert (born["lives"], born["censored"]) == (2, 1)
    assert by_what["median time in class", "spread", "any"]["beginning_unseen"] == 1
    assert not any(
        row["what"] == "mitotic index" for row in answer_rows([Followed("a", one_division(), PHASES)])
    )
