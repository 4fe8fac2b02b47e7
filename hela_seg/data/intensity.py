"""Whether images can be of the kind that a net was trained on: their grey values, and what it makes of them.

Frames of another bit depth, or rescaled on their way through another program, look right in a viewer and
leave a net nothing to see. So a checkpoint keeps between which grey values the training frames lay, and a
recording is compared with them. The rule must not take what a frame shows for how it was stored: a crop of
background alone, or of the inside of one cell, holds a part of the training's grey values and hardly any
others.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hela_seg.data.classes import Classes
from hela_seg.data.grey_values import (
    BRIGHT,
    CONTRAST,
    DARK,
    INTEGERS,
    MIDTONE,
    Figures,
    figures_of_frame,
    figures_of_series,
    spread,
    unit_of,
)
from hela_seg.data.normalise import Normalisation
from hela_seg.data.stacks import Series
from hela_seg.system.errors import InputError

log = logging.getLogger(__name__)

TRAINING_FRAMES = 64
"""How many of all frames that train are looked at, spread evenly."""

BRIGHTER = 3.0
"""Times the training's whole span (lowest dark end to highest bright end) that no exposure alone reaches."""

BEYOND_TYPE = 1.5
"""Times the largest value of the training's integer type, for images of another type."""

SHIFT, SLIGHT_SHIFT = 0.25, 0.1
"""Shifts of both ends, in parts of the span: so far off, black is grey to the net."""

FAINT, VERY_FAINT = 0.3, 0.1
"""Contrasts in parts of the training's: where the type or the black level differs too, and by itself."""

LEAST_BLACK = 0.02
"""Black levels, in parts of the span, below which half of one says nothing."""

INVERTED = 0.35
"""How far outside of the training's range the median may lie between the ends, which are 0 and 1."""

WHOLE = 0.5
"""Area, in parts of a training frame's, from which on a frame is no crop that may show one thing alone."""

MANY_TIMES, LEAST_SHARE = 5.0, 0.5
"""A class is odd at so many times its largest share of a training frame, if it has this share at least: a net
that has learned little gives a rare class many times its share too, but most pixels to the background."""


@dataclass(frozen=True, eq=False)
class TrainingStatistics:
    """What a net's training frames were like.

    Attributes:
        kind: of the `Normalisation`. For ``dtype`` grey values are parts of their type's largest value.
        dtypes: names of the frames' types; empty where they are not known.
        frame_pixels: H W of a frame, the median.
        figures: (3, C, 4) the lowest, the median and the highest over frames of `DARK`, `BRIGHT`, `CONTRAST`
            and `MIDTONE`; NaN where one is not known, which is then not judged.
        shares: (2, K) of each class, its share of all labelled training pixels, and its largest of a frame;
            K is 0 where they are not known.
    """

    kind: str
    dtypes: tuple[str, ...]
    frame_pixels: float
    figures: Figures
    shares: Figures

    def to_plain(self) -> dict[str, Any]:
        """As lists and primitives, for checkpoints."""
        return {
            "dtypes": list(self.dtypes),
            "frame_pixels": self.frame_pixels,
            "figures": self.figures.tolist(),
            "shares": self.shares.tolist(),
        }

    @classmethod
    def from_plain(
        cls, plain: Mapping[str, Any] | None, normalisation: Normalisation, channels: int, classes: int
    ) -> TrainingStatistics:
        """What `to_plain` gave, read back.

        Args:
            plain: of a checkpoint; None, as in those of version 0.1.0, leaves what the normalisation tells.
            normalisation: of its net.
            channels: C of its net.
            classes: K of its net.

        Raises:
            InputError: it holds something else.
        """
        if plain is None:
            return cls._from_normalisation(normalisation, channels)
        try:
            figures, shares = (np.array(plain[key], np.float64) for key in ("figures", "shares"))
            dtypes, pixels = tuple(map(str, plain["dtypes"])), float(plain["frame_pixels"])
            shapes = (figures.shape, shares.shape)
            if shapes != ((3, channels, 4), (2, classes)) or not np.isfinite(figures).all():
                raise ValueError(f"{shapes[0]} and {shapes[1]} numbers, or some that are not finite")
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise InputError(
                f"the checkpoint's training_statistics cannot be used ({type(error).__name__}: {error}), "
                f"expected finite numbers of {(3, channels, 4)} and {(2, classes)}: it is damaged"
            ) from None
        return cls(normalisation.kind, dtypes, pixels, figures, shares)

    @classmethod
    def _from_normalisation(cls, normalisation: Normalisation, channels: int) -> TrainingStatistics:
        zeros = np.zeros(channels)
        low, high = np.array(normalisation.low or zeros), np.array(normalisation.high or zeros + 1)
        lowest, highest = [low, high], [low, high]
        if normalisation.kind == "zscore":  # a mean and a deviation, which lie within what training saw
            low, high = low - 2 * (high - low), low + 5 * (high - low)
            lowest, highest = [low, low], [high, high]
        ends = np.array([lowest, [zeros * np.nan] * 2, highest]).transpose(0, 2, 1)
        figures = np.concatenate([ends, np.full_like(ends, np.nan)], axis=-1)
        return cls(normalisation.kind, (), np.inf, figures, np.zeros((2, 0)))

    def unlike_range(self, found: Figures, dtype: str, size: Sequence[int]) -> list[int]:
        """Channels whose grey values lie where the training frames had none.

        Args:
            found: (C, 4) figures of a recording, on the scale of `figures`.
            dtype: name of its frames' type.
            size: H and W of its frames.
        """
        if self.kind == "frame":
            return []
        low, usual, high = np.moveaxis(self.figures, -1, 1)  # (4, C) each
        dark, bright, contrast, _ = found.T
        whole, changed = self._is_whole(size), bool(self.dtypes) and dtype not in self.dtypes
        span = high[BRIGHT] - low[DARK]
        limit = low[DARK] + BRIGHTER * span
        if changed or self.kind == "dtype":
            limit = np.minimum(limit, BEYOND_TYPE * self._largest)
        raised = dark > high[DARK] + SHIFT * span
        lowered = (dark < low[DARK] - SHIFT * span) & (bright < low[BRIGHT] - SHIFT * span)
        # dividing by a number moves the black level, which a crop of background alone still has
        halved = (LEAST_BLACK * span <= low[DARK]) & (dark < low[DARK] / 2) & (contrast <= FAINT * span)
        faint = FAINT * usual[CONTRAST] if changed else VERY_FAINT * low[CONTRAST]
        odd = (bright > limit) | lowered | halved
        odd |= raised & (whole | (bright > high[BRIGHT] + SLIGHT_SHIFT * span))
        odd |= whole & (contrast <= faint)
        return [int(channel) for channel in np.flatnonzero(odd)]

    def inverted(self, found: Figures, size: Sequence[int]) -> list[int]:
        """Channels with as many bright pixels as training had dark ones, or the other way round.

        Args:
            found: see `unlike_range`.
            size: see `unlike_range`.
        """
        low, high = self.figures[0, :, MIDTONE] - INVERTED, self.figures[2, :, MIDTONE] + INVERTED
        odd = (found[:, MIDTONE] < low) | (found[:, MIDTONE] > high)
        return [int(channel) for channel in np.flatnonzero(odd)] if self._is_whole(size) else []

    def odd_classes(self, pixels: NDArray[np.int64], size: Sequence[int]) -> NDArray[np.int64]:
        """Classes that have many times their share of the training frames.

        Args:
            pixels: (K,) predicted ones of each class.
            size: see `unlike_range`.
        """
        if not self._is_whole(size) or not self.shares.size or not pixels.sum():
            return np.zeros(0, np.int64)
        return np.flatnonzero(pixels / pixels.sum() >= np.maximum(MANY_TIMES * self.shares[1], LEAST_SHARE))

    def _is_whole(self, size: Sequence[int]) -> bool:
        return size[0] * size[1] >= WHOLE * self.frame_pixels

    @property
    def _largest(self) -> float:
        """The largest value that the training's integer types hold; infinite for other types."""
        if self.kind == "dtype" and not self.dtypes:
            return 1.0
        return max(
            (INTEGERS.get(name, np.inf) / unit_of(self.kind, name) for name in self.dtypes), default=np.inf
        )


def training_statistics(
    frames: Sequence[tuple[Series, int]], counts: NDArray[np.integer[Any]], kind: str
) -> TrainingStatistics:
    """Look at training frames, at most `TRAINING_FRAMES` of them.

    Args:
        frames: series and number of each.
        counts: (F, K) pixels of each class in the F frames; zeros where a frame has no labels.
        kind: of the net's `Normalisation`.

    Raises:
        InputError: a frame that cannot be read.
    """
    looked_at = [frames[place] for place in spread(len(frames), TRAINING_FRAMES)]
    found = np.array([figures_of_frame(series, t, kind) for series, t in looked_at])
    labelled = counts[counts.any(axis=1)].astype(np.float64)
    by_frame = labelled.T / labelled.sum(axis=1)
    shares = [labelled.sum(axis=0) / max(labelled.sum(), 1), by_frame.max(axis=1, initial=0)]
    return TrainingStatistics(
        kind,
        tuple(sorted({series.dtype.name for series, _ in looked_at})),
        float(np.median([series.shape[2] * series.shape[3] for series, _ in looked_at])),
        np.stack([found.min(axis=0), np.median(found, axis=0), found.max(axis=0)]),
        np.stack(shares),
    )


def intensity_mismatch(statistics: TrainingStatistics, series: Series) -> str | None:
    """Say where a recording's grey values can hardly be of the kind that a net was trained on.

    Args:
        statistics: of the net's training frames.
        series: a recording that it can take.

    Returns:
        One line, or None where nothing is odd, or a frame cannot be read, which the prediction will say.

    Example:
        A net was trained on 8-bit images, 10 to 250, and now gets the same pictures with 12 bits: their
        bright end is 4000, sixteen times what an 8-bit image holds, and the line says so.
    """
    try:
        found = figures_of_series(series, statistics.kind)
    except InputError:
        return None
    size = series.shape[2:]
    for channel in statistics.unlike_range(found, series.dtype.name, size):
        return _range_line(statistics, series, channel, found[channel])
    for channel in statistics.inverted(found, size):
        low, _, high = statistics.figures[:, channel, MIDTONE]
        return (
            f"the median grey value of '{series.name}' lies at {found[channel, MIDTONE]:.0%} of the way from "
            f"its dark to its bright end, in the training frames at {low:.0%} to {high:.0%}: the result is "
            "likely to be wrong; if black and white have changed places, invert the images, else use a net "
            "trained on such images"
        )
    return None


def share_mismatch(
    statistics: TrainingStatistics,
    name: str,
    pixels: NDArray[np.int64],
    classes: Classes,
    size: Sequence[int],
) -> str | None:
    """Say where a class was given many times the pixels that it has in training frames.

    Args:
        statistics: of the net's training frames.
        name: of the recording.
        pixels: (K,) predicted ones of each class, in all frames of the recording.
        classes: the K classes.
        size: H and W of its frames.

    Returns:
        One line, or None.
    """
    odd = statistics.odd_classes(pixels, size)
    if not len(odd):
        return None
    worst = int(odd[np.argmax(pixels[odd])])
    usual, largest = statistics.shares[:, worst]
    return (
        f"class '{classes[worst].name}' has {pixels[worst] / pixels.sum():.1%} of the pixels of '{name}', in "
        f"the training frames {usual:.1%} and at most {largest:.1%} of one: look at the class maps; if they "
        "are wrong, use a net that was trained longer, or on images such as these"
    )


def warn_of(doubts: Iterable[str | None]) -> list[str]:
    """Warn of the first of recordings' doubts, and how many others have one, and hand the line on, if any."""
    found = [doubt for doubt in doubts if doubt is not None]
    if not found:
        return []
    others = f" ({len(found) - 1} other recordings likewise)" if found[1:] else ""
    log.warning("warning: %s%s", found[0], others)
    return [f"{found[0]}{others}"]


def _range_line(statistics: TrainingStatistics, series: Series, channel: int, found: Figures) -> str:
    """What was found and expected of a channel."""
    unit = max((unit_of(statistics.kind, name) for name in statistics.dtypes), default=1.0)
    low, usual, high = statistics.figures[:, channel]
    factor = usual[CONTRAST] / (found[CONTRAST] or np.nan)
    dark, bright = found[[DARK, BRIGHT]] * unit_of(statistics.kind, series.dtype.name)
    by = f" (about {factor:.2g} times theirs)" if not 0.5 < factor < 2 and np.isfinite(factor) else ""
    types = f" ({', '.join(statistics.dtypes)})" if statistics.dtypes else ""
    trained = f"{low[DARK] * unit:g} to {high[BRIGHT] * unit:g}{types}"
    return (
        f"'{series.name}' has grey values of about {dark:g} to {bright:g} ({series.dtype}), where the net "
        f"was trained on {trained}: the result is likely to be wrong; convert the images{by} to the grey "
        "values of the training, or use a net trained on such images or with data.normalise=frame"
    )
