"""Which frames are shown with a frame: at the ends of a recording, at gaps, and where masks are few.

The grey value of each frame is its number.
"""

from __future__ import annotations

import gc
import weakref
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hela_seg.data.augment import RandomRotations, microscopy
from hela_seg.data.classes import Classes
from hela_seg.data.context import keeping_recent, neighbours, own_channels, parts_of_time, with_those_around
from hela_seg.data.datamodule import TimelapseData
from hela_seg.data.dataset import GridTiles, RandomTiles
from hela_seg.data.frames import NormalisedFrames
from hela_seg.data.labels.readers import ValueLabels
from hela_seg.data.layouts import Recording
from hela_seg.data.normalise import Normalisation
from hela_seg.data.sampler import Draw
from hela_seg.data.splits.table import Block
from hela_seg.data.stacks import ArraySeries, write_tiff
from hela_seg.data.tiles import Window
from hela_seg.system.errors import InputError

GREY = Normalisation("percentile", (0.0,), (1.0,))
"""Leaves grey values as they are."""


def numbers_of(frames: int) -> np.ndarray:
    """Frames (T, 4, 5) whose grey values are their numbers."""
    return np.arange(frames, dtype=np.uint8)[:, None, None].repeat(4, 1).repeat(5, 2)


def numbered(frames: int) -> ArraySeries:
    return ArraySeries(numbers_of(frames), "TYX", 1)


def shown(frames: NormalisedFrames, t: int) -> list[int]:
    """The frames that are shown with frame t."""
    image = frames.read(t, Window(0, 0, 4, 5))
    assert (image == image[:, :1, :1]).all()
    return [int(value) for value in image[:, 0, 0]]


@pytest.mark.parametrize(
    ("context", "expected"),
    [
        (0, [[0], [1], [2], [3]]),
        (1, [[0, 0, 1], [0, 1, 2], [1, 2, 3], [2, 3, 3]]),
        (2, [[0, 0, 0, 1, 2], [0, 0, 1, 2, 3], [0, 1, 2, 3, 3], [1, 2, 3, 3, 3]]),
    ],
)
def test_at_the_ends_of_a_recording_the_nearest_frame_is_shown(
    context: int, expected: list[list[int]]
) -> None:
    frames = NormalisedFrames(numbered(4), GREY, context)
    assert [shown(frames, t) for t in range(4)] == expected


@pytest.mark.parametrize(
    ("t", "context", "there", "expected"),
    [
        (4, 1, [0, 1, 4, 5], [4, 4, 5]),  # 3 is nearer to 4 than to 1
        (2, 1, [0, 2, 4], [2, 2, 2]),  # 1 and 3 are as near to t as to others, and t is taken
        (2, 2, [0, 2, 4], [0, 2, 2, 2, 4]),
        (1, 2, [0, 1, 3, 4], [0, 0, 1, 1, 3]),
        (7, 3, [7], [7] * 7),
    ],
)
def test_at_a_gap_the_nearest_frame_that_is_there_is_shown(
    t: int, context: int, there: list[int], expected: list[int]
) -> None:
    assert neighbours(t, context, there) == expected


@given(there=st.sets(st.integers(0, 30), min_size=1), context=st.integers(0, 4), data=st.data())
def test_neighbours_are_there_in_order_of_time_with_the_frame_itself_in_the_middle(
    there: set[int], context: int, data: st.DataObject
) -> None:
    t = data.draw(st.sampled_from(sorted(there)))
    found = neighbours(t, context, sorted(there))
    assert (len(found), found[context]) == (2 * context + 1, t)
    assert found == sorted(found)
    assert set(found) <= there
    asked = range(t - context, t + context + 1)
    assert [abs(n - a) for n, a in zip(found, asked, strict=True)] == [
        min(abs(n - a) for n in there) for a in asked
    ]


def test_channels_follow_frame_by_frame_each_with_its_own() -> None:
    """Of three frames with two channels, whose values are ten times t plus the channel."""
    values = 10 * np.arange(3)[:, None, None, None] + np.arange(2)[:, None, None]
    series = ArraySeries(np.broadcast_to(values, (3, 2, 4, 5)).astype(np.uint8), "TCYX", 2)
    frames = NormalisedFrames(series, Normalisation("percentile", (0.0, 1.0), (1.0, 3.0)), 1)
    image = frames.read(1, Window(0, 0, 4, 5))
    # the second channel less 1, by 2
    assert image[:, 0, 0].tolist() == [0, 0, 10, 5, 20, 10]
    assert frames.own_channels == own_channels(2, 1) == slice(2, 4)


def test_a_frame_is_normalised_by_its_own_percentiles() -> None:
    ramp = np.linspace(0, 1, 20).reshape(1, 4, 5)
    series = ArraySeries((ramp * np.array([10, 100, 200])[:, None, None]).astype(np.float32), "TYX", 1)
    image = NormalisedFrames(series, Normalisation("frame"), 1).read(1, Window(0, 0, 4, 5))
    np.testing.assert_allclose(image[0], image[1], atol=1e-5)
    np.testing.assert_allclose(image[2], image[1], atol=1e-5)


def test_blocks_of_one_part_that_touch_are_one_stretch_of_time() -> None:
    blocks = [
        Block(0, 4, 7, "train"),
        Block(0, 0, 4, "train"),
        Block(0, 9, 10, "train"),
        Block(1, 7, 9, "train"),
    ]
    assert parts_of_time([*blocks, Block(0, 7, 9, "test")]) == {
        (0, "train"): [range(7), range(9, 10)],
        (1, "train"): [range(7, 9)],
        (0, "test"): [range(7, 9)],
    }


def recording(frames: int) -> Recording:
    return Recording(numbered(frames), ArraySeries(np.ones((frames, 4, 5), np.uint8), "TYX", 1))


READER = ValueLabels(Classes(["background", "cell"]))


def test_frames_of_other_parts_and_those_between_are_not_shown() -> None:
    """Of ten frames the split leaves out 4 and 5: frame 3 trains, frame 6 validates, 9 tests."""
    blocks = [Block(0, 0, 4, "train"), Block(0, 6, 8, "validation"), Block(0, 8, 10, "test")]
    for block, expected in (
        (blocks[0], {(0, 0, 1), (0, 1, 2), (1, 2, 3), (2, 3, 3)}),
        (blocks[1], {(6, 6, 7), (6, 7, 7)}),
    ):
        grid = GridTiles([recording(10)], [block], GREY, READER, (4, 5), 1)
        assert {tuple(grid[i]["image"][:, 0, 0].tolist()) for i in range(len(grid))} == expected
        tiles = RandomTiles([recording(10)], [block], GREY, READER, (2, 2), None, 7, context=1)
        drawn = {tuple(tiles[Draw(0, n)]["image"][:, 0, 0].tolist()) for n in range(60)}
        assert drawn == expected


def test_training_changes_the_frames_of_a_tile_alike() -> None:
    """Frames that are the same pixel by pixel remain so under flips, rotations and elastic shifts."""
    still = np.random.default_rng(0).integers(0, 255, (48, 48), dtype=np.uint8)
    film = Recording(
        ArraySeries(np.stack([still] * 5), "TYX", 1), ArraySeries(np.stack([still % 2] * 5), "TYX", 1)
    )
    geometry = microscopy(
        illumination=0, brightness=0, contrast=(1, 1), gamma=(1, 1), blur=(1e-3, 1e-3), photons=(1e9, 1e9)
    )
    geometry.rotations = RandomRotations((0.8, 1.2), 0.5)
    tiles = RandomTiles([film], [Block(0, 0, 5, "train")], GREY, READER, (24, 24), geometry, 0, context=4)
    moved = 0
    for number in range(8):
        image = tiles[Draw(0, number)]["image"]
        assert image.shape == (9, 24, 24)
        np.testing.assert_allclose(image, image[:1].expand_as(image), atol=0.2)  # noise of 255 grey values
        moved += bool((image[0] != tiles[Draw(1, number)]["image"][0]).any())
    assert moved


def write_sequence(root: Path, masks: Sequence[int], frames: int = 8) -> None:
    """The Cell Tracking Challenge's layout, with few masks; grey values are numbers of frames."""
    for t in range(frames):
        write_tiff(root / "01" / f"t{t:03}.tif", np.full((4, 5), t, np.uint8), "YX")
    for t in masks:
        write_tiff(root / "01_GT" / "SEG" / f"man_seg{t:03}.tif", np.full((4, 5), t % 2, np.uint8), "YX")


@pytest.mark.parametrize(
    ("blocks", "expected"),
    [
        # all for training: the frames without a mask are shown beside those with one
        ([("train", 0, 3)], {(0, 1, 2, 3, 4), (2, 3, 4, 5, 6), (5, 6, 7, 7, 7)}),
        # 4 is left out, and so is whatever lies behind it
        ([("train", 0, 1), ("test", 2, 3)], {(0, 1, 2, 3, 3)}),
    ],
)
def test_frames_without_a_mask_are_shown_beside_those_with_one(
    tmp_path: Path, blocks: list[tuple[str, int, int]], expected: set[tuple[int, ...]]
) -> None:
    write_sequence(tmp_path, masks=(2, 4, 7))
    classes = ["background", "interior", "border"]
    data = TimelapseData("ctc", tmp_path, classes, masks="GT", labels={"kind": "instances"}, context=2)  # type: ignore[arg-type]
    data.open([{"series": "01", "part": part, "start": start, "stop": stop} for part, start, stop in blocks])
    recording = data.recordings[0]
    assert recording.image.shape == (3, 1, 4, 5)
    assert [int(recording.image.frame(t)[0, 0, 0]) for t in range(3)] == [2, 4, 7]
    assert [path.name for path in recording.image.paths] == ["t002.tif", "t004.tif", "t007.tif"]
    tiles = GridTiles(data.recordings, data.blocks_of("train"), GREY, data.labels, (4, 5), 2)
    assert {tuple(tiles[i]["image"][:, 0, 0].tolist()) for i in range(len(tiles))} == expected


def test_single_frames_of_other_sizes_end_the_context() -> None:
    sizes = [(4, 5), (4, 5), (6, 5), (4, 5)]
    frames = [ArraySeries(np.zeros(size, np.uint8), "YX", 1) for size in sizes]
    found = [([frames.index(one) for one in together], at) for together, at in with_those_around(frames, 1)]
    assert found == [([0, 1], 0), ([0, 1], 1), ([2], 0), ([3], 0)]


def test_kept_frames_are_given_up_with_their_series() -> None:
    frames = np.zeros((3, 4, 5), np.uint8)
    gc.disable()
    try:
        keeping = keeping_recent(ArraySeries(frames, "TYX", 1), 1)
        keeping.frame(0)
        kept = weakref.ref(keeping)
        del keeping
        assert kept() is None
    finally:
        gc.enable()


def test_recordings_of_one_frame_are_told_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for name, frames in (("a", 1), ("b", 3), ("c", 1)):
        for kind in ("images", "masks"):
            write_tiff(tmp_path / kind / f"{name}.tif", np.zeros((frames, 4, 5), np.uint8), "TYX")
    for context, lines in ((0, 0), (1, 1)):
        caplog.clear()
        data = TimelapseData("folder", tmp_path, ["background", "cell"], context=context)
        data.open_all()
        assert (data.channels, data.input_channels) == (1, 1 + 2 * context)
        assert len(caplog.messages) == lines
    assert "2 of 3 recording(s) hold one frame, such as 'a': it is shown 3 times over" in caplog.text
    assert "say so with data.sequence=true" in caplog.text


def test_a_neighbour_that_cannot_be_read_is_named_or_replaced() -> None:
    class Torn(ArraySeries):
        def read(self, t: int, rows: slice, columns: slice) -> np.ndarray:
            if t == 2:
                raise InputError("film.tif is cut short")
            return super().read(t, rows, columns)

    film = Torn(numbers_of(5), "TYX", 1)
    with pytest.raises(InputError, match=r"frame 1 is shown with frame 2: film\.tif is cut short"):
        NormalisedFrames(film, GREY, 1).read(1, Window(0, 0, 4, 5))
    tolerant = NormalisedFrames(film, GREY, 1, skip_unreadable=True)
    assert [shown(tolerant, t) for t in (0, 1, 3, 4)] == [[0, 0, 1], [0, 1, 1], [3, 3, 4], [3, 4, 4]]
    with pytest.raises(InputError, match=r"^film\.tif is cut short"):
        tolerant.read(2, Window(0, 0, 4, 5))
