"""What normalisation promises: one affine map a channel, fitted exactly, in bounded memory, stored whole."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Iterator

import numpy as np
import pytest

from hela_seg.data import grey_values
from hela_seg.data.normalise import KINDS, Normalisation, fit
from hela_seg.system.errors import InputError

random = np.random.default_rng(0)
FRAMES = [random.integers(0, 4000, (2, 30, 40)).astype(np.uint16) for _ in range(5)]
POOLED = np.stack(FRAMES, axis=1).reshape(2, -1).astype(float)


def never() -> Iterator[np.ndarray]:
    raise AssertionError("no frame should be read")
    yield


@pytest.mark.parametrize(
    ("dtype", "value", "expected"),
    [(np.uint8, 51, 0.2), (np.uint16, 13107, 0.2), (np.int16, 32767, 1), (np.float32, 7.5, 7.5)],
)
def test_by_dtype_the_largest_integer_becomes_1_and_floats_stay(dtype, value, expected) -> None:
    image = fit("dtype", never()).apply(np.full((3, 2, 2), value, dtype))
    assert image.dtype == np.float32
    np.testing.assert_allclose(image, expected, rtol=1e-6)


@pytest.mark.parametrize("dtype", [np.uint16, np.uint8, ">u2", np.int32, np.float32])
@pytest.mark.parametrize("percentiles", [(0, 100), (1, 99.8), (33.3, 50)])
def test_percentiles_over_the_training_set_agree_with_numpy(dtype, percentiles) -> None:
    frames = [(frame // 16).astype(dtype) for frame in FRAMES]
    fitted = fit("percentile", iter(frames), percentiles)
    expected = np.percentile(np.stack(frames, axis=1).reshape(2, -1).astype(float), percentiles, axis=1)
    np.testing.assert_allclose([fitted.low, fitted.high], expected, rtol=1e-6)


@pytest.mark.parametrize("dtypes", [(np.uint8, np.float32), (np.float32, np.uint16), (np.uint8, np.uint32)])
@pytest.mark.parametrize("kind", ["percentile", "zscore"])
def test_frames_of_unlike_types_are_refused(kind, dtypes) -> None:
    with pytest.raises(InputError, match="expected values of one type: convert them alike"):
        fit(kind, [np.ones((1, 2, 2), dtype) for dtype in dtypes])


def test_percentiles_become_0_and_1_and_nothing_is_clipped() -> None:
    fitted = Normalisation("percentile", low=(100.0, 0.0), high=(300.0, 1000.0))
    image = fitted.apply(np.array([[[100, 300, 500, 0]], [[0, 1000, 2000, 500]]], np.uint16))
    np.testing.assert_allclose(image, [[[0, 1, 2, -0.5]], [[0, 1, 2, 0.5]]])


@pytest.mark.parametrize("dtype", [np.uint16, np.float64])
def test_zscore_gives_the_training_set_mean_0_and_deviation_1(dtype) -> None:
    fitted = fit("zscore", (frame.astype(dtype) for frame in FRAMES))
    np.testing.assert_allclose(fitted.low, POOLED.mean(axis=1))
    np.testing.assert_allclose(fitted.high, POOLED.mean(axis=1) + POOLED.std(axis=1))
    normalised = np.stack([fitted.apply(frame) for frame in FRAMES], axis=1).reshape(2, -1)
    np.testing.assert_allclose(normalised.mean(axis=1), 0, atol=1e-4)
    np.testing.assert_allclose(normalised.std(axis=1), 1, atol=1e-4)


def test_by_frame_a_window_is_normalised_by_its_whole_frame() -> None:
    fitted = fit("frame", never(), (1, 99))
    frame = FRAMES[0]
    window = fitted.apply(frame[:, 3:9, 4:8], fitted.statistics(frame))
    low, high = np.percentile(frame, (1, 99), axis=(1, 2), keepdims=True)
    np.testing.assert_allclose(window, ((frame - low) / (high - low))[:, 3:9, 4:8], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("kind", ["dtype", "percentile", "zscore"])
def test_other_kinds_need_nothing_of_a_frame(kind) -> None:
    assert fit(kind, FRAMES).statistics(FRAMES[0]) is None


@pytest.mark.parametrize("kind", ["percentile", "frame", "zscore"])
def test_a_constant_channel_becomes_0(kind) -> None:
    frame = np.stack([np.full((4, 5), 700, np.uint16), np.arange(20, dtype=np.uint16).reshape(4, 5)])
    fitted = fit(kind, [frame])
    image = fitted.apply(frame, fitted.statistics(frame))
    assert (image[0] == 0).all()
    assert image[1].std() > 0.1


@pytest.mark.parametrize("kind", KINDS)
def test_the_map_of_many_images_gives_what_each_would_get(kind) -> None:
    fitted = fit(kind, FRAMES)
    statistics = fitted.statistics(FRAMES[0])
    affine = fitted.map_of(2, FRAMES[0].dtype, statistics)
    for image in (FRAMES[0], FRAMES[0][:, 3:9, 4:8]):
        np.testing.assert_array_equal(affine.apply(image), fitted.apply(image, statistics))


def test_low_contrast_on_a_high_level_keeps_its_digits() -> None:
    image = Normalisation("percentile", (60000.0,), (60010.0,)).apply(np.array([[[60001, 60009]]], np.uint16))
    np.testing.assert_allclose(image, [[[0.1, 0.9]]], rtol=1e-6)


def test_memory_stays_bounded_for_floats(monkeypatch) -> None:
    monkeypatch.setattr(grey_values, "SAMPLE_SIZE", 2000)
    frames = (np.random.default_rng(index).normal(size=(1, 100, 1000)) for index in range(40))
    tracemalloc.start()
    fit("percentile", frames)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 10 * 100 * 1000 * 8


@pytest.mark.parametrize("kind", KINDS)
def test_to_plain_survives_json_and_comes_back_equal(kind) -> None:
    fitted = fit(kind, FRAMES, (2, 98))
    assert Normalisation.from_plain(json.loads(json.dumps(fitted.to_plain()))) == fitted


def test_an_image_is_left_as_it_was() -> None:
    image = np.ones((1, 4, 4), np.float32)
    Normalisation("zscore", (5.0,), (9.0,)).apply(image)
    assert (image == 1).all()


def test_another_number_of_channels_is_refused() -> None:
    with pytest.raises(ValueError, match="an image of 3 channels, normalised by statistics of 2"):
        fit("percentile", FRAMES).apply(np.zeros((3, 4, 4), np.uint16))


def test_statistics_that_are_missing_are_asked_for() -> None:
    with pytest.raises(ValueError, match="needs the statistics of the whole frame"):
        Normalisation("frame").apply(FRAMES[0])
    with pytest.raises(ValueError, match="make it with fit"):
        Normalisation("zscore").apply(FRAMES[0])


@pytest.mark.parametrize("kind", ["percentile", "zscore"])
def test_no_frames_to_fit_to_is_refused(kind) -> None:
    with pytest.raises(ValueError, match="no frames"):
        fit(kind, [])


def test_an_unknown_kind_is_refused_with_the_known_ones() -> None:
    with pytest.raises(
        InputError, match="'minmax', expected auto or one of dtype, percentile, frame, zscore"
    ):
        fit("minmax", FRAMES)


@pytest.mark.parametrize("percentiles", [(99, 1), (50, 50), (-1, 99), (1, 101)])
def test_percentiles_out_of_order_are_refused(percentiles) -> None:
    with pytest.raises(InputError, match="expected two of 0 to 100, the lower one first"):
        fit("percentile", FRAMES, percentiles)
