"""Arrays in memory as series."""

from __future__ import annotations

from pathlib import Path

from hela_seg.data.stacks.axes import checked
from hela_seg.data.stacks.series import Pixels, Series, refuse_infinite
from hela_seg.system.errors import InputError

MOST_COLOURS = 4
"""An array whose last axis is no longer is taken for a picture in colours: red, green, blue, opacity."""


class ArraySeries(Series):
    """An array in memory as a series.

    Args:
        array: two to four axes.
        axes: letters T, C, Y and X, slowest first; None where they follow from the number of channels.
        channels: C that is expected.

    Raises:
        InputError: the axes do not fit the array or cannot be known, or it holds no pixels, or no real
            numbers.
    """

    name = "array"
    path = Path("array")

    def __init__(self, array: Pixels, axes: str | None, channels: int) -> None:
        if array.dtype.kind not in "buif":
            raise InputError(f"the array is of {array.dtype}, expected real numbers: convert it with astype")
        letters = checked(axes, "TCYX") if axes else _default_axes(array.shape, channels)
        if len(letters) != array.ndim:
            raise InputError(
                f"the array has shape {array.shape} but its axes are given as '{axes}', expected one of the "
                "letters T, C, Y, X for each axis: set axes= to one such as TYX"
            )
        missing = [letter for letter in "TC" if letter not in letters]
        expanded = array.reshape(*(1 for _ in missing), *array.shape)
        order = [*missing, *letters]
        self._array = expanded.transpose([order.index(letter) for letter in "TCYX"])
        frames, found, height, width = self._array.shape
        self.shape, self.dtype, self.axes = (frames, found, height, width), array.dtype, letters
        if 0 in self.shape:
            raise InputError(f"the array has shape {array.shape}, expected one frame or more, with pixels")

    def read(self, t: int, rows: slice, columns: slice) -> Pixels:
        """Read one window of frame t as (C, h, w).

        Raises:
            InputError: a pixel is not a finite number.
        """
        pixels = self._array[t, :, rows, columns].copy()
        refuse_infinite(pixels, "the array", t)
        return pixels


def _default_axes(shape: tuple[int, ...], channels: int) -> str:
    if channels == 1 and len(shape) in {2, 3, 4}:
        if len(shape) > 2 and shape[-1] == 1:
            return "TYXC"[4 - len(shape) :]
        if len(shape) == 3 and shape[-1] <= MOST_COLOURS:
            raise InputError(
                f"the array has shape {shape}, whose last axis looks like colours, expected one channel: "
                "take one of them or their mean, or set axes=TYX if these are frames of a few columns"
            )
        return {2: "YX", 3: "TYX", 4: "TCYX"}[len(shape)]
    first, last = shape[-3:-2] == (channels,), shape[-1:] == (channels,)
    if first == last or len(shape) not in {3, 4}:
        raise InputError(
            f"the array has shape {shape}, expected two to four axes, one of them of {channels} channel(s): "
            "say which is which with axes="
        )
    return ("T" if len(shape) == 4 else "") + ("CYX" if first else "YXC")
