"""What is remembered of a frame's looks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import tifffile
from PIL import Image

from hela_seg.data.checks.looks import digest, look_at, look_at_frames
from hela_seg.data.classes import Classes
from hela_seg.data.labels.readers import ValueLabels
from hela_seg.data.layouts import Recording
from hela_seg.data.splits.table import Block
from hela_seg.data.stacks import ArraySeries


def test_values_that_are_no_numbers_do_no_harm() -> None:
    frame = np.random.default_rng(0).random((1, 40, 40))
    frame[0, 3, 3], frame[0, 5, 5] = np.nan, np.inf
    assert look_at(0, 0, frame, None).sketch is not None


def test_equal_pixels_of_another_type_or_shape_are_no_equal_picture() -> None:
    frame = np.arange(16, dtype=np.uint8).reshape(1, 4, 4)
    others = [frame.astype(np.uint16), frame.reshape(1, 2, 8), frame + 1]
    assert len({digest(other) for other in [frame, *others]}) == 4
    assert digest(frame) == digest(frame.copy())
    assert digest(frame[:, ::2]) == digest(frame[:, ::2].copy())


def test_a_real_picture_saved_as_png_is_the_same_picture(shared: Path, tmp_path: Path) -> None:
    frame = tifffile.imread(min((shared / "hela-nucleolus" / "images").iterdir()))[None]
    Image.fromarray(frame[0]).save(tmp_path / "a.png")
    assert digest(np.asarray(Image.open(tmp_path / "a.png"))[None]) == digest(frame)


def test_frames_of_each_part_are_looked_at_spread_evenly():
    frames = np.random.default_rng(0).integers(0, 256, (10, 40, 50), np.uint8)
    masks = frames // 128
    recordings = [Recording(ArraySeries(frames, "TYX", 1), ArraySeries(masks, "TYX", 1))]
    blocks = [Block(0, 0, 7, "train"), Block(0, 7, 10, "test")]
    looks = look_at_frames(recordings, blocks, ValueLabels(Classes(["a", "b"])), most=3)
    assert [look.t for look in looks["train"]] == [0, 3, 6]
    assert [look.t for look in looks["test"]] == [7, 8, 9]
    assert looks["test"][1].digest == digest(frames[8][None])
    assert len({look.mask for of_part in looks.values() for look in of_part}) == 6
