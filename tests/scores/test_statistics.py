"""Intervals and tests are SciPy's where SciPy has them, and hold where the truth is known."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats

from hela_seg.scores.confusion import mean_over_classes, scores_of
from hela_seg.scores.counts import FrameCounts
from hela_seg.scores.statistics import (
    Interval,
    Statistic,
    conclusion,
    count_of,
    holm,
    intervals_of,
    level_of,
    resampled,
    signed_rank,
    summed,
    units_of,
)


def counts_of(series: list[str], blocks: list[int] | None = None) -> FrameCounts:
    number = len(series)
    block = np.array(blocks or [sorted(set(series)).index(name) for name in series])
    return FrameCounts(tuple(series), np.arange(number), block, np.ones((number, 2, 2), np.int64))


def mean_iou(pooled: NDArray[np.int64]) -> NDArray[np.float64]:
    return mean_over_classes(scores_of(pooled).iou)[np.newaxis]


def bootstrap(
    matrix: NDArray[np.int64], statistic: Statistic, confidence: float = 0.95, **how: int
) -> list[Interval]:
    return intervals_of(*resampled(matrix, statistic, **how), confidence)


def test_single_images_give_the_interval_of_scipy() -> None:
    matrix = np.random.default_rng(1).integers(0, 500, (25, 3, 3)) + 2000 * np.eye(3, dtype=np.int64)

    def pooled_score(*drawn: NDArray[np.int64], axis: int) -> NDArray[np.float64]:
        cells = np.stack([cell.sum(axis=axis) for cell in drawn], axis=-1)
        return mean_over_classes(scores_of(cells.reshape(*cells.shape[:-1], 3, 3)).iou)

    expected = stats.bootstrap(
        tuple(matrix.reshape(25, 9).T),
        pooled_score,
        paired=True,
        vectorized=True,
        n_resamples=2000,
        batch=500,
        method="percentile",
        rng=np.random.default_rng(3),
    ).confidence_interval
    (found,) = bootstrap(matrix, mean_iou, resamples=2000, seed=3)
    assert found.value == mean_over_classes(scores_of(matrix.sum(axis=0)).iou)
    assert (found.low, found.high) == pytest.approx(tuple(expected), rel=1e-12)


def test_levels_widen_an_interval_as_students_t_does() -> None:
    assert [round(level_of(units), 4) for units in (5, 10, 130, 10**6)] == [0.9981, 0.9829, 0.953, 0.95]
    values = np.random.default_rng(4).normal(0, 1, 12)
    student = np.diff(stats.t.interval(0.95, 11, scale=values.std(ddof=1) / math.sqrt(12)))
    normal = np.diff(stats.norm.interval(level_of(12), scale=values.std(ddof=0) / math.sqrt(12)))
    assert normal == pytest.approx(student, rel=1e-9)


def test_runs_are_drawn_together_so_that_equal_ones_never_differ() -> None:
    matrix = np.random.default_rng(1).integers(1, 500, (9, 3, 3))

    def difference(pooled: NDArray[np.int64]) -> NDArray[np.float64]:
        scored = mean_iou(pooled)[0]
        return (scored[:, 0] - scored[:, 1])[np.newaxis]

    assert bootstrap(np.stack([matrix, matrix]), difference) == [Interval(0.0, 0.0, 0.0)]


def test_figures_of_two_calls_with_one_seed_are_paired() -> None:
    first, second = np.random.default_rng(1).integers(1, 500, (2, 9, 3, 3))

    def difference(pooled: NDArray[np.int64]) -> NDArray[np.float64]:
        scored = mean_iou(pooled)[0]
        return (scored[:, 0] - scored[:, 1])[np.newaxis]

    one, other = (resampled(matrix, mean_iou, seed=5) for matrix in (first, second))
    apart = intervals_of(one[0] - other[0], one[1] - other[1])
    assert apart == bootstrap(np.stack([first, second]), difference, seed=5)


def test_a_single_image_has_a_score_but_no_interval() -> None:
    (found,) = bootstrap(np.array([[[8, 2], [0, 10]]]), mean_iou)
    assert found.value == pytest.approx((8 / 10 + 10 / 12) / 2)
    assert not found.known
    assert not found.excludes_zero


def test_a_class_that_draws_may_lack_has_no_interval() -> None:
    matrix = np.zeros((6, 2, 2), np.int64)
    matrix[:, 0, 0] = 10
    matrix[2, 1, 1] = 5
    of_class = bootstrap(matrix, lambda pooled: np.moveaxis(scores_of(pooled).iou, -1, 0))
    assert [figure.value for figure in of_class] == [1.0, 1.0]
    assert [figure.known for figure in of_class] == [True, False]


def test_single_images_and_many_recordings_are_units_of_their_own() -> None:
    names = [f"{number:02}" for number in range(12)]
    assert units_of(counts_of(names)).tolist() == list(range(12))
    several = [name for name in names for _ in range(3)]
    assert units_of(counts_of(several)).tolist() == np.repeat(range(12), 3).tolist()


def test_few_recordings_are_cut_into_blocks_of_about_the_square_root() -> None:
    assert units_of(counts_of(["a"] * 9)).tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    assert units_of(counts_of(["a"] * 4 + ["b"] * 4)).tolist() == [0, 0, 1, 1, 2, 2, 3, 3]
    # two spans of one recording, with a gap between them, share no block
    assert units_of(counts_of(["a"] * 3, [0, 0, 1])).tolist() == [0, 0, 1]


def test_frames_without_a_pixel_that_counts_are_in_no_unit() -> None:
    counts = counts_of(["a"] * 4 + ["b"] * 5)
    counts.matrix[[0, 4, 8]] = 0
    units = units_of(counts)
    assert units.tolist() == [-1, 0, 0, 1, -1, 2, 2, 3, -1]
    counts.matrix[:] = 0
    assert units_of(counts).tolist() == [-1] * 9
    assert count_of(units_of(counts)) == 0
    assert summed(counts.matrix, units_of(counts)).tolist() == [[[0, 0], [0, 0]]]


@given(st.lists(st.integers(1, 40), min_size=1, max_size=9))
def test_blocks_hold_neighbours_of_one_recording_and_none_is_left_out(lengths: list[int]) -> None:
    series = [str(number) for number, length in enumerate(lengths) for _ in range(length)]
    units = units_of(counts_of(series))
    assert sorted(set(units.tolist())) == list(range(units.max() + 1))
    assert (np.diff(units) >= 0).all()
    for unit in range(units.max() + 1):
        assert len({name for name, own in zip(series, units, strict=True) if own == unit}) == 1
    for number, length in enumerate(lengths):
        sizes = np.unique(units[np.array(series) == str(number)], return_counts=True)[1]
        assert np.ptp(sizes) <= 1
        assert len(sizes) == round(math.sqrt(length))


def test_counts_are_added_up_by_unit() -> None:
    matrix = np.arange(3 * 4).reshape(3, 2, 2)
    np.testing.assert_array_equal(summed(matrix, np.array([0, 1, 1])), [matrix[0], matrix[1] + matrix[2]])
    both = np.stack([matrix, 2 * matrix])
    np.testing.assert_array_equal(
        summed(both, np.array([0, 1, 1]))[1], 2 * summed(matrix, np.array([0, 1, 1]))
    )


def test_the_signed_rank_test_is_scipys_on_means_of_units() -> None:
    differences = np.random.default_rng(2).normal(0.3, 1, 24)
    alone = np.arange(24)
    assert signed_rank(differences, alone) == stats.wilcoxon(differences).pvalue
    in_pairs = stats.wilcoxon(differences.reshape(12, 2).mean(axis=1)).pvalue
    assert signed_rank(differences, alone // 2) == pytest.approx(in_pairs, rel=1e-12)
    assert signed_rank(np.append(differences, np.nan), np.arange(25)) == stats.wilcoxon(differences).pvalue


def test_the_signed_rank_test_of_equal_or_of_no_scores() -> None:
    assert signed_rank(np.zeros(9), np.arange(9)) == 1.0
    assert math.isnan(signed_rank(np.full(3, np.nan), np.arange(3)))


def test_one_unit_has_no_test() -> None:
    assert math.isnan(signed_rank(np.array([0.1, 0.3, np.nan]), np.array([0, 0, 1])))


def test_holms_correction() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.5, 0.9, 0.2]) == pytest.approx([1.0, 1.0, 0.6])
    with_nan = holm([0.02, math.nan, 0.01])
    assert with_nan[::2] == pytest.approx([0.02, 0.02])
    assert math.isnan(with_nan[1])
    assert holm([]) == []


@pytest.mark.parametrize(
    ("difference", "p", "expected"),
    [
        (Interval(0.02, 0.01, 0.03), 0.01, "a is better than b, by 0.0200 in m-IoU."),
        (Interval(-0.02, -0.03, -0.01), 0.01, "b is better than a, by 0.0200 in m-IoU."),
        (Interval(0.02, -0.01, 0.05), 0.4, "No difference shown between a and b (0.0200 in m-IoU)."),
        (Interval(0.02, 0.01, 0.05), 0.4, "the interval leaves out 0, but the test does not agree"),
        (Interval(0.02, -0.01, 0.05), 0.01, "the test says so, but the interval holds 0"),
        (Interval(0.02, 0.01, 0.05), math.nan, "No difference shown"),
        (Interval(0.02), math.nan, "Nothing can be said of a and b"),
    ],
)
def test_what_follows_is_said_plainly(difference: Interval, p: float, expected: str) -> None:
    assert expected in conclusion("a", "b", difference, p)
    apart = difference.known and difference.excludes_zero and not p < 0.05
    assert ("3 independent images" in conclusion("a", "b", difference, p, 3)) == apart


def covered(random: np.random.Generator, recordings: int, neighbours: int) -> bool:
    """Whether an interval holds the score of all images that could have been taken.

    Recordings differ in how much is found of a cell; neighbouring frames are the same but for chance.
    """
    found = np.repeat(random.beta(16, 4, recordings), neighbours)
    hits = random.binomial(200, found)
    false = random.binomial(800, 0.02, len(hits))
    matrix = np.stack([np.stack([800 - false, false], -1), np.stack([200 - hits, hits], -1)], -2)
    truth = np.array([[784, 16], [40, 160]])
    units = np.repeat(np.arange(recordings), neighbours)
    draws = summed(matrix, units)
    seed = int(random.integers(2**32))
    (interval,) = bootstrap(draws, mean_iou, confidence=level_of(recordings), resamples=1000, seed=seed)
    return bool(interval.low <= mean_iou(truth[np.newaxis])[0, 0] <= interval.high)


def coverage(trials: int, recordings: int, neighbours: int) -> float:
    random = np.random.default_rng(0)
    return float(np.mean([covered(random, recordings, neighbours) for _ in range(trials)]))


def test_intervals_hold_the_truth_about_as_often_as_they_say() -> None:
    assert 0.90 <= coverage(120, recordings=20, neighbours=5) <= 0.99


@pytest.mark.slow
@pytest.mark.parametrize("neighbours", [1, 5])
@pytest.mark.parametrize("recordings", [8, 20, 130])
def test_coverage_is_between_92_and_98_percent(recordings: int, neighbours: int) -> None:
    assert 0.92 <= coverage(1500, recordings, neighbours) <= 0.98
