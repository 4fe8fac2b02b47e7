"""Tiles do not show in what is joined from them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hela_seg.data.tiles import Size
from hela_seg.inference.stitch import Plan, gaussian_window, plan
from hela_seg.inference.tiling import Tiling
from hela_seg.system.errors import InputError


def joined(cut: Plan, picture: np.ndarray) -> np.ndarray:
    """A picture (K, H, W) cut as planned and joined again; what lies outside of it is -1."""
    stitcher, bands = cut.stitcher(), []
    for tile in cut.tiles:
        window = tile.read
        piece = np.full((len(picture), window.height, window.width), -1, picture.dtype)
        part = picture[(..., *window.slices)]
        piece[..., : part.shape[-2], : part.shape[-1]] = part
        bands.append(stitcher.push(piece))
    assert bands[-1] is not None
    return np.concatenate([band for band in bands if band is not None], axis=-2)


sizes = st.tuples(st.integers(1, 90), st.integers(1, 90))


@given(frame=sizes, tile=st.tuples(st.integers(40, 64), st.integers(40, 64)), halo=st.integers(0, 15))
def test_cropped_tiles_give_back_the_picture(frame: Size, tile: Size, halo: int) -> None:
    picture = np.random.default_rng(0).integers(0, 255, (2, *frame), dtype=np.int16)
    cut = plan(frame, Tiling(tile=tile, halo=halo), 4)
    np.testing.assert_array_equal(joined(cut, picture), picture)


@given(frame=sizes, tile=st.tuples(st.integers(8, 40), st.integers(8, 40)), overlap=st.floats(0, 0.9))
def test_averaged_tiles_give_back_the_picture(frame: Size, tile: Size, overlap: float) -> None:
    picture = np.random.default_rng(0).random((2, *frame), dtype=np.float32)
    cut = plan(frame, Tiling(tile=tile, blend="gaussian", overlap=overlap), 4)
    np.testing.assert_allclose(joined(cut, picture), picture, rtol=1e-5)


@given(frame=sizes, overlap=st.sampled_from([0.0, 0.25, 0.5]))
def test_overlapping_tiles_are_averaged_by_their_weights(frame: Size, overlap: float) -> None:
    """Against sums over the whole frame at once."""
    cut = plan(frame, Tiling(tile=(16, 24), blend="gaussian", overlap=overlap), 8)
    random = np.random.default_rng(1)
    total, weight = np.zeros((2, 200, 200)), np.zeros((200, 200))
    stitcher, bands = cut.stitcher(), []
    for tile in cut.tiles:
        piece = random.random((2, tile.read.height, tile.read.width), dtype=np.float32)
        weights = gaussian_window((tile.read.height, tile.read.width))
        total[(..., *tile.read.slices)] += weights * piece
        weight[tile.read.slices] += weights
        bands.append(stitcher.push(piece))
    found = np.concatenate([band for band in bands if band is not None], axis=1)
    inside = (..., slice(frame[0]), slice(frame[1]))
    np.testing.assert_allclose(found, total[inside] / weight[inside], rtol=1e-4)


def test_frames_that_fit_go_through_whole() -> None:
    cut = plan((700, 1100), Tiling(), 32)
    assert [(tile.read.height, tile.read.width) for tile in cut.tiles] == [(704, 1120)]


def test_larger_frames_are_cut() -> None:
    cut = plan((3000, 1600), Tiling(), 32)
    assert len(cut.tiles) > 1
    assert all(tile.read.height <= 1024 for tile in cut.tiles)


def test_no_tile_is_larger_than_as_many_need_to_be() -> None:
    """700 rows in four tiles that share 64: 4 * 224 - 3 * 64 = 704. 1100 columns in six: 6 * 256 - 5 * 64."""
    cut = plan((700, 1100), Tiling(tile=(256, 256), blend="gaussian"), 32)
    assert {(tile.read.height, tile.read.width) for tile in cut.tiles} == {(224, 256)}
    assert len(cut.tiles) == 24
    assert {(t.read.height, t.read.width) for t in plan((2048, 2048), Tiling(), 32).tiles} == {(864, 864)}


def test_a_prescribed_tile_is_used_on_small_frames_too() -> None:
    cut = plan((100, 100), Tiling(tile=(64, 64), halo=0), 16)
    assert len(cut.tiles) == 4


def test_tiles_of_which_the_halo_leaves_nothing_are_refused() -> None:
    """Of 256 rows, 128 above and 128 below the kept part leave none; of 288, they leave 32."""
    said = r"inference\.tile is 256 x 256 .* halo of 128 .* expected more than 256 rows and columns"
    with pytest.raises(InputError, match=said):
        plan((700, 1100), Tiling(tile=(256, 256)), 32)
    assert len(plan((700, 1100), Tiling(tile=(288, 288)), 32).tiles) > 1
    assert len(plan((250, 250), Tiling(tile=(256, 256)), 32).tiles) == 1


def test_bands_come_before_the_frame_is_done() -> None:
    cut = plan((256, 40), Tiling(tile=(64, 64), halo=0), 16)
    stitcher = cut.stitcher()
    heights = [stitcher.push(np.zeros((1, 64, 48))) for _ in cut.tiles]
    assert [band.shape for band in heights if band is not None] == [(1, 64, 40)] * 4


def test_the_bell_is_highest_in_the_middle_and_never_zero() -> None:
    weights = gaussian_window((9, 17))
    assert weights[4, 8] == pytest.approx(1)
    assert weights.min() == pytest.approx(1e-3)
    # one standard deviation, an eighth of the side, off the middle
    assert gaussian_window((65, 64))[32, 40] / gaussian_window((65, 64))[32, 32] == pytest.approx(
        np.exp(-0.5 * (8.5 / 8) ** 2 + 0.5 * (0.5 / 8) ** 2), rel=1e-5
    )
