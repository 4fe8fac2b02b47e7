"""What tiles promise: windows of one size, an exact partition, and stitching that equals the whole."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from hela_seg.data.tiles import Window, cores, crop_tiles, grid, least_tile, padded_size, read_padded

SIDES = st.integers(1, 90)
FRAMES = st.tuples(SIDES, SIDES)


def times_covered(frame: tuple[int, int], windows: list[Window]) -> np.ndarray:
    count = np.zeros(frame, int)
    for window in windows:
        count[window.slices] += 1
    return count


def image(frame: tuple[int, int]) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 1000, (2, *frame))


def read_all(pixels: np.ndarray, window: Window, fill: int | None = None) -> np.ndarray:
    def inside_only(rows: slice, columns: slice) -> np.ndarray:
        assert 0 <= rows.start < rows.stop <= pixels.shape[-2]
        assert 0 <= columns.start < columns.stop <= pixels.shape[-1]
        return pixels[..., rows, columns]

    return read_padded(inside_only, pixels.shape[-2:], window, fill)


def test_padded_size_is_the_next_multiple() -> None:
    assert [padded_size(size, 16) for size in (1, 16, 17, 37)] == [16, 16, 32, 48]


def test_grid_of_a_hand_worked_frame() -> None:
    assert grid((4, 10), (4, 4)) == [Window(0, column, 4, 4) for column in (0, 3, 6)]
    assert cores((4, 10), (4, 4)) == [Window(0, 0, 4, 3), Window(0, 3, 4, 3), Window(0, 6, 4, 4)]


def test_grid_of_a_frame_smaller_than_the_tile_is_one_window_that_sticks_out() -> None:
    assert grid((3, 5), (8, 8)) == [Window(0, 0, 8, 8)]
    assert cores((3, 5), (8, 8)) == [Window(0, 0, 3, 5)]


@given(FRAMES, st.tuples(st.integers(5, 40), st.integers(5, 40)), st.integers(0, 4))
def test_grid_covers_the_frame_with_full_tiles_that_share_the_overlap(frame, tile, overlap) -> None:
    windows = grid(frame, tile, overlap)
    assert {(w.height, w.width) for w in windows} == {tile}
    assert len(set(windows)) == len(windows)
    assert times_covered(frame, windows).min() > 0
    for starts, size, length in zip(
        ({w.row for w in windows}, {w.column for w in windows}), tile, frame, strict=True
    ):
        assert max(starts) + size == max(length, size)
        assert all(left + size - right >= overlap for left, right in pairwise(sorted(starts)))


@given(FRAMES, st.tuples(st.integers(5, 40), st.integers(5, 40)), st.integers(0, 4))
def test_cores_partition_the_frame_and_lie_in_their_windows(frame, tile, overlap) -> None:
    own = cores(frame, tile, overlap)
    assert (times_covered(frame, own) == 1).all()
    for window, core in zip(grid(frame, tile, overlap), own, strict=True):
        assert window.row <= core.row
        assert core.row + core.height <= window.row + window.height
        assert window.column <= core.column
        assert core.column + core.width <= window.column + window.width


def test_the_least_tiles_of_a_hand_worked_frame() -> None:
    """Three tiles of 864 that share 256 cover 864 + 2 * 608 = 2080 pixels; three of 832 only 1984."""
    assert least_tile(2048, 1024, 256, 32) == 864
    assert least_tile(2048, 1024, 0, 32) == 1024
    assert least_tile(800, 1024, 256, 32) == 1024


@given(st.integers(1, 60), st.integers(2, 20), st.integers(0, 10), st.sampled_from([1, 2, 8]))
def test_as_many_of_the_least_tiles_cover_a_frame_and_none_smaller(length, size, overlap, stride) -> None:
    length, size, overlap = length * stride, size * stride, min(overlap, size - 1) * stride
    least = least_tile(length, size, overlap, stride)
    count = len(grid((stride, length), (stride, size), (0, overlap), stride))
    windows = grid((stride, length), (stride, least), (0, overlap), stride)
    assert least <= size
    assert least % stride == 0
    assert len(windows) == count
    assert all(left.column + least - right.column >= overlap for left, right in pairwise(windows))
    smaller = least - stride
    if length > size and smaller > overlap:
        assert len(grid((stride, length), (stride, smaller), (0, overlap), stride)) > count


@pytest.mark.parametrize("overlap", [-1, 8])
def test_an_overlap_that_leaves_nothing_of_a_tile_is_refused(overlap) -> None:
    with pytest.raises(ValueError, match="leaves nothing of a tile of 8"):
        grid((20, 20), (8, 8), overlap)


CROPS = st.tuples(FRAMES, st.integers(0, 7), st.sampled_from([1, 2, 4, 8]), st.integers(0, 30))


@given(CROPS)
def test_crop_tiles_keep_each_pixel_once_and_read_aligned_windows_of_one_size(case) -> None:
    frame, halo, stride, extra = case
    tile = 2 * padded_size(halo, stride) + 1 + extra
    tiles = crop_tiles(frame, (tile, tile), halo, stride)
    assert (times_covered(frame, [t.keep for t in tiles]) == 1).all()
    assert len({(t.read.height, t.read.width) for t in tiles}) == 1
    for t in tiles:
        assert t.read.row >= 0
        assert t.read.column >= 0
        assert all(n % stride == 0 for n in (t.read.row, t.read.column, t.read.height, t.read.width))
        assert t.read.row + t.read.height <= padded_size(frame[0], stride)
        assert t.read.column + t.read.width <= padded_size(frame[1], stride)


@given(CROPS)
def test_each_kept_part_has_its_halo_except_at_the_sides_of_the_padded_frame(case) -> None:
    frame, halo, stride, extra = case
    tile = 2 * padded_size(halo, stride) + 1 + extra
    for t in crop_tiles(frame, (tile, tile), halo, stride):
        read, keep = t.read, t.keep
        assert read.row == 0 or keep.row - read.row >= halo
        assert read.column == 0 or keep.column - read.column >= halo
        bottom, right = read.row + read.height, read.column + read.width
        assert bottom == padded_size(frame[0], stride) or bottom - keep.row - keep.height >= halo
        assert right == padded_size(frame[1], stride) or right - keep.column - keep.width >= halo


def toy_net(pixels: np.ndarray, radius: int, stride: int) -> np.ndarray:
    """Linear, sees ``radius`` pixels and, like pooling, depends on the position within ``stride``."""
    weights = np.random.default_rng(1).integers(-9, 10, (2 * radius + 1, 2 * radius + 1))
    rows, columns = np.indices(pixels.shape)
    phase = 1 + rows % stride + 10 * (columns % stride)
    return ndimage.correlate(pixels * phase, weights, mode="constant")


@settings(max_examples=60)
@given(FRAMES, st.integers(0, 6), st.integers(0, 3), st.sampled_from([1, 2, 4, 8]), st.integers(1, 30))
def test_stitched_tiles_equal_the_whole_frame_exactly(frame, radius, slack, stride, extra) -> None:
    pixels = image(frame)[0]
    padded = Window(0, 0, padded_size(frame[0], stride), padded_size(frame[1], stride))
    whole = toy_net(read_all(pixels, padded), radius, stride)
    tile = 2 * padded_size(radius + slack, stride) + extra
    stitched = np.full(frame, np.iinfo(int).min)
    for t in crop_tiles(frame, (tile, tile), radius + slack, stride):
        stitched[t.keep.slices] = toy_net(read_all(pixels, t.read), radius, stride)[t.inner]
    np.testing.assert_array_equal(stitched, whole[: frame[0], : frame[1]])


def test_a_halo_that_leaves_nothing_of_a_tile_is_refused() -> None:
    with pytest.raises(ValueError, match="leaves nothing"):
        crop_tiles((100, 100), (32, 32), halo=16, stride=8)


def test_a_frame_that_fits_is_read_whole_whatever_the_halo() -> None:
    (tile,) = crop_tiles((30, 31), (32, 32), halo=64, stride=16)
    assert tile.read == Window(0, 0, 32, 32)
    assert tile.keep == Window(0, 0, 30, 31)


def test_pixels_outside_mirror_the_outermost_ones() -> None:
    row = np.array([[1, 2, 3]])
    np.testing.assert_array_equal(read_all(row, Window(0, -2, 1, 8)), [[3, 2, 1, 2, 3, 2, 1, 2]])


def test_pixels_outside_take_the_fill_value() -> None:
    mask = np.array([[1, 2], [3, 4]], np.uint8)
    expected = [[255, 255, 255, 255], [255, 1, 2, 255], [255, 3, 4, 255]]
    np.testing.assert_array_equal(read_all(mask, Window(-1, -1, 3, 4), fill=255), expected)


@pytest.mark.parametrize("frame", [(1, 1), (1, 9), (37, 53), (4, 2)])
@given(st.integers(0, 70), st.integers(0, 70), st.integers(0, 70), st.integers(0, 70))
def test_reading_agrees_with_numpy_pad_of_the_whole_frame(frame, above, left, below, right) -> None:
    pixels = image(frame)
    window = Window(-above, -left, above + frame[0] + below, left + frame[1] + right)
    widths = ((0, 0), (above, below), (left, right))
    np.testing.assert_array_equal(read_all(pixels, window), np.pad(pixels, widths, mode="reflect"))
    constant = np.pad(pixels, widths, constant_values=255)
    np.testing.assert_array_equal(read_all(pixels, window, fill=255), constant)


@given(FRAMES, st.integers(-40, 99), st.integers(-40, 99), st.integers(1, 50), st.integers(1, 50))
def test_any_window_shows_what_a_larger_one_shows_there(frame, row, column, height, width) -> None:
    pixels = image(frame)
    large = read_all(pixels, Window(-40, -40, 200, 200))
    part = read_all(pixels, Window(row, column, height, width))
    np.testing.assert_array_equal(
        part, large[:, row + 40 : row + 40 + height, column + 40 : column + 40 + width]
    )
