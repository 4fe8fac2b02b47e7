"""The figures of a comparison: each net's scores with interval and spread, and the differences of pairs."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise
from statistics import mean, median, stdev

import numpy as np
from numpy.typing import NDArray

from hela_seg.classes import Classes
from hela_seg.comparison.found import Run
from hela_seg.comparison.nets import by_net, by_test, kind_of
from hela_seg.runs import Costs
from hela_seg.scores import mean_over_classes, scores_of
from hela_seg.statistics import (
    FEW_UNITS,
    Interval,
    bootstrap,
    conclusion,
    holm,
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

    Attributes:
        interval: the mean over seeds, and where it would lie on other images of the kind.
        spread: standard deviation over seeds; None with one.
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
        means: figures by the names in `MEASURES`, means over classes.
        by_class: figures by the names in `MEASURES`, one for each class.
        costs: the median over runs of what each measured.
    """

    name: str
    kind: str
    runs: list[Run]
    means: dict[str, Figure]
    by_class: dict[str, list[Figure]]
    costs: Costs


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
        frames: how many were scored.
        series: how many recordings these are of.
        units: how many independent units they were taken for.
        notes: what a reader must know of these figures.
    """

    classes: Classes
    rows: list[NetRow]
    pairs: list[Pair]
    frames: int
    series: int
    units: int
    notes: list[str]


def compare_runs(runs: Sequence[Run], seed: int = 0) -> list[Comparison]:
    """Compare runs, in one table for all that were trained and scored on the same frames and classes.

    Args:
        runs: see `hela_seg.comparison.find_runs`.
        seed: of the bootstrap's draws.

    Returns:
        The tables, the one with most runs first.
    """
    return [_compare(group, seed) for group in by_test(runs)]


def _compare(runs: Sequence[Run], seed: int) -> Comparison:
    nets, counts = by_net(runs), runs[0].counts
    units = units_of(counts)
    matrix = np.stack([run.counts.matrix for group in nets.values() for run in group])
    which = np.repeat(np.arange(len(nets)), [len(group) for group in nets.values()])

    def statistic(pooled: NDArray[np.int64]) -> FloatArray:
        of_nets = _mean_by(all_scores(pooled), which)
        differences = [of_nets[0, :, a] - of_nets[0, :, b] for a, b in combinations(range(len(nets)), 2)]
        return np.concatenate(
            [of_nets.transpose(0, 2, 1).reshape(-1, len(pooled)), *(d[np.newaxis] for d in differences)]
        )

    found = bootstrap(summed(matrix, units), statistic, seed=seed)
    spread = all_scores(matrix.sum(axis=1))
    ...
