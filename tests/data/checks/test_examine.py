"""What one look at every frame finds, on frames small enough to count by hand."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st

from hela_seg.data.checks import examine as examine_module
from hela_seg.data.checks.examine import examine
from hela_seg.data.checks.looks import digest, look_at
from hela_seg.data.classes import Classes
from hela_seg.data.labels.readers import ValueLabels
from hela_seg.data.layouts import Recording
from hela_seg.data.splits.table import Block
from hela_seg.data.stacks import ArraySeries, open_series

READER = ValueLabels(Classes(["background", "a", "b"]), ignore_value=9)


def record(images, masks, axes="TYX", channels=1):
    return Recording(ArraySeries(images, axes, channels), ArraySeries(masks, "TYX", 1))


def facts_of(images, axes="TYX", channels=1):
    masks = np.zeros((len(images), *images.shape[-2:]), np.uint8)
    (facts,) = examine([record(images, masks, axes, channels)], [], READER).series
    return facts


def noise(seed=0, shape=(3, 4, 5), dtype=np.uint8):
    return np.random.default_rng(seed).integers(1, 200, shape).astype(dtype)


def test_pixels_and_frames_of_each_class_by_part_without_the_ignored_ones():
    masks = np.zeros((3, 2, 3), np.uint8)
    masks[0] = [[0, 1, 1], [2, 9, 9]]
    masks[1] = [[0, 0, 0], [0, 0, 1]]
    masks[2] = [[2, 2, 2], [2, 2, 9]]
    blocks = [Block(0, 0, 1, "train"), Block(0, 1, 2, "train")]
    found = examine([record(noise(shape=(3, 2, 3)), masks)], blocks, READER)
    assert {part: counts.tolist() for part, counts in found.pixels.items()} == {
        "train": [6, 3, 1],
        None: [0, 0, 5],  # the last frame is in no block
    }
    assert {part: counts.tolist() for part, counts in found.frames.items()} == {
        "train": [2, 2, 1],
        None: [0, 0, 1],
    }


@given(st.integers(0, 99), st.sampled_from([np.uint8, np.uint16, np.float32]), st.integers(1, 3))
def test_percentiles_are_those_of_numpy_over_all_frames_of_a_channel(seed, dtype, channels):
    images = noise(seed, (3, channels, 20, 30), dtype)
    expected = [
        np.percentile(images[:, channel], [1, 50, 99.8], method="inverted_cdf") for channel in range(channels)
    ]
    np.testing.assert_array_equal(facts_of(images, "TCYX", channels).percentiles, expected)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_of_large_frames_percentiles_are_near_and_the_rest_exact(monkeypatch, dtype):
    monkeypatch.setattr(examine_module, "_COUNTED", 2000)
    images = np.random.default_rng(0).normal(100, 9, (4, 200, 210)).round().astype(dtype)
    images[1] = np.arange(210) // 2 + 48  # no column is left out
    images[2] = 100
    images[3] = 100
    images[3, 0, 1] = 101  # between the pixels that are counted
    images[0].flat[1 : 2 * 420 : 2] = 255  # a hundredth of all, on one side
    (facts,) = examine([record(images, np.zeros(images.shape, np.uint8))], [], READER).series
    expected = np.percentile(images, [1, 50], method="inverted_cdf")
    np.testing.assert_allclose(facts.percentiles[0, :2], expected, atol=2)
    assert (facts.constant, facts.saturated) == ([2], [0])


def test_black_and_white_frames_are_looked_at_as_numbers():
    facts = facts_of(np.array([[[True, False], [False, False]], [[True, True], [True, True]]]))
    assert facts.percentiles.tolist() == [[0, 1, 1]]
    assert (facts.constant, facts.saturated) == ([1], [])


def test_frames_of_one_grey_value_are_listed_unless_another_channel_has_structure():
    images = noise(shape=(4, 2, 4, 5))
    images[1], images[3, 0] = 7, 7
    assert facts_of(images, "TCYX", 2).constant == [1]
    assert facts_of(np.full((2, 4, 5), 0.5, np.float32)).constant == [0, 1]


@pytest.mark.parametrize(
    ("brightest", "pixels", "saturated"), [(255, 100, [1]), (255, 99, []), (254, 5000, []), (4095, 100, [1])]
)
def test_frames_with_a_hundredth_of_their_pixels_at_the_detectors_end_are_saturated(
    brightest, pixels, saturated
):
    images = np.ones((2, 100, 100), np.uint16)
    images[:, 0, 0] = 2
    images[1].flat[:pixels] = brightest
    assert facts_of(images).saturated == saturated


def test_looks_are_those_of_the_frames_in_a_part():
    images = noise(shape=(3, 40, 40))
    masks = np.zeros((3, 40, 40), np.uint8)
    masks[2, 0, 0] = 1
    found = examine([record(images, masks)], [Block(0, 0, 1, "train"), Block(0, 2, 3, "test")], READER)
    assert set(found.looks) == {"train", "test"}
    (look,) = found.looks["test"]
    assert (look.series, look.t, look.digest) == (0, 2, digest(images[2][None]))
    np.testing.assert_array_equal(look.sketch, look_at(0, 2, images[2][None], None).sketch)
    assert look.mask is not None
    assert found.looks["train"][0].mask is None  # no class but the background


def test_a_fault_of_many_frames_is_told_once_with_the_earliest_and_the_rest_is_counted(tmp_path):
    masks = np.zeros((5, 4, 5), np.uint8)
    masks[[1, 2, 4], 0, 0] = 7
    masks[0, 0, 0] = 1
    path = tmp_path / "dish.tif"
    tifffile.imwrite(path, masks, photometric="minisblack", metadata={"axes": "TYX"})
    bad = Recording(ArraySeries(noise(shape=(5, 4, 5)), "TYX", 1), open_series(path, labels=True))
    good = record(noise(shape=(5, 4, 5)), np.zeros((5, 4, 5), np.uint8))
    found = examine([bad, good], [Block(0, 0, 5, "train"), Block(1, 0, 5, "train")], READER)
    (fault,) = found.series[0].faults
    assert fault.startswith(f"{path}, frame 1: values 7 (1 pixel)")
    assert fault.endswith("(and 2 more frame(s) of it)")
    assert found.series[1].faults == []
    assert found.pixels["train"].tolist() == [2 * 20 - 1 + 5 * 20, 1, 0]


def test_image_and_mask_that_vanish_are_two_faults_and_have_no_percentiles(tmp_path):
    for name, stack in (("i.tif", noise()), ("m.tif", np.zeros((3, 4, 5), np.uint8))):
        tifffile.imwrite(tmp_path / name, stack, photometric="minisblack", metadata={"axes": "TYX"})
    gone = Recording(open_series(tmp_path / "i.tif"), open_series(tmp_path / "m.tif", labels=True))
    for name in ("i.tif", "m.tif"):
        (tmp_path / name).unlink()
    found = examine([gone], [Block(0, 0, 3, "train")], READER)
    (facts,) = found.series
    assert [name in fault for name, fault in zip(("i.tif", "m.tif"), facts.faults, strict=True)] == [True] * 2
    assert facts.percentiles is None
    assert (found.pixels, found.looks) == ({}, {})


def test_every_frame_is_told_of_once_from_the_thread_that_asks():
    seen = []
    recordings = [record(noise(), np.zeros((3, 4, 5), np.uint8)) for _ in range(2)]
    examine(recordings, [], READER, lambda: seen.append(1))
    assert len(seen) == 6
