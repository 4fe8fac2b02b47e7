"""Series with other channels than one file holds: of several files, some of them, or grey."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hela_seg.data.stacks.options import Z
from hela_seg.data.stacks.series import DerivedSeries, Pixels, Series, refuse_unlike
from hela_seg.data.stacks.volume import VolumeSeries
from hela_seg.system.errors import InputError, join_names

LUMINANCE = (0.299, 0.587, 0.114)
"""Shares of red, green and blue in grey, of ITU-R BT.601, as Pillow and scikit-image weigh them nearly."""

Channel = int | str
"""A channel by its number from 0, or by its name."""


class JoinedChannels(DerivedSeries):
    """Channels in files of their own, as one series; of several types the one that holds all.

    Args:
        parts: one series a channel or for some channels, alike in frames and size.

    Raises:
        InputError: they are not.
    """

    def __init__(self, parts: Sequence[Series]) -> None:
        first = parts[0]
        rule = "channels of one image must be alike in frames and size, export them again at one size"
        refuse_unlike(parts, [(part.shape[0], part.shape[2:]) for part in parts], rule)
        super().__init__(first)
        self._parts, self.channel_names = tuple(parts), ()
        self.dtype = np.result_type(*(part.dtype for part in parts))
        self.shape = (first.shape[0], sum(part.shape[1] for part in parts), *first.shape[2:])

    @property
    def paths(self) -> tuple[Path, ...]:
        """The files of all channels."""
        return tuple(path for part in self._parts for path in part.paths)

    def read(self, t: int, rows: slice, columns: slice) -> Pixels:
        """Read one window of frame t as (C, h, w)."""
        return np.concatenate([part.read(t, rows, columns) for part in self._parts]).astype(
            self.dtype, copy=False
        )


class JoinedPlanes(VolumeSeries):
    """Planes of a Z-stack in files of their own, of which every frame shows one or a projection.

    Args:
        planes: one series a plane, the first one first, alike in shape and dtype.
        z: the plane that is seen, ``"max"`` or ``"mean"``.

    Raises:
        InputError: they are unlike, or no z is given.
    """

    def __init__(self, planes: Sequence[Series], z: Z) -> None:
        first = planes[0]
        kinds = [(plane.shape, plane.dtype) for plane in planes]
        refuse_unlike(planes, kinds, "planes of one image must be alike")
        self.state_as(first)
        self._planes, self._z, self.depth = tuple(planes), z, len(planes)
        self.axes = "Z" + first.axes.replace("Z", "")
        self._settle_plane(labels=False)

    @property
    def paths(self) -> tuple[Path, ...]:
        """The files of all planes."""
        return tuple(path for plane in self._planes for path in plane.paths)

    def _plane(self, t: int, z: int, rows: slice, columns: slice) -> Pixels:
        return self._planes[z].read(t, rows, columns)


class PickedChannels(DerivedSeries):
    """Some channels of a series, in the order that is asked for.

    Args:
        source: all channels.
        numbers: of the channels to keep, from 0.
    """

    def __init__(self, source: Series, numbers: Sequence[int]) -> None:
        super().__init__(source)
        self._numbers = list(numbers)
        self.shape = (source.shape[0], len(numbers), *source.shape[2:])
        if source.channel_names:
            self.channel_names = tuple(source.channel_names[number] for number in numbers)

    def read(self, t: int, rows: slice, columns: slice) -> Pixels:
        """Read one window of frame t as (C, h, w)."""
        return self._source.read(t, rows, columns)[self._numbers]


class GreySeries(DerivedSeries):
    """A series in colours as grey, by `LUMINANCE`, rounded to the file's type; grey stays as it is.

    Args:
        source: red, green and blue, or grey.

    Raises:
        InputError: another number of channels.

    Example:
        The pixel (100, 150, 50) becomes 124, since 29.9 + 88.05 + 5.7 = 123.65.
    """

    def __init__(self, source: Series) -> None:
        if source.shape[1] not in (1, 3):
            raise InputError(
                f"{source.path} has {source.shape[1]} channels, expected grey or red, green and blue with "
                "data.grey=true: pick some with data.channels (channels, to predict), or train with "
                "data.grey=false"
            )
        super().__init__(source)
        self.shape, self.channel_names = (source.shape[0], 1, *source.shape[2:]), ()

    def read(self, t: int, rows: slice, columns: slice) -> Pixels:
        """Read one window of frame t as (1, h, w)."""
        pixels = self._source.read(t, rows, columns)
        if len(pixels) == 1:
            return pixels
        grey: NDArray[np.float64] = np.tensordot(LUMINANCE, pixels, axes=1)[np.newaxis]
        return (grey if self.dtype.kind == "f" else np.rint(grey)).astype(self.dtype)


def choose_channels(series: Series, channels: Sequence[Channel] | None, *, grey: bool = False) -> Series:
    """The channels that a net sees of an image.

    Args:
        series: the image with all its channels.
        channels: numbers or names of the channels to keep, in this order; None for all.
        grey: whether colours are made grey.

    Raises:
        InputError: the image has no such channel, or it cannot be made grey.
    """
    if channels is not None:
        series = PickedChannels(series, [_number(series, channel) for channel in channels])
    return GreySeries(series) if grey else series


def is_picked(series: Series, channels: Sequence[Channel]) -> bool:
    """Whether a series may have as many channels as are to be picked, and lacks some of these.

    Such a series holds the picked channels alone, without the numbers or names that they had among others.
    """
    names, count = series.channel_names, series.shape[1]
    known = all(channel in names if isinstance(channel, str) else channel < count for channel in channels)
    return count == len(channels) and not known


def _number(series: Series, channel: Channel) -> int:
    count, names = series.shape[1], series.channel_names
    if isinstance(channel, int) and 0 <= channel < count:
        return channel
    if isinstance(channel, str) and names.count(channel) == 1:
        return names.index(channel)
    named = f" named {join_names(names)}" if names else " without names"
    raise InputError(
        f"{series.path} has {count} channel(s){named}, expected one to be {channel!r}: set data.channels "
        "(channels, to predict) to numbers from 0, or names as data.channel_names gives them"
    )
