"""Durations with ends that were not seen: by hand, against an independent product, and of lives cut off."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hela_seg.data.classes import Classes
from hela_seg.tracking.durations import (
    Durations,
    durations_of,
    log_rank,
    median_difference,
    median_of,
    rate_with_interval,
    share_with_interval,
    survival_of,
)
from hela_seg.tracking.lives import Stay

CLASSES = Classes(["background", "round", "spread"])


def durations(time: list[float], ended: list[bool]) -> Durations:
    group = np.array([str(n) for n in range(len(time))])
    return Durations(np.array(time, float), np.array(ended, bool), group, 1.0, 0)


def test_the_curve_by_hand() -> None:
    # 5 at risk at 3, of which 1 ends; 3 at risk at 5, of which 1 ends; then 2 that go on
    curve = survival_of(durations([3, 4, 5, 6, 6], [True, False, True, False, False]))
    assert curve.time.tolist() == [0, 2.5, 3.5, 4.5, 5.5, 6]
    assert curve.share == pytest.approx([1, 1, 0.8, 0.8, 0.8 * 2 / 3, 0.8 * 2 / 3])
    assert math.isnan(median_of(durations([3, 4, 5, 6, 6], [True, False, True, False, False])).value)
    assert median_of(durations([7], [True])).value == 7


@given(st.lists(st.tuples(st.integers(1, 12), st.booleans()), min_size=1, max_size=30))
def test_the_curve_is_kaplan_and_meiers(given_stays: list[tuple[int, bool]]) -> None:
    time, ended = map(list, zip(*given_stays, strict=True))
    curve = survival_of(durations(time, ended))
    share = 1.0
    for t in sorted(set(time)):
        at_risk = sum(other >= t for other in time)
        share *= 1 - sum(other == t and end for other, end in given_stays) / at_risk
        assert np.interp(t + 0.5, curve.time, curve.share) == pytest.approx(share)
    assert (np.diff(curve.share) <= 1e-12).all()
    assert (np.diff(curve.time) >= 0).all()


def test_the_median_is_right_where_a_third_of_the_lives_are_cut_off() -> None:
    random = np.random.default_rng(2)
    true = random.lognormal(np.log(15), 0.35, 4000)
    begins = random.uniform(0, 28, len(true))
    first, last = np.ceil(begins), np.ceil(begins + true) - 1
    stays = [
        Stay(n, n, 1, int(a), int(min(b, 35)), "change", None if b > 35 else "change")
        for n, (a, b) in enumerate(zip(first, last, strict=True))
    ]
    found = durations_of(stays, 1)
    assert 0.25 < 1 - found.ended.mean() < 0.45
    assert median_of(found).value == pytest.approx(np.median(true), rel=0.02)
    assert median_of(found).low < np.median(true) < median_of(found).high
    assert found.naive_mean < 0.93 * true.mean()


def test_stays_whose_beginning_was_not_seen_are_left_out_and_counted() -> None:
    stays = [
        Stay(1, 1, 1, 0, 3, None, "change"),
        Stay(2, 1, 1, 4, 8, "division", None),
        Stay(3, 1, 1, 4, 6, "change", "division"),
        Stay(3, 1, 2, 7, 9, "change", None),
    ]
    found = durations_of(stays, 1, step=0.5, series="a")
    assert (found.time.tolist(), found.ended.tolist(), found.unseen) == ([2.5, 1.5], [False, True], 1)
    assert found.group.tolist() == ["a/1", "a/1"]
    assert durations_of(stays, 1, began="division").time.tolist() == [5]


def test_conditions_that_differ_are_told_apart_and_equal_ones_are_not() -> None:
    random = np.random.default_rng(0)
    one, same, other = (durations(list(random.poisson(mean, 80) + 1), [True] * 80) for mean in (12, 12, 18))
    assert log_rank(one, other) < 1e-6
    assert log_rank(one, same) > 0.05
    difference = median_difference(one, other, resamples=100)
    assert difference.high < 0
    equal = median_difference(one, same, resamples=100)
    assert equal.low < 0 < equal.high
    assert math.isnan(log_rank(one, durations([3.0], [False])))


def test_shares_and_rates_with_their_intervals_by_hand() -> None:
    share = share_with_interval(8, 10)
    assert (share.value, share.low, share.high) == pytest.approx((0.8, 0.4902, 0.9433), abs=1e-4)
    rate = rate_with_interval(3, 10.0)  # Garwood: 0.6187 to 8.7673 for three events
    assert (rate.value, rate.low, rate.high) == pytest.approx((0.3, 0.06187, 0.87673), abs=1e-4)
    assert rate_with_interval(0, 10.0).low == 0
    assert math.isnan(share_with_interval(0, 0).value)
    assert math.isnan(rate_with_interval(0, 0.0).value)
