"""Percentiles, means and deviations are those of numpy, exact or of a sample; what a recording is like."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hela_seg.data import grey_values
from hela_seg.data.grey_values import GreyValues, figures_of, figures_of_series, spread, unit_of
from hela_seg.data.stacks import ArraySeries


def collected(*frames: np.ndarray) -> GreyValues:
    values = GreyValues(frames[0].dtype)
    for frame in frames:
        values.add(frame)
    return values


@given(
    st.lists(st.integers(0, 255), min_size=1, max_size=30),
    st.sampled_from(["bool", "uint8", "uint16", ">u2", "int16", "float32"]),
    st.lists(st.floats(0, 100), min_size=1, max_size=4),
    st.sampled_from(["linear", "inverted_cdf"]),
)
def test_percentiles_of_any_values_agree_with_numpy(
    numbers: list[int], dtype: str, percents: list[float], method: Literal["linear", "inverted_cdf"]
) -> None:
    frame = np.array(numbers).astype(dtype)
    found = collected(frame).percentiles(percents, method)
    expected = np.percentile(frame.astype(np.float64), percents, method=method)
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("dtype", [np.bool_, np.uint16, np.float32])
def test_mean_and_deviation_are_those_of_all_frames(dtype: Any) -> None:
    frames = np.random.default_rng(0).integers(0, 2000, (3, 8, 9)).astype(dtype)
    expected = frames.astype(float).mean(), frames.astype(float).std()
    assert collected(*frames).mean_and_deviation() == pytest.approx(expected)


def test_values_that_are_not_finite_are_left_out() -> None:
    values = collected(np.array([[1.0, np.nan, 3.0], [np.inf, -np.inf, 8.0]]))
    assert values.percentiles([0, 50, 100]).tolist() == [1, 3, 8]
    assert values.mean_and_deviation()[0] == 4


def test_percentiles_of_a_sample_are_near_the_truth_and_the_same_each_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(grey_values, "SAMPLE_SIZE", 2000)
    frames = [np.random.default_rng(index).normal(size=(50, 60)) for index in range(20)]
    found = collected(*frames).percentiles([10, 90])
    assert collected(*frames).percentiles([10, 90]).tolist() == found.tolist()
    np.testing.assert_allclose(found, [-1.2816, 1.2816], atol=0.15)


def test_the_sample_gives_every_frame_its_share_however_early_it_came(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(grey_values, "SAMPLE_SIZE", 2000)
    values = collected(*(np.full((20, 50), float(index)) for index in range(40)))
    np.testing.assert_allclose(values.percentiles([25]), 9.5, atol=2)


@given(st.integers(1, 300), st.integers(1, 40))
def test_numbers_are_spread_evenly_from_the_first_to_the_last(count: int, most: int) -> None:
    numbers = spread(count, most)
    assert len(numbers) == min(count, most)
    assert numbers[0] == 0
    if len(numbers) > 1:
        assert numbers[-1] == count - 1
        gaps = np.diff(numbers)
        assert gaps.min() > 0
        assert np.ptp(gaps) <= 1


def test_figures_are_both_ends_their_distance_and_the_place_of_the_median() -> None:
    found = figures_of(np.array([[10, 30, 110], [5, 5, 5]]))
    assert found.tolist() == [[10, 110, 100, 0.2], [5, 5, 0, 0]]


def test_of_large_and_long_recordings_the_middle_of_five_frames_is_read() -> None:
    read: list[tuple[int, slice, slice]] = []

    class Large(ArraySeries):
        def read(self, t: int, rows: slice, columns: slice) -> np.ndarray:
            read.append((t, rows, columns))
            return super().read(t, rows, columns)

    images = np.broadcast_to(np.arange(9, dtype=np.uint16)[:, None, None] ** 2, (9, 3001, 40))
    found = figures_of_series(Large(images, "TYX", 1), "percentile")
    assert read == [(t, slice(988, 2012), slice(0, 40)) for t in (0, 2, 4, 6, 8)]
    assert found.tolist() == [[16, 16, 0, 0]]  # of 0, 4, 16, 36 and 64


def test_figures_are_parts_of_the_types_largest_value_where_nets_see_them_so() -> None:
    series = ArraySeries(np.full((4, 5), 51, np.uint8), "YX", 1)
    assert figures_of_series(series, "dtype").tolist() == [[0.2, 0.2, 0, 0]]
    assert (unit_of("dtype", "uint16"), unit_of("dtype", "float32"), unit_of("frame", "uint8")) == (
        65535,
        1,
        1,
    )
