"""The ways of followed cells on the frames of a film, and single cells as strips of pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hela_seg.data.classes import Classes
from hela_seg.data.stacks import ArraySeries
from hela_seg.report.pictures.trails import STRIP_FRAMES, Trails, strip_rows, write_strip
from hela_seg.tracking.follow import Follower, FollowSettings
from hela_seg.tracking.lives import Lives

CLASSES = Classes(["background", "round"])


def class_maps(count: int, step: int = 8) -> list[np.ndarray]:
    """A cell that moves to the right, (60, 80) each."""
    maps = [np.zeros((60, 80), np.uint8) for _ in range(count)]
    for t, frame in enumerate(maps):
        frame[20:30, 10 + step * t : 26 + step * t] = 1
    return maps


def followed(maps: list[np.ndarray]) -> Lives:
    follower = Follower(CLASSES, FollowSettings(drift=False))
    for _ in follower.follow((frame.astype(np.int32), frame) for frame in maps):
        pass
    return follower.lives()


def test_trails_of_followed_cells_are_drawn_where_they_went() -> None:
    panel = np.zeros((120, 160, 3), np.uint8)
    Trails(followed(class_maps(3))).draw(panel, 2, 2.0)
    rows, columns = np.nonzero(panel[..., 0] > 200)
    assert abs(rows.mean() - 2 * 25) <= 2
    assert columns.min() <= 2 * 18 + 2
    assert 2 * 34 - 2 <= columns.max() <= 2 * 34 + 4


def test_a_strip_has_a_picture_for_each_frame_up_to_a_number() -> None:
    for count, shown in ((3, 3), (STRIP_FRAMES + 9, STRIP_FRAMES)):
        lives = followed(class_maps(count, step=1))
        rows = strip_rows(lives.lives[0])
        assert len(rows) == shown
        assert lives.cells["frame"][rows[[0, -1]]].tolist() == [0, count - 1]


@pytest.mark.parametrize("step", [0, 20])
def test_a_strip_keeps_the_cell_in_the_middle_also_at_the_edge(step: int, tmp_path: Path) -> None:
    maps = class_maps(3, step)
    lives = followed(maps)
    series = ArraySeries(np.stack(maps) * np.uint8(200), "TYX", 1)
    write_strip(tmp_path / "a.png", series, dict(enumerate(maps)), lives, lives.lives[0], CLASSES)
    with Image.open(tmp_path / "a.png") as strip:
        coloured = np.ptp(np.asarray(strip.convert("RGB")), axis=2) > 20
    panels = coloured[60:-50]
    middle = np.flatnonzero(panels.any(axis=1)).mean()
    assert 0.3 < middle / len(panels) < 0.7


def test_a_strip_at_the_edge_has_the_contrast_of_the_recording(tmp_path: Path) -> None:
    maps = [np.roll(frame, -10, axis=1) for frame in class_maps(1)]
    bright = np.stack(maps) * np.uint16(500) + np.uint16(30_000)  # black is far above 0, as of many cameras
    lives = followed(maps)
    series = ArraySeries(bright, "TYX", 1)
    write_strip(tmp_path / "a.png", series, dict(enumerate(maps)), lives, lives.lives[0], CLASSES)
    with Image.open(tmp_path / "a.png") as strip:
        panel = np.asarray(strip.convert("L"))[76:176, 16:116]
    assert np.median(panel) < 60
