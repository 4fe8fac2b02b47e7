"""How long cells stay in a class, where the ends of a recording cut some stays off.

A stay counts from where its beginning was seen. Where its end was not, it lasted at least as long as it was
seen (right-censored), and the survival curve is Kaplan and Meier's (1958), by `scipy.stats.ecdf`. Stays whose
beginning was not seen are left out: how long they had lasted is not known.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import scipy  # whose stats are imported at their first use: they take half a second
from numpy.typing import NDArray

from hela_seg.scores.statistics import CONFIDENCE, Interval
from hela_seg.tracking import Floats
from hela_seg.tracking.lives import Stay


@dataclass(frozen=True, eq=False)
class Durations:
    """The N stays in one class whose beginning was seen.

    Attributes:
        time: (N,) in the unit of ``step``.
        ended: (N,) whether the end was seen.
        group: (N,) lineages, of which stays are not independent.
        step: how far apart frames are, such as 1 frame or 0.083 h.
        unseen: further stays, whose beginning was not seen.
    """

    time: Floats
    ended: NDArray[np.bool_]
    group: NDArray[np.str_]
    step: float
    unseen: int

    def __len__(self) -> int:
        return len(self.time)

    def __getitem__(self, chosen: NDArray[np.int64]) -> Durations:
        return Durations(self.time[chosen], self.ended[chosen], self.group[chosen], self.step, self.unseen)

    @property
    def censored(self) -> scipy.stats.CensoredData:
        """As scipy takes them."""
        return scipy.stats.CensoredData(uncensored=self.time[self.ended], right=self.time[~self.ended])

    @property
    def naive_mean(self) -> float:
        """Mean of the stays whose end was seen, which is too short; NaN where there are none."""
        return float(self.time[self.ended].mean()) if self.ended.any() else math.nan


@dataclass(frozen=True, eq=False)
class Survival:
    """A survival curve of P points.

    Attributes:
        time: (P,) ascending.
        share: (P,) of stays that last longer, from 1 down.
        low: (P,) its 95 % interval, pointwise; NaN where it is not defined.
        high: (P,) likewise.
    """

    time: Floats
    share: Floats
    low: Floats
    high: Floats


def durations_of(
    stays: Iterable[Stay], kind: int, *, step: float = 1.0, series: str = "", began: str | None = None
) -> Durations:
    """The stays in a class.

    Args:
        stays: of one recording.
        kind: index of the class.
        step: from frame to frame, in the unit that durations shall have.
        series: the recording's name, so that lineages of several are told apart.
        began: only those that began with a ``division``, or with a ``change``; None for both.
    """
    of_kind = [stay for stay in stays if stay.kind == kind]
    seen = [stay for stay in of_kind if (stay.began is not None if began is None else stay.began == began)]
    return Durations(
        np.array([stay.frames * step for stay in seen], np.float64),
        np.array([stay.ended is not None for stay in seen], bool),
        np.array([f"{series}/{stay.root}" for stay in seen], np.str_),
        step,
        sum(stay.began is None for stay in of_kind),
    )


def survival_of(durations: Durations) -> Survival:
    """The survival curve of Kaplan and Meier, with lines in place of steps.

    A change that is first seen in a frame happened since the frame before: a stay that is seen in n frames
    lasted n - 1/2 to n + 1/2 of them on the average, and the curve falls evenly in between.

    Raises:
        ValueError: there are no stays.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # no interval where all or none are left
        curve = scipy.stats.ecdf(durations.censored).sf
        interval = curve.confidence_interval(CONFIDENCE, method="log-log")
    all_left, none_left = curve.probabilities == 1, curve.probabilities == 0
    low = np.where(all_left, 1.0, np.where(none_left, 0.0, interval.low.probabilities))
    high = np.where(all_left, 1.0, interval.high.probabilities)
    if none_left.any():  # what is above the last share that is known is not known better
        high[none_left] = high[~none_left][-1] if (~none_left).any() else 1.0
    falls = np.flatnonzero(np.diff(curve.probabilities, prepend=1.0) < 0)
    half, time = durations.step / 2, curve.quantiles
    knots = np.column_stack([time[falls] - half, time[falls] + half]).ravel()
    shares = [
        np.column_stack([np.concatenate([[1.0], band])[falls], band[falls]]).ravel()
        for band in (curve.probabilities, low, high)
    ]
    end = durations.time.max() + (half if durations.ended[durations.time.argmax()] else 0)
    time = np.maximum.accumulate(np.concatenate([[0.0], knots, [max(end, knots[-1] if len(knots) else 0)]]))
    share, low, high = (np.concatenate([[1.0], band, [band[-1] if len(band) else 1.0]]) for band in shares)
    return Survival(time, share, low, high)


def median_of(durations: Durations) -> Interval:
    """The median with its interval, from where the survival curve and its band fall to one half."""
    if not len(durations):
        return Interval(math.nan)
    curve = survival_of(durations)
    return Interval(*(_reaches_half(curve.time, band) for band in (curve.share, curve.low, curve.high)))


def _reaches_half(time: Floats, share: Floats) -> float:
    known = ~np.isnan(share)
    time, share = time[known], share[known]
    below = np.flatnonzero(share <= 0.5)
    if not len(below):
        return math.nan
    ends = [below[0], max(below[0] - 1, 0)]
    return float(np.interp(0.5, share[ends], time[ends]))


def median_difference(
    first: Durations, second: Durations, *, resamples: int = 999, seed: int = 0
) -> Interval:
    """Median of the first less that of the second; its interval is by drawing lineages with replacement."""
    random = np.random.default_rng(seed)
    draws = [
        _resampled_median(first, random) - _resampled_median(second, random)
        for _ in range(resamples if len(first) and len(second) else 0)
    ]
    value = median_of(first).value - median_of(second).value
    known = np.array([draw for draw in draws if not math.isnan(draw)])
    if len(known) < 0.95 * resamples:
        return Interval(value)
    low, high = np.percentile(known, [50 * (1 - CONFIDENCE), 50 * (1 + CONFIDENCE)])
    return Interval(value, float(low), float(high))


def _resampled_median(durations: Durations, random: np.random.Generator) -> float:
    _, group = np.unique(durations.group, return_inverse=True)
    often = np.bincount(random.integers(0, group.max() + 1, group.max() + 1), minlength=group.max() + 1)
    return median_of(durations[np.repeat(np.arange(len(durations)), often[group])]).value


def log_rank(first: Durations, second: Durations) -> float:
    """P-value of the log-rank test (`scipy.stats.logrank`) of equal survival; NaN where one has no end."""
    if not first.ended.any() or not second.ended.any():
        return math.nan
    return float(scipy.stats.logrank(first.censored, second.censored).pvalue)


def share_with_interval(hits: int, of: int) -> Interval:
    """A share with Wilson's interval (`scipy.stats.binomtest`); NaN of nothing."""
    if not of:
        return Interval(math.nan)
    interval = scipy.stats.binomtest(hits, of).proportion_ci(CONFIDENCE, method="wilson")
    return Interval(hits / of, float(interval.low), float(interval.high))


def rate_with_interval(events: int, exposure: float) -> Interval:
    """Events in a unit of exposure, with Garwood's interval for Poisson counts."""
    if not exposure:
        return Interval(math.nan)
    low = scipy.stats.chi2.ppf((1 - CONFIDENCE) / 2, 2 * events) / 2 if events else 0.0
    high = scipy.stats.chi2.ppf((1 + CONFIDENCE) / 2, 2 * events + 2) / 2
    return Interval(events / exposure, float(low) / exposure, float(high) / exposure)
