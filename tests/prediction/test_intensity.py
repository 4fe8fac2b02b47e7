"""Images of another kind than those of the training are doubted, other exposures are not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from jobs import film

from hela_seg.data.normalise import Normalisation, fit
from hela_seg.data.stacks import ArraySeries
from hela_seg.prediction.intensity import intensity_mismatch
from hela_seg.system.errors import InputError

IMAGES = film(5, (60, 70)).astype(np.uint16) * 17  # 12 bits
TRAINED = fit("percentile", IMAGES[:, None])


def series(images: np.ndarray, axes: str = "TYX", channels: int = 1) -> ArraySeries:
    return ArraySeries(images, axes, channels)


@pytest.mark.parametrize(
    ("change", "factor"),
    [("rescaled to 8 bits", 1 / 17), ("to 16 bits", 16), ("to 0 to 1", 1 / 4095), ("upside down", -1)],
)
def test_another_scale_is_doubted(change: str, factor: float) -> None:
    changed = IMAGES.astype(np.float32) * factor
    assert "the result is likely to be wrong" in (intensity_mismatch(TRAINED, series(changed)) or "")


@given(gain=st.floats(0.4, 2.5), offset=st.floats(-100, 300))
def test_another_exposure_is_not(gain: float, offset: float) -> None:
    assert intensity_mismatch(TRAINED, series(IMAGES.astype(np.float32) * gain + offset)) is None


@pytest.mark.parametrize("dtype", [np.float32, np.int32, np.uint16])
def test_the_same_values_in_another_type_are_not(dtype: type[Any]) -> None:
    assert intensity_mismatch(TRAINED, series(IMAGES.astype(dtype))) is None


@pytest.mark.parametrize("kind", ["percentile", "zscore"])
def test_a_crop_of_background_alone_is_not(kind: str) -> None:
    crop = IMAGES[:, :6, 40:]
    assert np.ptp(crop) < 0.1 * np.ptp(IMAGES)
    assert crop.max() < IMAGES.mean()
    brighter = IMAGES + np.uint16(300)  # than 8 bits hold
    assert intensity_mismatch(fit(kind, brighter[:, None]), series(crop + np.uint16(300))) is None


@pytest.mark.parametrize("kind", ["percentile", "zscore"])
@pytest.mark.parametrize("name", ["hela-h2b-timelapse/images.tif", "t98g-phase/stills/images"])
def test_no_crop_of_a_recording_like_the_training_one_is_and_every_conversion_is(
    kind: str, name: str, shared: Path
) -> None:
    place = shared / name
    trained, seen = (np.squeeze(open_frame(place, t)) for t in (0, 1))
    normalisation = fit(kind, [trained[None]])
    crops = [seen[r : r + 64, c : c + 64] for r in range(0, 600, 200) for c in range(0, 1000, 100)]
    assert not any(intensity_mismatch(normalisation, series(crop[None])) for crop in crops)
    for largest, dtype in ((255, np.uint8), (1, np.float32)):
        converted = (seen.astype(np.float64) * largest / 65535).astype(dtype)
        assert intensity_mismatch(normalisation, series(converted[None]))


def open_frame(place: Path, number: int) -> np.ndarray:
    """A frame of a stack, or of a folder of single ones."""
    if place.is_dir():
        return tifffile.imread(sorted(place.iterdir())[number])
    return tifffile.imread(place, key=number)


def test_the_line_says_what_was_found_and_what_was_expected() -> None:
    trained = Normalisation("percentile", (100.0,), (4000.0,))
    images = np.tile(np.arange(256, dtype=np.uint8), (1, 64, 1))
    assert intensity_mismatch(trained, series(images)) == (
        "'array' has grey values from 0 to 255 (uint8), where the net was trained on about 100 to 4000: the "
        "result is likely to be wrong, unless images are converted as those of the training were"
    )


def test_integers_over_their_largest_value_must_not_become_other_floats() -> None:
    by_dtype = Normalisation("dtype")
    assert intensity_mismatch(by_dtype, series(IMAGES)) is None
    assert intensity_mismatch(by_dtype, series(IMAGES.astype(np.float32) / 4095)) is None
    assert "about 0 to 1" in (intensity_mismatch(by_dtype, series(IMAGES.astype(np.float32))) or "")


def test_frames_that_are_normalised_by_themselves_are_never_doubted() -> None:
    assert intensity_mismatch(Normalisation("frame"), series(IMAGES.astype(np.float32) / 1e6)) is None


def test_each_channel_is_judged() -> None:
    both = np.stack([IMAGES, IMAGES // 100], axis=1)
    trained = Normalisation("percentile", TRAINED.low * 2, TRAINED.high * 2)  # type: ignore[operator]
    assert intensity_mismatch(trained, series(np.stack([IMAGES, IMAGES], axis=1), "TCYX", 2)) is None
    assert "from 3 to 40 (uint16)" in (intensity_mismatch(trained, series(both, "TCYX", 2)) or "")


def test_an_empty_frame_among_others_is_not_doubted() -> None:
    images = IMAGES.copy()
    images[0] = images[0, 0, 0]
    assert intensity_mismatch(TRAINED, series(images)) is None


def test_of_large_frames_the_middle_is_read() -> None:
    read: list[tuple[int, slice, slice]] = []

    class Large(ArraySeries):
        def read(self, t: int, rows: slice, columns: slice) -> np.ndarray:
            read.append((t, rows, columns))
            return super().read(t, rows, columns)

    images = np.broadcast_to(np.uint16(300), (7, 3001, 40))
    intensity_mismatch(TRAINED, Large(images, "TYX", 1))
    assert read == [(t, slice(988, 2012), slice(0, 40)) for t in (0, 3, 6)]


def test_what_cannot_be_read_is_left_to_the_prediction_to_say() -> None:
    class Torn(ArraySeries):
        def read(self, t: int, rows: slice, columns: slice) -> np.ndarray:
            raise InputError("torn")

    assert intensity_mismatch(TRAINED, Torn(IMAGES, "TYX", 1)) is None
