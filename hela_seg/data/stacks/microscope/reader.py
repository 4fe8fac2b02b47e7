"""What a reader of one microscope format offers, whatever library opens the file."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np

from hela_seg.data.stacks.calibration import Calibration
from hela_seg.data.stacks.series import Pixels
from hela_seg.data.stacks.warn import warn

UNKNOWN = "Q"
"""Letter of an axis that is neither time, channel, depth, row nor column, such as a wavelength."""


class Image(NamedTuple):
    """One image of a file, of one position of the stage.

    Attributes:
        name: as the microscope's program calls the position; empty where it has no name.
        axes: one letter an axis, slowest first: T, C, Z, Y, X, S for the samples of a colour, or `UNKNOWN`.
        shape: length of each axis.
        dtype: of the pixels.
        calibration: pixel size and frame interval, as far as the file states them.
        times: seconds of each frame since the first one; empty where the file does not state them.
        channels: name of each channel; empty where the file does not state them.
    """

    name: str
    axes: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    calibration: Calibration = Calibration(None, None)
    times: tuple[float, ...] = ()
    channels: tuple[str, ...] = ()


class Reader(ABC):
    """A file that one process holds open and its threads share.

    Attributes:
        format_name: of the format, for messages.
        package: the library that is imported to read it, part of the extra ``formats``.
        images: all images of the file, in its order.
    """

    format_name: ClassVar[str]
    package: ClassVar[str]
    images: Sequence[Image]

    @abstractmethod
    def __init__(self, path: Path) -> None:
        """Read the header of a file."""

    @abstractmethod
    def window(self, image: int, place: tuple[int, ...], rows: slice, columns: slice) -> Pixels:
        """Read a window of one plane; a view into the file or into a shared array will do.

        Args:
            image: number of the image.
            place: index along each axis but Y, X and S, in the order of `Image.axes`.
            rows: of the window, with start and stop.
            columns: of the window, with start and stop.

        Returns:
            (h, w), or (h, w, S) where the image has samples.
        """

    @abstractmethod
    def close(self) -> None:
        """Close the file."""


def seconds_since_first(path: Path, times: Sequence[float]) -> tuple[float, ...]:
    """Time stamps counted from the first frame; none of a single frame, or where one is not finite.

    Time stamps that go backwards are kept, and a warning names the frame.

    Args:
        path: of the file, for the warning.
        times: of all frames, in seconds.
    """
    if len(times) < 2 or not np.isfinite(times).all():
        return ()
    since = tuple(float(time - times[0]) for time in times)
    back = [t for t, (before, after) in enumerate(pairwise(since), start=1) if after < before]
    if back:
        warn(
            f"{path} has time stamps that go backwards at {len(back)} frame(s), first at frame {back[0]} "
            f"({since[back[0] - 1]:.6g} s to {since[back[0]]:.6g} s); tables show them as they are"
        )
    return since


def median_interval(times: Sequence[float]) -> float | None:
    """Seconds from frame to frame where time stamps alone say it: the median of all intervals."""
    interval = float(np.median(np.diff(times))) if len(times) > 1 else 0.0
    return interval if interval > 0 else None
