"""How sure a score is, and whether two nets differ: intervals and tests over the frames that were scored.

Neighbouring frames of a recording are almost the same picture, so they are not independent samples.
All statistics here therefore draw or compare *units*: blocks of neighbouring frames, see `units_of`.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import compress, groupby

import numpy as np
import scipy  # whose stats are imported at their first use: they take half a second
from numpy.typing import NDArray

from hela_seg.scores.counts import FrameCounts

FloatArray = NDArray[np.float64]
Statistic = Callable[[NDArray[np.int64]], FloatArray]
"""Counts (..., K, K) -> figures (M, ...)."""

RESAMPLES = 9999
"""How often units are drawn anew, as by SciPy's default."""

CONFIDENCE = 0.95
FEW_UNITS = 10
"""With fewer units an interval is too narrow even so: 6 cover 91 %, 4 cover 89 %, 2 cover 49 %."""

FEWEST_TO_TEST = 6
"""With 5 units, Wilcoxon's two-sided p-value is 2 / 2**5 = 0.0625 at the least."""

SERIES_ENOUGH = 10
"""From so many recordings on, each is one unit."""


@dataclass(frozen=True)
class Interval:
    """A figure with the ends of its confidence interval; both NaN where there is none."""

    value: float
    low: float = math.nan
    high: float = math.nan

    @property
    def known(self) -> bool:
        """Whether there is an interval."""
        return not math.isnan(self.low) and not math.isnan(self.high)

    @property
    def excludes_zero(self) -> bool:
        """Whether there is an interval, and 0 lies outside of it."""
        return self.known and not self.low <= 0 <= self.high


def units_of(counts: FrameCounts) -> NDArray[np.int64]:
    """Number of the unit that each frame belongs to, from 0, or -1 for none: (T,).

    The rule: with `SERIES_ENOUGH` recordings or more, each is one unit, for it is independent of the others.
    With fewer, each run of n neighbouring frames is cut into blocks of about the square root of n frames, of
    lengths that differ by one at most. Single images are units of their own by either. Frames without a pixel
    that counts, such as frames whose truth is ignored throughout, are in no unit.

    Blocks of one recording are not quite independent. In simulations of 130 frames, 95 % intervals covered
    the truth in 94 % of all cases where neighbours correlated by 0.5, and in 86 % where they did by 0.8.

    Example:
        One recording of 9 frames makes three units of three frames; 12 images make 12 units.
    """
    counting = np.asarray(counts.matrix.any(axis=(1, 2)))
    units = np.full(len(counts), -1)
    places = [(name, block) for name, _, block in compress(counts.places, counting)]
    number = {name: index for index, name in enumerate(dict.fromkeys(name for name, _ in places))}
    found: list[int] = []
    if len(number) >= SERIES_ENOUGH:
        found = [number[name] for name, _ in places]
    else:
        for _, run in groupby(places):
            length = len(list(run))
            blocks, first = round(math.sqrt(length)), found[-1] + 1 if found else 0
            found += [first + place * blocks // length for place in range(length)]
    units[counting] = found
    return units


def count_of(units: NDArray[np.int64]) -> int:
    """How many units frames make; see `units_of`."""
    return int(units.max(initial=-1)) + 1


def level_of(units: int, confidence: float = CONFIDENCE) -> float:
    """Level at which to take percentiles of a bootstrap so that few units make no too narrow intervals.

    As intervals by the normal distribution are narrower than Student's, so are percentiles; they are moved
    outwards by as much (Hesterberg 2015, The American Statistician 69(4), 371-386, section 5.3: expanded
    percentiles). For 95 %, 10 units take the level 98.3 %, 130 units 95.3 %, and many units 95 %.
    """
    if units < 2:
        return confidence
    wide = scipy.stats.t.ppf((1 + confidence) / 2, units - 1) * math.sqrt(units / (units - 1))
    return float(min(1 - 2 * scipy.stats.norm.sf(wide), 1 - 1 / RESAMPLES))


def summed(matrix: NDArray[np.int64], units: NDArray[np.int64]) -> NDArray[np.int64]:
    """Counts of frames (..., T, K, K) added up by unit, see `units_of`: (..., U, K, K), U at least 1."""
    every_unit = range(max(count_of(units), 1))
    return np.stack([matrix[..., units == unit, :, :].sum(axis=-3) for unit in every_unit], axis=-3)


def resampled(
    matrix: NDArray[np.int64], statistic: Statistic, *, resamples: int = RESAMPLES, seed: int = 0
) -> tuple[FloatArray, FloatArray]:
    """Figures of all units, and of as many units drawn with replacement again and again; see `intervals_of`.

    The resampling is `scipy.stats.bootstrap`'s (Efron and Tibshirani 1993, chapter 13); it draws the places
    of units, and a figure is computed from the sum of the drawn units' counts. One seed draws the same units,
    whatever is computed from them: differences of figures from two calls are paired.

    Args:
        matrix: (..., U, K, K) counts of U units; nets or runs that stand in the leading axes are drawn
            together, so that their figures and differences are paired.
        statistic: for B draws at once, pooled counts (B, ..., K, K) -> figures (M, B).
        resamples: how often units are drawn.
        seed: of the draws.

    Returns:
        (M,) figures and (M, B) those of each of B draws; all NaN where there is one unit only.
    """
    units = matrix.shape[-3]
    values = statistic(matrix.sum(axis=-3)[np.newaxis])[:, 0]
    if units < 2:
        return values, np.full((len(values), 1), np.nan)

    as_float = matrix.astype(np.float64)  # exact up to 2**53 pixels

    def figures_of_draws(places: NDArray[np.int64], axis: int) -> FloatArray:
        """Figures (M, ...) of draws whose U units lie along an axis of ``places``."""
        # how often each unit is drawn, times its counts: one product of matrices in place of many sums
        draws = places.reshape(-1, places.shape[axis])
        often = np.stack([np.bincount(draw, minlength=units) for draw in draws]).astype(np.float64)
        pooled = np.tensordot(often, as_float, axes=(1, matrix.ndim - 3))
        return statistic(np.rint(pooled).astype(np.int64)).reshape(-1, *places.shape[:-1])

    with warnings.catch_warnings(), np.errstate(invalid="ignore"):
        warnings.simplefilter("ignore")  # figures without interval, which come back as NaN
        found = scipy.stats.bootstrap(
            (np.arange(units),),
            figures_of_draws,
            n_resamples=resamples,
            batch=500,
            vectorized=True,
            method="percentile",
            rng=np.random.default_rng(seed),
        )
    return values, found.bootstrap_distribution


def intervals_of(values: FloatArray, draws: FloatArray, confidence: float = CONFIDENCE) -> list[Interval]:
    """Figures (M,) with the percentiles of their draws (M, B) that a confidence leaves out on both sides.

    Without interval where there is one unit only, or where a draw may lack what the figure is about, say the
    only frame with a class.
    """
    with np.errstate(invalid="ignore"):
        low, high = np.quantile(draws, [(1 - confidence) / 2, (1 + confidence) / 2], axis=-1)
    return [Interval(*map(float, ends)) for ends in zip(values, low, high, strict=True)]


def signed_rank(differences: FloatArray, units: NDArray[np.int64]) -> float:
    """P-value of Wilcoxon's signed-rank test (`scipy.stats.wilcoxon`, two-sided) that two nets score alike.

    The test asks for independent differences, so those of one unit are averaged first.

    Args:
        differences: (T,) score of one net minus that of the other on each frame; NaN where there is none.
        units: (T,) unit of each frame, see `units_of`.

    Returns:
        The p-value; 1 where no difference is left, and NaN where fewer than two units have one.
    """
    known = ~np.isnan(differences)
    _, index = np.unique(units[known], return_inverse=True)
    means = np.bincount(index, differences[known]) / np.bincount(index)
    if len(means) < 2:
        return math.nan
    return float(scipy.stats.wilcoxon(means).pvalue) if means.any() else 1.0


def holm(p_values: Sequence[float]) -> list[float]:
    """P-values corrected for their number (Holm 1979), in the order given.

    The smallest of m is multiplied by m, the next by m - 1 and so on; none becomes smaller than the one
    before it, and none larger than 1. NaN stays NaN and does not count.

    Example:
        ``holm([0.01, 0.04, 0.03])`` is ``[0.03, 0.06, 0.06]``.
    """
    order = sorted((p, place) for place, p in enumerate(p_values) if not math.isnan(p))
    corrected, least = [math.nan] * len(p_values), 0.0
    for rank, (p, place) in enumerate(order):
        least = max(least, min(1.0, p * (len(order) - rank)))
        corrected[place] = least
    return corrected


def conclusion(first: str, second: str, difference: Interval, p: float, units: int = FEWEST_TO_TEST) -> str:
    """What follows from two nets' difference in m-IoU, first minus second, and from its p after `holm`.

    A difference is shown where its interval leaves out 0 and its corrected p is below 0.05. Of fewer than
    `FEWEST_TO_TEST` independent units the sentence says that no test could show more.
    """
    if not difference.known:
        return f"Nothing can be said of {first} and {second}: one independent image has no interval."
    size, significant = f"{abs(difference.value):.4f} in m-IoU", p < 1 - CONFIDENCE
    if difference.excludes_zero and significant:
        better, worse = (first, second) if difference.value > 0 else (second, first)
        return f"{better} is better than {worse}, by {size}."
    why = ""
    if difference.excludes_zero:
        few = f"{units} independent images or recordings are too few for a test"
        doubt = few if units < FEWEST_TO_TEST else "the test does not agree"
        why = f"; the interval leaves out 0, but {doubt}"
    elif significant:
        why = "; the test says so, but the interval holds 0"
    return f"No difference shown between {first} and {second} ({size}{why})."
