from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import tifffile
from drawn import disc, label_maps
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from scipy import ndimage

from hela_seg.cells import match_cells, split_cells
from hela_seg.data.classes import IGNORE_INDEX

SHAPE = (40, 60)


def two_discs(apart, first=10, second=10):
    """Class map with two discs, their centres so many columns apart."""
    return (disc(SHAPE, 20, 18, first) | disc(SHAPE, 20, 18 + apart, second)).astype(np.uint8)


def test_classes_of_one_region_are_one_cell_and_ignored_pixels_are_none():
    found = split_cells(np.array([[1, 2, 0, 0, IGNORE_INDEX, 2], [1, 0, 0, 2, 0, 2]], np.uint8))
    assert found.dtype == np.int32
    assert found.tolist() == [[1, 1, 0, 0, 0, 2], [1, 0, 0, 3, 0, 2]]


def test_pixels_that_meet_at_a_corner_are_connected():
    assert split_cells(np.eye(4, dtype=np.uint8)).tolist() == np.eye(4).tolist()


def test_numbers_follow_the_first_pixel_row_by_row():
    found = split_cells(np.array([[0, 0, 0, 1], [1, 0, 0, 0], [0, 0, 1, 0]], np.uint8))
    assert found.tolist() == [[0, 0, 0, 1], [2, 0, 0, 0], [0, 0, 3, 0]]


def test_touching_discs_are_cut_at_their_neck():
    found = split_cells(two_discs(19))
    assert found.max() == 2
    left, right = found[:, :27], found[:, 29:]
    assert set(np.unique(left)) == {0, 1}
    assert set(np.unique(right)) == {0, 2}


@pytest.mark.parametrize(("neck", "cells"), [(0.0, 1), (0.5, 1), (0.7, 2), (1.0, 2)])
def test_the_neck_decides(neck, cells):
    # Two discs of radius 10, their centres 16 apart, meet in a neck of 0.6 of their width.
    assert split_cells(two_discs(16), neck=neck).max() == cells


def test_a_neck_is_measured_by_the_narrower_side():
    # The neck is less than half as wide as the large disc, but more than 0.8 of the small one.
    assert split_cells(two_discs(15, first=12, second=6), neck=0.8).max() == 1
    assert split_cells(two_discs(17, first=12, second=6), neck=0.8).max() == 2


@pytest.mark.parametrize("scale", [1, 2, 3])
def test_magnification_does_not_matter(scale):
    for apart, cells in ((12, 1), (19, 2)):
        enlarged = two_discs(apart).repeat(scale, axis=0).repeat(scale, axis=1)
        assert split_cells(enlarged).max() == cells


def test_a_long_even_cell_is_one():
    class_map = np.zeros((20, 200), np.uint8)
    class_map[6:13, 5:195] = 1
    assert split_cells(class_map).max() == 1


def test_of_three_cells_in_a_row_each_is_cut():
    class_map = sum(disc((40, 90), 20, column, 10) for column in (18, 37, 56)).astype(bool).astype(np.uint8)
    assert split_cells(class_map).max() == 3


def test_a_cell_cut_by_the_frame_is_as_wide_there_as_it_looks():
    # Were the frame's edge background, the half disc would be narrowest where it is widest.
    class_map = two_discs(19)[20:]
    assert split_cells(class_map).max() == 2


def test_dirt_is_left_out_and_the_rest_numbered_without_gaps():
    class_map = np.array([[1, 0, 1, 1, 0, 1]], np.uint8)
    assert split_cells(class_map, least_area=2).tolist() == [[0, 0, 1, 1, 0, 0]]


@pytest.mark.parametrize("value", [0, 1, IGNORE_INDEX])
def test_frames_of_one_value(value):
    found = split_cells(np.full((5, 7), value, np.uint8))
    assert (found == (value == 1)).all()


def test_an_empty_frame_has_no_cells():
    assert split_cells(np.zeros((0, 7), np.uint8)).shape == (0, 7)


@pytest.mark.parametrize(("class_map", "neck"), [(np.zeros((1, 4, 4)), 0.5), (np.zeros((4, 4)), 1.5)])
def test_misuse_is_refused(class_map, neck):
    with pytest.raises(ValueError, match="expected"):
        split_cells(class_map.astype(np.uint8), neck=neck)


@given(label_maps(2, 16), st.floats(0, 1))
def test_cells_are_connected_cover_the_foreground_and_are_numbered_in_order(class_map, neck):
    found = split_cells(class_map.astype(np.uint8), neck=neck)
    assert ((found > 0) == (class_map > 0)).all()
    numbers, first = np.unique(found[found > 0], return_index=True)
    assert numbers.tolist() == list(range(1, len(numbers) + 1))
    assert (np.diff(first) > 0).all()
    for number in numbers:
        assert ndimage.label(found == number, np.ones((3, 3)))[1] == 1


@given(label_maps(2, 16))
def test_without_necks_cells_are_connected_components(class_map):
    found = split_cells(class_map.astype(np.uint8), neck=0.0)
    assert (found == ndimage.label(class_map > 0, np.ones((3, 3)))[0]).all()


def test_threads_give_what_one_gives():
    frames = [two_discs(apart) for apart in range(30)]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(split_cells, frames))
    assert all((split_cells(frame) == found).all() for frame, found in zip(frames, together, strict=True))


def test_touching_nuclei_of_a_real_recording_are_told_apart(shared):
    truth = tifffile.imread(shared / "hela-h2b-timelapse" / "instances.tif")[::2]
    found = [split_cells((frame > 0).astype(np.uint8)) for frame in truth]
    unsplit = [split_cells((frame > 0).astype(np.uint8), neck=0.0) for frame in truth]
    score = sum_of(match_cells(*pair) for pair in zip(truth, found, strict=True))
    before = sum_of(match_cells(*pair) for pair in zip(truth, unsplit, strict=True))
    assert score.mean_average_precision > 0.97
    assert score.mean_average_precision > before.mean_average_precision + 0.02


def test_touching_cells_of_phase_contrast_are_told_apart(shared):
    files = sorted((shared / "t98g-phase" / "stills" / "instances").glob("*.png"))
    truth = [np.array(Image.open(file)) for file in files]
    found = [split_cells((frame > 0).astype(np.uint8)) for frame in truth]
    unsplit = [split_cells((frame > 0).astype(np.uint8), neck=0.0) for frame in truth]
    score = sum_of(match_cells(*pair) for pair in zip(truth, found, strict=True))
    before = sum_of(match_cells(*pair) for pair in zip(truth, unsplit, strict=True))
    assert score.mean_average_precision > 0.7
    assert score.mean_average_precision > before.mean_average_precision + 0.15


def sum_of(matches):
    first, *others = matches
    return sum(others, start=first)


def test_where_in_memory_a_frame_lies_makes_no_difference():
    frame = (np.random.default_rng(31).random((3, 42)) < 0.96).astype(np.uint8)
    found = set()
    for offset in range(64):  # OpenCV's distances differ in their last digit
        memory = np.zeros(frame.size + 64, np.uint8)
        placed = memory[offset : offset + frame.size].reshape(frame.shape)
        placed[:] = frame
        found.add(split_cells(placed, neck=1).tobytes())
    assert len(found) == 1
