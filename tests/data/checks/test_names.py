"""What names tell: single frames of one time-lapse, and tiles of one picture, on two sides of a split."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hela_seg.data.checks.looks import FrameLook, look_at
from hela_seg.data.checks.names import leaks_by_name
from hela_seg.data.layouts import Recording
from hela_seg.data.splits.table import Block, Part
from hela_seg.data.stacks import ArraySeries

FOLDER = Path("data/images").absolute().as_posix()


def lines(
    names: list[str], tested: list[int], pictures: np.ndarray | None = None, frames: int = 1
) -> list[str]:
    """Of series of so many frames, of which those of some numbers test and the others train."""
    recordings, looks = [], dict[Part, list[FrameLook]]()
    blocks: list[Block] = []
    for number, name in enumerate(names):
        series = ArraySeries(np.zeros((frames, 4, 4), np.uint8), "TYX", 1)
        series.name, series.path = name, Path("data/images") / f"{name}.tif"
        recordings.append(Recording(series, series))
        blocks.append(Block(number, 0, frames, "test" if number in tested else "train"))
        if pictures is not None:
            looks.setdefault(blocks[-1].part, []).append(look_at(number, 0, pictures[number][None], None))
    return leaks_by_name(recordings, blocks, looks)


def film(frames: int) -> np.ndarray:
    """(T, H, W) of which a tenth is new in every frame."""
    random = np.random.default_rng(0)
    pixels = [random.random((64, 64))]
    for _ in range(frames - 1):
        pixels.append(np.where(random.random((64, 64)) < 0.1, random.random((64, 64)), pixels[-1]))
    return np.array(pixels)


@pytest.mark.parametrize("stem", ["t", "frame_", "dish t", "A_T0"])
def test_neighbours_that_are_called_frames_are_named_with_both_settings(stem) -> None:
    (line,) = lines([f"{stem}{t}" for t in range(10, 30)], tested=[11, 12])
    assert "2 time(s)" in line
    assert f"'{stem}20' (train) and '{stem}21' (test)" in line
    assert "data.sequence=true" in line
    assert f"data.images='{FOLDER}/{stem.removesuffix('0')}{{t}}.tif' data.masks=" in line


def test_several_time_lapses_in_one_folder_need_a_pattern() -> None:
    (line,) = lines([f"{dish}_t{t}" for dish in "AB" for t in range(5)], tested=[2, 7])
    assert "2 time-lapse(s)" in line
    assert f"data.images='{FOLDER}/{{series}}_t{{t}}.tif' data.masks=" in line
    assert "sequence" not in line


def test_files_that_are_only_numbered_are_a_time_lapse_if_neighbours_look_alike() -> None:
    names = [f"dish {number}" for number in range(12)]
    (line,) = lines(names, [5, 6], film(12))
    assert "'dish 4' (train) and 'dish 5' (test)" in line
    assert lines(names, [5, 6], np.random.default_rng(0).random((12, 64, 64))) == []
    assert lines(names, [5, 6], np.repeat(film(1), 12, axis=0)) == []  # nothing changes: no time passes


@pytest.mark.parametrize(
    ("names", "frames"),
    [
        (["t0", "t1", "t2"], 5),  # recordings
        (["t0", "t2", "t4"], 1),  # no neighbours
        (["day1", "night2", "dish"], 1),
    ],
)
def test_others_are_no_time_lapse(names, frames) -> None:
    assert lines(names, [1], frames=frames) == []


@pytest.mark.parametrize(
    ("name", "pattern"),
    [
        ("{}_{}_{}", "{group}_{row}_{column}"),
        ("{}_x{}_y{}", "{group}_x{row}_y{column}"),
        ("{}-r{}-c{}", "{group}-r{row}-c{column}"),
    ],
)
def test_tiles_of_one_picture_are_named_with_what_keeps_them_together(name, pattern) -> None:
    places = [(source, row, column) for source in ("a", "b b") for row in (0, 1) for column in (0, 1)]
    (line,) = lines([name.format(*place) for place in places], tested=[3])
    assert f"'{name.format('a', 0, 0)}' (train) and '{name.format('a', 1, 1)}' (test)" in line
    assert line.startswith("tiles of 1 picture(s)")
    assert f"data.images='{FOLDER}/{pattern}.tif' data.masks=" in line
    assert "data.split.column" in line
    assert lines([name.format(*place) for place in places], tested=[4, 5, 6, 7]) == []


def test_tiles_of_a_single_picture_need_another_one_to_test_on() -> None:
    (line,) = lines([f"slide_{row}_{column}" for row in range(3) for column in range(3)], tested=[4])
    assert "another picture" in line


@pytest.mark.parametrize(
    "names",
    [
        [f"HeLa_{day}_{view}" for day in (1, 2) for view in (1, 2)],  # days and fields of view
        ["a_3_17", "a_9_2", "a_4_8", "b_5_5", "b_7_70"],  # no grid
        ["a_1", "a_2", "b_1", "b_2"],
    ],
)
def test_other_numbers_are_no_tiles(names) -> None:
    assert lines(names, [1, 3]) == []
