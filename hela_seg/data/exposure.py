"""Whether series were exposed alike: which have other types, spans or levels of values than the others."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

import numpy as np

from hela_seg.data.grey_values import BRIGHT, CONTRAST, DARK, Figures, figures_of_series, spread
from hela_seg.data.intensity import TrainingStatistics
from hela_seg.data.stacks import Series
from hela_seg.system.errors import InputError, join_names

UNLIKE = 4.0
"""Times the usual contrast (bright end less dark end), or its fraction, from which on a series is named."""

NEAR, FEW = 0.25, 0.25
"""Series are of one exposure if both ends differ by this part of the usual contrast at most; such series are
named if they are this part of all at most, or one alone."""

MOST_COMPARED = 1000
"""Series that each one is compared with, spread evenly over all."""

MOST_SERIES = 100
"""Series that are looked at before training, spread evenly over all."""


@dataclass(frozen=True, eq=False)
class Exposure:
    """Grey values of a series.

    Attributes:
        name: of the series.
        dtype: of its values.
        size: H and W of a frame.
        figures: (C, 4) the dark end, the bright end, their distance, and where between them the median lies.
    """

    name: str
    dtype: str
    size: tuple[int, int]
    figures: Figures


def exposures_of(series: Sequence[Series]) -> list[Exposure]:
    """Look at a few frames of each series; those that cannot be read are left out."""
    found = []
    for one in (series[place] for place in spread(len(series), MOST_SERIES)):
        with suppress(InputError):  # training names the frame
            figures = figures_of_series(one, "percentile")
            found.append(Exposure(one.name, one.dtype.name, one.shape[2:], figures))
    return found


def unlike_exposures(exposures: Sequence[Exposure]) -> list[str]:
    """Name the series that were exposed unlike the others, in a line for each way in which they differ.

    Of values of different types nothing else is compared. A contrast is odd from `UNLIKE` times the median
    over all series on; else a level is odd by the rule for images that a net was not trained on
    (`hela_seg.data.intensity`), with all series of other levels in place of the training frames: several of
    one exposure do not vouch for each other.

    Args:
        exposures: of all series, in any order.
    """
    dtypes = sorted({exposure.dtype for exposure in exposures})
    if len(dtypes) > 1:
        return [f"series have different types of values ({', '.join(dtypes)})"]
    spans = np.array([exposure.figures[:, CONTRAST].mean() for exposure in exposures])
    usual = float(np.median(spans)) if len(spans) else 0.0
    odd = {
        exposure.name: f"{exposure.name} ({span:g})"
        for exposure, span in zip(exposures, spans, strict=True)
        if not usual / UNLIKE <= span <= usual * UNLIKE
    }
    contrasts = [
        f"the grey values of {join_names([*odd.values()], 5)} span more than {UNLIKE:g} times the usual "
        f"{usual:g}, or less than 1/{UNLIKE:g} of it"
    ]
    return [*(contrasts if odd else []), *_elsewhere(exposures, set(odd))]


def choose_normalisation(lengths: Sequence[int], unlike: Sequence[str]) -> tuple[str, str]:
    """What ``data.normalise=auto`` stands for, and why.

    Single images are mostly exposed one by one, and so will those be that a net is used on, whatever the
    training images are like. A film keeps its exposure, and a frame without cells in it shows that by its
    level.

    Args:
        lengths: frames of each series.
        unlike: what `unlike_exposures` says of the series.

    Example:
        >>> choose_normalisation([1, 1, 1], [])
        ('frame', 'all series are single images')
    """
    if unlike:
        return "frame", unlike[0]
    if len(lengths) > 1 and max(lengths) == 1:
        return "frame", "all series are single images"
    return "percentile", "all series were exposed alike"


def _elsewhere(exposures: Sequence[Exposure], told: set[str]) -> list[str]:
    """Series whose grey values lie where no other series has any.

    Args:
        exposures: of all series.
        told: names of series of which nothing more needs to be said.
    """
    if len(exposures) < 2 or len({len(exposure.figures) for exposure in exposures}) > 1:
        return []
    figures = np.stack([exposure.figures for exposure in exposures])  # (S, C, 4)
    usual = np.median(figures, axis=0)
    compared = figures[spread(len(figures), MOST_COMPARED)]
    ends = [DARK, BRIGHT]
    # the ends are whole numbers where values are, which of a channel of two or three values says nothing
    step = np.array([1, 1, 1, 0]) * (np.dtype(exposures[0].dtype).kind in "ui")
    odd = []
    for exposure, own in zip(exposures, figures, strict=True):
        distance = np.abs(compared[..., ends] - own[:, ends])
        likewise = (distance <= NEAR * usual[:, CONTRAST, None]).all(axis=(1, 2))
        rest = compared[~likewise]
        if likewise.sum() > max(1, FEW * len(compared)) or not len(rest):
            continue
        others = TrainingStatistics(
            "percentile",
            (exposure.dtype,),
            0,
            np.stack([rest.min(axis=0) - step, usual, rest.max(axis=0) + step]),
            np.zeros((2, 0)),
        )
        if exposure.name not in told and others.unlike_range(own, exposure.dtype, exposure.size):
            odd.append(f"{exposure.name} ({own[:, DARK].min():g} to {own[:, BRIGHT].max():g})")
    if not odd:
        return []
    dark, bright = usual[:, DARK].min(), usual[:, BRIGHT].max()
    return [
        f"the grey values of {join_names(odd, 5)} lie elsewhere than those of the other series, usually "
        f"{dark:g} to {bright:g}"
    ]
