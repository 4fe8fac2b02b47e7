"""The figures of a comparison: each net's scores with interval and spread, and the differences of pairs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from hela_seg.comparison.folds import median_costs, pool_folds
from hela_seg.comparison.found import Run
from hela_seg.comparison.nets import by_net, by_test, without_repeats
from hela_seg.comparison.notes import notes_on
from hela_seg.comparison.published import AUTO, Published, published_of
from hela_seg.comparison.quality import NetQuality, quality_of
from hela_seg.data.classes import Classes
from hela_seg.runs.records import Costs
from hela_seg.scores.confusion import mean_over_classes, scores_of
from hela_seg.scores.counts import FrameCounts
from hela_seg.scores.statistics import (
    Interval,
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

MEASURES = ("iou", "dice", "precision", "recall", "accuracy")
"""Means over classes that a table has, in its order."""

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Figure:
    """A score of a net: the mean over its seeds with an interval over images, and the spread over seeds.

    The spread is the standard deviation over seeds; None with one.
    """

    interval: Interval
    spread: float | None


@dataclass(frozen=True)
class NetRow:
    """A net, trained once or with several seeds.

    Attributes:
        name: see `hela_seg.comparison.nets.by_net`.
        kind: name of its module, such as ``unet``.
        runs: one a seed.
        means: means over classes, by the names in `MEASURES`.
        by_class: figures of each class, by the names in `MEASURES`.
        costs: the median over runs of what each measured.
        quality: boundaries and cells, where they were measured.
        published: the paper's figures, where they may stand beside these.
    """

    name: str
    kind: str
    runs: list[Run]
    means: dict[str, Figure]
    by_class: dict[str, list[Figure]]
    costs: Costs
    quality: NetQuality
    published: Published | None = None


@dataclass(frozen=True)
class Pair:
    """Two nets on the same frames.

    Attributes:
        first: name of a net.
        second: name of the other.
        difference: m-IoU of the first minus that of the second, means over seeds.
        p: of Wilcoxon's signed-rank test.
        p_holm: the same, corrected for the number of pairs.
        sentence: what follows.
    """

    first: str
    second: str
    difference: Interval
    p: float
    p_holm: float
    sentence: str


@dataclass(frozen=True)
class Comparison:
    """Nets that were scored on the same frames.

    Attributes:
        classes: the K classes.
        rows: one a net, the highest m-IoU first.
        pairs: all pairs of nets, in the order of the rows.
        counts: pixels of the frames that all nets were scored on, as one of the runs counted them.
        notes: sentences on what the figures mean and where they do not compare.
    """

    classes: Classes
    rows: list[NetRow]
    pairs: list[Pair]
    counts: FrameCounts
    notes: list[str]


def compare_runs(runs: Sequence[Run], seed: int = 0, published: str = AUTO) -> list[Comparison]:
    """Compare runs, in one table for all that were trained and scored on the same frames and classes.

    The folds of a cross-validation count as one run, see `hela_seg.comparison.folds.pool_folds`.

    Args:
        runs: see `hela_seg.comparison.found.find_runs`.
        seed: of the bootstrap's draws.
        published: beside which nets the paper's figures stand, see `published_of`.

    Returns:
        The tables, the one with most runs first.
    """
    return [_compare(group, seed, published) for group in by_test(pool_folds(without_repeats(runs)))]


def all_figures(matrix: NDArray[np.int64]) -> FloatArray:
    """Every score of a table from pooled counts (..., K, K).

    Returns:
        (5 (1 + K), ...): for each of `MEASURES` the mean over classes, then the classes.
    """
    found = scores_of(matrix)
    figures: list[FloatArray] = []
    for measure in MEASURES:
        by_class = getattr(found, measure)
        figures += [mean_over_classes(by_class), *np.moveaxis(by_class, -1, 0)]
    return np.stack(figures)


def _compare(runs: Sequence[Run], seed: int, published: str) -> Comparison:
    nets = by_net(runs)
    mean_iou = {
        name: np.mean([scores_of(run.counts.pooled).mean_iou for run in group])
        for name, group in nets.items()
    }
    best_first = sorted(nets, key=lambda name: -np.nan_to_num(mean_iou[name], nan=-1.0))
    nets = {name: nets[name] for name in best_first}
    counts = runs[0].counts
    units = units_of(counts)
    matrices = [np.stack([run.counts.matrix for run in group]) for group in nets.values()]
    figures, differences = _resampled([summed(matrix, units) for matrix in matrices], seed)
    rows = [
        _row(name, group, own, all_figures(matrix.sum(axis=1)), published)
        for (name, group), own, matrix in zip(nets.items(), figures, matrices, strict=True)
    ]
    pairs = _pairs(list(nets), differences, matrices, units)
    notes = notes_on(runs, int((units >= 0).sum()), count_of(units))
    return Comparison(runs[0].classes, rows, pairs, counts, notes)


def _resampled(
    matrices: Sequence[NDArray[np.int64]], seed: int
) -> tuple[list[list[Interval]], list[Interval]]:
    """Intervals of nets and of their differences, all from the same draws.

    Args:
        matrices: counts (S, U, K, K) of each net, with S seeds and U units.
        seed: of the draws.

    Returns:
        For each net what `all_figures` lists, means over seeds; and the differences in m-IoU of all pairs.
    """
    level = level_of(matrices[0].shape[1])
    figures: list[list[Interval]] = []
    mean_ious: list[tuple[FloatArray, FloatArray]] = []
    for matrix in matrices:  # one after the other: draws of all figures of a thousand runs would be gigabytes
        values, draws = resampled(matrix, lambda pooled: all_figures(pooled).mean(axis=-1), seed=seed)
        figures.append(intervals_of(values, draws, level))
        mean_ious.append((values[:1], draws[:1].copy()))
    differences = [
        intervals_of(value - other_value, draws - other_draws, level)[0]
        for (value, draws), (other_value, other_draws) in combinations(mean_ious, 2)
    ]
    return figures, differences


def _row(
    name: str, group: list[Run], intervals: Sequence[Interval], of_runs: FloatArray, published: str
) -> NetRow:
    spreads = of_runs.std(axis=1, ddof=1).tolist() if len(group) > 1 else [None] * len(of_runs)
    figures = [Figure(*both) for both in zip(intervals, spreads, strict=True)]
    size, record = len(figures) // len(MEASURES), group[0].record
    by_measure = {measure: figures[size * place :][:size] for place, measure in enumerate(MEASURES)}
    return NetRow(
        name,
        record.kind,
        group,
        {measure: found[0] for measure, found in by_measure.items()},
        {measure: found[1:] for measure, found in by_measure.items()},
        median_costs([run.record.costs for run in group]),
        quality_of(group),
        published_of(record.kind, record.config, group[0].classes.names, published),
    )


def _pairs(
    names: Sequence[str],
    differences: Sequence[Interval],
    matrices: Sequence[NDArray[np.int64]],
    units: NDArray[np.int64],
) -> list[Pair]:
    by_frame = [mean_over_classes(scores_of(matrix).iou).mean(axis=0) for matrix in matrices]
    tests = [signed_rank(one - other, units) for one, other in combinations(by_frame, 2)]
    count = count_of(units)
    return [
        Pair(*pair, difference, p, corrected, conclusion(*pair, difference, corrected, count))
        for pair, difference, p, corrected in zip(
            combinations(names, 2), differences, tests, holm(tests), strict=True
        )
    ]
