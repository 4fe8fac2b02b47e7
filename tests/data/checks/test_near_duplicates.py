"""Leaks that are found, and different cells that are not taken for one."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from scipy.fft import dctn

from hela_seg.data.checks.near_duplicates import (
    ALIKE,
    FrameHash,
    digest,
    find_near_duplicates,
    hash_frames,
    perceptual_hash,
)
from hela_seg.data.layouts import Recording
from hela_seg.data.splits.table import Block, Part
from hela_seg.data.stacks import ArraySeries
from hela_seg.data.synthetic.render import draw


def look(frame: np.ndarray, t: int = 0, series: int = 0) -> FrameHash:
    return FrameHash(series, t, perceptual_hash(frame), digest(frame))


def bits(frame: np.ndarray) -> np.ndarray:
    found = perceptual_hash(frame)
    assert found is not None
    return np.unpackbits(found.view(np.uint8))


def distance(one: np.ndarray, other: np.ndarray) -> int:
    return int((bits(one) != bits(other)).sum())


def frames_of(folder: Path) -> list[np.ndarray]:
    return [tifffile.imread(path)[None] for path in sorted(folder.iterdir())]


def culture(seed: int, frames: int = 4) -> np.ndarray:
    return draw(frames, 128, 128, seed)[0].transpose(0, 3, 1, 2)


def test_bits_are_signs_of_low_frequencies_against_their_median() -> None:
    frame = np.random.default_rng(0).random((1, 32, 32))  # already of the size that is transformed
    low = dctn(frame[0], norm="ortho")[:16, :16].ravel()[1:]
    assert bits(frame)[:255].tolist() == (low > np.median(low)).tolist()
    assert perceptual_hash(frame).shape == (4,)


@given(st.floats(0.1, 50), st.floats(0, 500), st.integers(0, 9))
def test_gain_and_offset_of_the_camera_change_next_to_nothing(gain, offset, seed) -> None:
    frame = np.random.default_rng(seed).random((1, 64, 80))
    assert distance(frame, gain * frame + offset) <= 2


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 5, 3), (3, 31, 33), (2, 700, 1100)])
def test_any_size_has_a_hash(shape) -> None:
    frame = np.random.default_rng(0).integers(0, 999, shape).astype(np.uint16)
    found = perceptual_hash(frame)
    assert (found is None) == (shape[1:] == (1, 1))
    assert found is None or (found.dtype, found.shape) == (np.uint64, (4,))


def test_values_that_are_no_numbers_do_no_harm() -> None:
    frame = np.random.default_rng(0).random((1, 40, 40))
    frame[0, 3, 3], frame[0, 5, 5] = np.nan, np.inf
    assert perceptual_hash(frame) is not None


def test_a_frame_of_one_value_is_like_no_other() -> None:
    black = np.zeros((1, 20, 20), np.uint8)
    assert perceptual_hash(black) is None
    assert find_near_duplicates({"train": [look(black)], "test": [look(black)]}) == []


def test_equal_pixels_of_another_type_or_shape_are_no_equal_picture() -> None:
    frame = np.arange(16, dtype=np.uint8).reshape(1, 4, 4)
    others = [frame.astype(np.uint16), frame.reshape(1, 2, 8), frame + 1]
    assert len({digest(other) for other in [frame, *others]}) == 4
    assert digest(frame) == digest(frame.copy())
    assert digest(frame[:, ::2]) == digest(frame[:, ::2].copy())


def test_the_same_picture_is_told_from_one_that_is_nearly_the_same() -> None:
    first, second, *_ = culture(1)
    looks: dict[Part, list[FrameHash]] = {
        "train": [look(first)],
        "test": [look(first, 7, 3), look(second, 8, 3)],
    }
    same, near = find_near_duplicates(looks)
    assert (same.same, same.distance, same.second.t, same.parts) == (True, 0, 7, ("train", "test"))
    assert (near.same, near.second.t) == (False, 8)
    assert 0 <= near.distance <= ALIKE


def test_all_pairs_of_parts_are_compared_and_none_within_one() -> None:
    frame = culture(1)[0]
    looks: dict[Part, list[FrameHash]] = {
        part: [look(frame, 0), look(frame, 1)] for part in ("test", "train", "validation")
    }
    found = [(pair.parts, pair.second.t) for pair in find_near_duplicates(looks)]
    pairs = [("train", "validation"), ("train", "test"), ("validation", "test")]
    assert found == [(pair, t) for pair in pairs for t in (0, 1)]


def test_the_nearest_is_named_even_far_down_a_long_list() -> None:
    random = np.random.default_rng(0)
    stored = [
        FrameHash(0, t, random.integers(0, 2**63, 4, np.uint64), bytes([t % 256, t // 256]))
        for t in range(1500)
    ]
    flipped = stored[1234].hash ^ np.array([7, 0, 0, 0], np.uint64)
    asked = [*stored[:700], FrameHash(1, 9, flipped, b"")]
    renamed = [FrameHash(1, entry.t, entry.hash, b"x" + entry.digest) for entry in asked]
    found = {pair.second.t: pair for pair in find_near_duplicates({"train": stored, "test": renamed[700:]})}
    assert (found[9].first.t, found[9].distance) == (1234, 3)
    everything = find_near_duplicates({"train": stored, "test": renamed})
    assert [(pair.first.t, pair.distance) for pair in everything[:700]] == [(t, 0) for t in range(700)]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_neighbouring_drawn_frames_are_alike_and_other_cultures_not(seed) -> None:
    frames, others = culture(seed), culture(seed + 10)
    assert max(distance(a, b) for a, b in pairwise(frames)) <= ALIKE
    assert min(distance(a, b) for a in frames for b in others) > ALIKE


def test_neighbours_of_a_real_time_lapse_are_alike(shared: Path) -> None:
    stack = list(tifffile.imread(shared / "hela-h2b-timelapse" / "images.tif")[:, None])
    for frames in (frames_of(shared / "t98g-phase" / "timelapse" / "images"), stack):
        assert max(distance(a, b) for a, b in pairwise(frames)) <= ALIKE


def test_different_real_fields_are_not_alike_and_a_still_out_of_the_time_lapse_is_found(shared: Path) -> None:
    stills = frames_of(shared / "t98g-phase" / "stills" / "images")
    lapse = frames_of(shared / "t98g-phase" / "timelapse" / "images")
    assert min(distance(a, b) for i, a in enumerate(stills) for b in stills[:i]) > ALIKE
    looks: dict[Part, list[FrameHash]] = {
        "train": [look(frame, t) for t, frame in enumerate(lapse)],
        "test": [look(frame, t) for t, frame in enumerate(stills)],
    }
    assert [(pair.second.t, pair.same or pair.distance == 0) for pair in find_near_duplicates(looks)] == [
        (0, True)
    ]


def test_the_same_real_nuclei_in_a_shifted_field_are_not_found(shared: Path) -> None:
    fields = frames_of(shared / "hela-nucleolus" / "images")
    # by eye, 0 to 3 show the same two nuclei, and 6 and 8 the same six
    for one, other in [(0, 1), (1, 2), (2, 3), (6, 8)]:
        assert distance(fields[one], fields[other]) > ALIKE


def test_a_real_picture_saved_as_png_is_the_same_picture(shared: Path, tmp_path: Path) -> None:
    frame = frames_of(shared / "hela-nucleolus" / "images")[0]
    Image.fromarray(frame[0]).save(tmp_path / "a.png")
    assert digest(np.asarray(Image.open(tmp_path / "a.png"))[None]) == digest(frame)


def test_frames_of_each_part_are_looked_at_spread_evenly():
    frames = np.random.default_rng(0).integers(0, 256, (10, 40, 50), np.uint8)
    series = ArraySeries(frames, "TYX", 1)
    recordings = [Recording(series, series)]
    blocks = [Block(0, 0, 7, "train"), Block(0, 7, 10, "test")]
    looks = hash_frames(recordings, blocks, most=3)
    assert [look.t for look in looks["train"]] == [0, 3, 6]
    assert [look.t for look in looks["test"]] == [7, 8, 9]
    assert looks["test"][1].digest == digest(frames[8][None])
