"""Stitched class maps are those of whole frames, and a frame that cannot be read stops nobody else."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from near_ties import assert_same_but_for_near_ties
from torch import nn
from toy_nets import Brightness, Pool, TwoPools, predictor

from hela_seg.data.stacks import ArraySeries
from hela_seg.inference import Band, Tiling, Unreadable
from hela_seg.system.errors import InputError

NETS = {4: Pool, 8: TwoPools}


@settings(deadline=None)
@given(
    size=st.tuples(st.integers(1, 150), st.integers(1, 150)),
    tile=st.tuples(st.integers(57, 96), st.integers(57, 96)),
    stride=st.sampled_from(sorted(NETS)),
    seed=st.integers(0, 9),
    batch=st.sampled_from([1, 3]),
)
def test_tiles_do_not_show(
    size: tuple[int, int], tile: tuple[int, int], stride: int, seed: int, batch: int
) -> None:
    image = np.random.default_rng(seed).integers(0, 256, (2, *size), dtype=np.uint8)
    net: nn.Module = NETS[stride](seed=seed)
    whole = predictor(net)
    tiled = predictor(net, tiling=Tiling(tile=tile, halo=24, batch_size=batch)).predict(image, "TYX")
    scores = whole.predict_proba(image, "TYX")
    assert_same_but_for_near_ties(tiled, whole.predict(image, "TYX"), scores)


def test_too_small_a_halo_shows() -> None:
    """The property above does not hold by chance."""
    image = np.random.default_rng(0).integers(0, 256, (150, 150), dtype=np.uint8)
    tiled = predictor(TwoPools(0), tiling=Tiling(tile=(64, 64), halo=0)).predict(image)
    assert (tiled != predictor(TwoPools(0)).predict(image)).any()


def test_averaged_tiles_agree_with_the_whole_frame_inside() -> None:
    image = np.random.default_rng(0).integers(0, 256, (150, 130), dtype=np.uint8)
    tiling = Tiling(tile=(64, 64), blend="gaussian", overlap=0.5)
    agreement = predictor(Pool(), tiling=tiling).predict(image) == predictor(Pool()).predict(image)
    assert agreement.mean() > 0.97


def test_bands_of_a_frame_come_from_top_to_bottom() -> None:
    image = np.random.default_rng(0).integers(0, 256, (2, 200, 70), dtype=np.uint8)
    net = predictor(Brightness(), tiling=Tiling(tile=(64, 64), halo=0))
    bands = list(net.bands(ArraySeries(image, "TYX", 1), [[0, 1]], probabilities=True))
    assert [band.t for band in bands] == sorted(band.t for band in bands)
    assert len(bands) == 8
    for t in range(2):
        mine = [band for band in bands if isinstance(band, Band) and band.t == t]
        np.testing.assert_array_equal(np.concatenate([band.labels for band in mine]), image[t] > 127)
        assert [band.probabilities is not None for band in mine] == [True] * 4


class Torn(ArraySeries):
    """Frame 1 cannot be read in its lower half."""

    def read(self, t: int, rows: slice, columns: slice) -> np.ndarray:
        if t == 1 and rows.stop > 100:
            raise InputError("torn.tif, frame 1: the strip is cut short")
        return super().read(t, rows, columns)


def torn(size: int) -> Torn:
    return Torn(np.random.default_rng(0).integers(0, 256, (3, size, 40), dtype=np.uint8), "TYX", 1)


@pytest.mark.parametrize("batch", [1, 2, 100])
def test_an_unreadable_frame_can_be_passed_over(batch: int) -> None:
    series = torn(200)
    net = predictor(Brightness(), tiling=Tiling(tile=(64, 64), halo=0, batch_size=batch))
    found = list(net.bands(series, [[0, 1, 2]], skip_unreadable=True))
    failed = [item for item in found if isinstance(item, Unreadable)]
    assert [item.t for item in failed] == [1]
    assert "cut short" in str(failed[0].error)
    for t in (0, 2):
        labels = np.concatenate([item.labels for item in found if isinstance(item, Band) and item.t == t])
        np.testing.assert_array_equal(labels, series.frame(t)[0] > 127)


def test_an_unreadable_frame_stops_the_prediction_by_default() -> None:
    with pytest.raises(InputError, match="frame 1: the strip is cut short"):
        list(predictor(Brightness()).frames(torn(200)))


def test_the_error_names_the_frame_once() -> None:
    class Rotten(ArraySeries):
        def read(self, t: int, rows: slice, columns: slice) -> np.ndarray:
            raise InputError("film.tif is damaged" if t else "NaN in frame 0 of film.tif")

    series = Rotten(np.zeros((2, 40, 40), np.uint8), "TYX", 1)
    found = predictor(Brightness()).bands(series, [[0, 1]], skip_unreadable=True)
    said = [str(item.error) for item in found if isinstance(item, Unreadable)]
    assert said == ["NaN in frame 0 of film.tif", "frame 1 of film.tif is damaged"]
