"""Grey values as found in files -> float32 that nets take, the same in training and in prediction."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from hela_seg.data.grey_values import GreyValues, is_counted
from hela_seg.system.errors import InputError

Array = npt.NDArray[Any]
Statistics = tuple[tuple[float, ...], tuple[float, ...]]
"""For each channel the grey value that becomes 0, and the one that becomes 1."""

KINDS = ("dtype", "percentile", "frame", "zscore")
"""See :class:`Normalisation`."""

AUTO = "auto"
"""Stands for ``frame`` or ``percentile``, see `hela_seg.data.exposure.choose_normalisation`."""

DEFAULT_PERCENTILES = (1.0, 99.8)
"""As CSBDeep and StarDist have them: cells are rare and bright, so the upper one lies near the end."""


class AffineMap(NamedTuple):
    """``(x - low) * factor`` of each channel, in float32; an empty one leaves images as they are.

    Attributes:
        low: by channel.
        factor: by channel.
    """

    low: tuple[np.float32, ...]
    factor: tuple[np.float32, ...]

    def apply(self, image: Array) -> npt.NDArray[np.float32]:
        """The image as float32.

        Args:
            image: (C, h, w), or anything that begins with C, of any real dtype.
        """
        pixels = image.astype(np.float32)  # faster than arithmetic that converts as it goes
        for channel, low, factor in zip(pixels, self.low, self.factor, strict=False):
            # Subtracting first keeps all digits where low is large against the contrast.
            if low:
                channel -= low
            channel *= factor
        return pixels


@dataclass(frozen=True)
class Normalisation:
    """An affine map of grey values, ``(x - low) / (high - low)`` for each channel.

    Nothing is clipped: a frame brighter than all that training saw keeps its structure, and the map stays
    invertible. A channel without contrast becomes 0.

    Args:
        kind: where low and high come from. ``dtype``: 0 and the largest value of the image's integer type
            (255 for uint8, 65535 for uint16); floating-point images stay as they are. ``percentile``:
            percentiles over the training set. ``frame``: percentiles of each frame by itself. ``zscore``:
            mean and mean plus standard deviation over the training set.
        low: by channel, where the training set gives it (``percentile``, ``zscore``), else None.
        high: the same.
        percentiles: the lower and the upper, of 100.
        reason: why this kind was taken, where nobody named one.

    Raises:
        InputError: an unknown kind, or percentiles that are not in order.
    """

    kind: str
    low: tuple[float, ...] | None = None
    high: tuple[float, ...] | None = None
    percentiles: tuple[float, float] = DEFAULT_PERCENTILES
    reason: str | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise InputError(f"data.normalise is '{self.kind}', expected {AUTO} or one of {', '.join(KINDS)}")
        lower, upper = self.percentiles
        if not 0 <= lower < upper <= 100:
            raise InputError(
                f"the percentiles are {lower} and {upper}, expected two of 0 to 100, the lower one first"
            )

    def apply(self, image: Array, statistics: Statistics | None = None) -> npt.NDArray[np.float32]:
        """The image as float32.

        Args:
            image: (C, h, w), or anything that begins with C, of any real dtype.
            statistics: of the frame that the image is cut from; needed by the kind ``frame``.

        Raises:
            ValueError: the number of channels differs from that of the statistics, or these are missing.
        """
        return self.map_of(len(image), image.dtype, statistics).apply(image)

    def map_of(self, channels: int, dtype: np.dtype[Any], statistics: Statistics | None = None) -> AffineMap:
        """The map for all images of one kind, for where many small ones are read.

        Args:
            channels: C of the images.
            dtype: of the images.
            statistics: see :meth:`apply`.

        Raises:
            ValueError: see :meth:`apply`.
        """
        low, high = self._levels(channels, dtype, statistics)
        if len(low) not in (0, channels):
            raise ValueError(f"an image of {channels} channels, normalised by statistics of {len(low)}")
        spans = [highest - lowest for lowest, highest in zip(low, high, strict=True)]
        factors = [np.float32(1 / span if span > 0 else 1) for span in spans]
        return AffineMap(tuple(map(np.float32, low)), tuple(factors))

    def statistics(self, frame: Array) -> Statistics | None:
        """What :meth:`apply` needs to know of a whole frame (C, H, W); None where it needs nothing."""
        return _percentiles(_collect([frame]), self.percentiles) if self.kind == "frame" else None

    def to_plain(self) -> dict[str, Any]:
        """As lists and primitives, for checkpoints and JSON."""
        return {
            "kind": self.kind,
            "low": None if self.low is None else list(self.low),
            "high": None if self.high is None else list(self.high),
            "percentiles": list(self.percentiles),
            "reason": self.reason,
        }

    @classmethod
    def from_plain(cls, plain: dict[str, Any]) -> Normalisation:
        """What :meth:`to_plain` gave, read back."""
        low, high = (None if plain[key] is None else tuple(plain[key]) for key in ("low", "high"))
        lower, upper = plain["percentiles"]
        return cls(plain["kind"], low, high, (lower, upper), plain.get("reason"))

    def _levels(self, channels: int, dtype: np.dtype[Any], statistics: Statistics | None) -> Statistics:
        if self.kind == "dtype":
            if dtype.kind not in "ui":
                return (), ()
            return (0.0,) * channels, (float(np.iinfo(dtype).max),) * channels
        if self.kind == "frame":
            if statistics is None:
                raise ValueError("normalising by frame needs the statistics of the whole frame")
            return statistics
        if self.low is None or self.high is None:
            raise ValueError(f"normalising by '{self.kind}' needs low and high: make it with fit()")
        return self.low, self.high


def fit(
    kind: str, frames: Iterable[Array], percentiles: tuple[float, float] = DEFAULT_PERCENTILES
) -> Normalisation:
    """The normalisation of a kind for a training set, in memory that does not grow with its length.

    Of bool, uint8 and uint16 frames the figures are exact, of others they come from a random sample, see
    `hela_seg.data.grey_values`; values that are not finite are left out.

    Args:
        kind: see :class:`Normalisation`; ``dtype`` and ``frame`` look at no frame.
        frames: (C, H, W) each, of one dtype; read once.
        percentiles: for the kinds ``percentile`` and ``frame``.

    Raises:
        InputError: see :class:`Normalisation`; or frames of which some have a histogram and others none.
        ValueError: there are no frames.
    """
    unfitted = Normalisation(kind, percentiles=percentiles)
    if kind in ("dtype", "frame"):
        return unfitted
    channels = _collect(frames)
    if kind == "percentile":
        low, high = _percentiles(channels, percentiles)
    else:
        means, deviations = zip(*(channel.mean_and_deviation() for channel in channels), strict=True)
        low, high = means, tuple(np.add(means, deviations).tolist())
    return Normalisation(kind, low, high, percentiles)


def _collect(frames: Iterable[Array]) -> list[GreyValues]:
    """The grey values of each channel."""
    channels: list[GreyValues] = []
    for frame in frames:
        channels = channels or [GreyValues(frame.dtype) for _ in frame]
        if channels[0].counted != is_counted(frame.dtype):
            raise InputError(
                f"some training frames hold {frame.dtype} and others do not, expected values of one type: "
                "convert them alike, or set data.normalise=frame"
            )
        for collected, channel in zip(channels, frame, strict=True):
            collected.add(channel)
    if not channels:
        raise ValueError("no frames to take statistics of")
    return channels


def _percentiles(channels: Sequence[GreyValues], percentiles: tuple[float, float]) -> Statistics:
    low, high = np.transpose([channel.percentiles(percentiles) for channel in channels]).tolist()
    return tuple(low), tuple(high)
