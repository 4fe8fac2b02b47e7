"""Distances between boundaries: worked by hand, by all pairs of pixels, and by MONAI."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from hela_seg.data.classes import IGNORE_INDEX
from hela_seg.data.stacks import PixelSize
from hela_seg.scores.boundaries import FrameBoundaries, compare_boundaries, pool_boundaries

CLASSES = 3


def class_maps(ignored: bool) -> st.SearchStrategy[np.ndarray]:
    """Truth and found, (2, H, W), of up to three classes; some of the truth ignored."""
    shapes = st.tuples(st.just(2), st.integers(1, 7), st.integers(1, 7))
    values = [0, 1, 2, *([IGNORE_INDEX] if ignored else [])]
    return arrays.arrays(np.uint8, shapes, elements=st.sampled_from(values))


def square(column: int, row: int = 10) -> np.ndarray:
    """A frame of 40x40 with a square of 10x10; its boundary has 36 pixels."""
    frame = np.zeros((40, 40), np.uint8)
    frame[row : row + 10, column : column + 10] = 1
    return frame


def by_all_pairs(truth, found, index, tolerance):
    """Boundary pixels within the tolerance, all of them, and HD95, one pixel and one pair after the other."""

    def boundary(labels):
        height, width = labels.shape
        pixels = []
        for row, column in np.argwhere((labels == index) & (truth != IGNORE_INDEX)):
            for r, c in ((row - 1, column), (row + 1, column), (row, column - 1), (row, column + 1)):
                inside = 0 <= r < height and 0 <= c < width
                if inside and truth[r, c] != IGNORE_INDEX and labels[r, c] != index:
                    pixels.append((row, column))
                    break
        return np.array(pixels, float).reshape(-1, 2)

    one, other = boundary(truth), boundary(found)
    if not len(one) or not len(other):
        return 0, len(one) + len(other), np.inf if len(one) + len(other) else np.nan
    distances = np.linalg.norm(one[:, None] - other[None], axis=-1)
    ways = [distances.min(axis=1), distances.min(axis=0)]
    within = sum((way <= tolerance + 1e-9).sum() for way in ways)
    return within, len(one) + len(other), max(np.percentile(way, 95) for way in ways)


@pytest.mark.parametrize(
    ("shift", "tolerance", "within", "distance"),
    [
        (0, 0, 36, 0),
        (1, 0, 18, 1),  # off are the 10 pixels of the left side and 8 of the right
        (1, 1, 36, 1),
        (3, 2, 22, 3),  # 3 off: 10 pixels on the left, 4 in the middle of the right
        (3, 3, 36, 3),
    ],
)
def test_two_squares_that_are_shifted(shift: int, tolerance: float, within: int, distance: float) -> None:
    found = compare_boundaries(square(10), square(10 + shift), 2, tolerance)
    assert (found.within[1], found.pixels[1], found.hausdorff[1]) == (2 * within, 72, distance)


def test_distances_are_in_the_unit_of_the_pixel_size() -> None:
    found = compare_boundaries(square(10), square(13), 2, 1.0, pixel_size=PixelSize(0.5, 0.5))
    assert (found.within[1], found.hausdorff[1]) == (2 * 22, 1.5)


def test_rectangular_pixels_count_by_their_height_and_width() -> None:
    """A square of 10 moved by 3 pixels of 1.5 height or 0.5 width: its far side is off by 4.5 or 1.5."""
    tall = PixelSize(height=1.5, width=0.5)
    across = compare_boundaries(square(10), square(13), 2, 1.5, tall)
    down = compare_boundaries(square(10).T, square(13).T, 2, 1.5, tall)
    assert (across.hausdorff[1], down.hausdorff[1]) == (1.5, 4.5)
    assert across.within[1] == 72
    assert down.within[1] < 72


def test_a_diagonal_distance_equal_to_the_tolerance_is_within() -> None:
    one, other = np.zeros((2, 9, 9), np.uint8)
    one[3, 3] = other[4, 4] = 1
    assert compare_boundaries(one, other, 2, 2**0.5).within[1] == 2
    assert compare_boundaries(one, other, 2, 1.41).within[1] == 0


def test_rounding_takes_nothing_out_of_the_tolerance() -> None:
    assert 3 * 0.1 > 0.3
    assert compare_boundaries(square(10), square(13), 2, 0.3, pixel_size=PixelSize(0.1, 0.1)).within[1] == 72


def test_distances_are_exact_on_any_processor() -> None:
    truth, found = np.zeros((2, 500, 500), np.uint8)
    truth[40, 30] = found[340, 431] = 1
    assert compare_boundaries(truth, found, 2, 1).hausdorff[1] == math.sqrt(300**2 + 401**2)


def test_the_edge_of_the_frame_is_no_boundary() -> None:
    whole = np.ones((5, 8), np.uint8)
    assert compare_boundaries(whole, whole, 2, 2).pixels.tolist() == [0, 0]
    half = whole.copy()
    half[:, :4] = 0
    assert compare_boundaries(half, half, 2, 2).pixels.tolist() == [10, 10]


def test_ignored_pixels_make_no_boundary_on_either_side() -> None:
    truth, found = square(10), square(10)
    truth[:, 25:] = IGNORE_INDEX
    found[12:30, 25:] = 1
    same = compare_boundaries(truth, found, 2, 0)
    assert (same.within == same.pixels).all()
    assert same.pixels[1] == 72


def test_a_class_on_one_side_alone_is_missed_and_infinitely_far() -> None:
    found = compare_boundaries(square(10), np.zeros((40, 40), np.uint8), 3, 2)
    assert (found.within[1], found.pixels[1]) == (0, 36)
    assert found.hausdorff[1] == np.inf
    assert np.isnan(found.hausdorff[2])


@given(class_maps(ignored=True), st.sampled_from([0.0, 1.0, 2**0.5, 2.0, 3.0]))
def test_any_maps_measure_as_all_pairs_do(maps: np.ndarray, tolerance: float) -> None:
    truth, found = maps[0], np.where(maps[1] == IGNORE_INDEX, 0, maps[1])
    ours = compare_boundaries(truth, found, CLASSES, tolerance)
    for index in range(CLASSES):
        within, pixels, distance = by_all_pairs(truth, found, index, tolerance)
        assert (ours.within[index], ours.pixels[index]) == (within, pixels)
        np.testing.assert_allclose(ours.hausdorff[index], distance, rtol=1e-6)


@given(class_maps(ignored=False))
def test_both_ways_are_the_same(maps: np.ndarray) -> None:
    one, other = compare_boundaries(*maps, CLASSES, 1), compare_boundaries(*maps[::-1], CLASSES, 1)
    np.testing.assert_array_equal(one.within, other.within)
    np.testing.assert_array_equal(one.hausdorff, other.hausdorff)


@given(class_maps(ignored=False))
def test_identical_maps_are_at_no_distance(maps: np.ndarray) -> None:
    scores = pool_boundaries([compare_boundaries(maps[0], maps[0], CLASSES, 0)], 0, "pixels")
    bounded = ~np.isnan(scores.surface_distance)
    assert (scores.surface_distance[bounded] == 1).all()
    assert (scores.hausdorff_mean[bounded] == 0).all()
    assert (scores.one_sided == 0).all()


@pytest.mark.parametrize("seed", range(4))
def test_monai_finds_the_same(seed: int) -> None:
    pytest.importorskip("monai", reason="MONAI is not installed")
    import torch

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # MONAI's own use of other libraries
        from monai.metrics import compute_hausdorff_distance, compute_surface_dice
    random = np.random.default_rng(seed)
    truth, found = np.zeros((2, 64, 80), np.uint8)
    rows, columns = np.ogrid[:64, :80]
    for label, row, column, radius in zip((1, 2, 1), (16, 30, 45), (16, 40, 60), (8, 12, 7), strict=True):
        for frame in (truth, found):
            r, c, size = random.normal((row, column, radius), 1.5)
            frame[(rows - r) ** 2 + (columns - c) ** 2 <= size**2] = label
    # MONAI takes the frame's edge for a boundary, so that only classes inside it can be compared
    one_hot = [torch.from_numpy(np.stack([of == 1, of == 2])[None]) for of in (found, truth)]
    ours = compare_boundaries(truth, found, CLASSES, 2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        surface = compute_surface_dice(*one_hot, [2.0, 2.0], include_background=True)
        distance = compute_hausdorff_distance(*one_hot, include_background=True, percentile=95)
    np.testing.assert_allclose((ours.within / ours.pixels)[1:], surface[0].numpy(), rtol=1e-6)
    np.testing.assert_allclose(ours.hausdorff[1:], distance[0].numpy(), rtol=1e-6)


def test_pixels_are_pooled_and_distances_averaged_over_frames_that_have_one() -> None:
    frames = [
        FrameBoundaries(np.array([8, 0]), np.array([10, 0]), np.array([1.0, np.nan])),
        FrameBoundaries(np.array([0, 0]), np.array([30, 0]), np.array([np.inf, np.nan])),
        FrameBoundaries(np.array([40, 0]), np.array([40, 0]), np.array([0.0, np.nan])),
        FrameBoundaries(np.array([12, 0]), np.array([20, 0]), np.array([5.0, np.nan])),
    ]
    scores = pool_boundaries(frames, 2, "pixels")
    assert scores.surface_distance[0] == 0.6
    assert (scores.hausdorff_mean[0], scores.hausdorff_median[0]) == (2, 1)
    assert (scores.frames.tolist(), scores.one_sided.tolist(), scores.of) == ([3, 0], [1, 0], 4)
    assert np.isnan([scores.surface_distance[1], scores.hausdorff_mean[1], scores.hausdorff_median[1]]).all()


def test_shapes_must_agree() -> None:
    with pytest.raises(ValueError, match="expected the same"):
        compare_boundaries(np.zeros((3, 3), int), np.zeros((3, 4), int), 2, 1)
