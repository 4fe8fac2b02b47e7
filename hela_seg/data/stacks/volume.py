"""Series whose files may hold Z-stacks, of which every frame shows one plane or a projection."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hela_seg.data.stacks.calibration import Calibration, median_interval, seconds_since_first
from hela_seg.data.stacks.options import ReadOptions, Z
from hela_seg.data.stacks.series import Pixels, Series, refuse_infinite, refuse_oversized
from hela_seg.system.errors import InputError


class VolumeSeries(Series):
    """A series read plane by plane; its subclasses say how."""

    _z: Z
    _letters: str
    """One letter an axis: T, C, Z, Y, X, others of positions, and ``_`` of length 1 without meaning."""
    _file_shape: tuple[int, ...]

    def read(self, t: int, rows: slice, columns: slice) -> Pixels:
        """Read one window of frame t as (C, h, w); a mean of integers is rounded.

        Raises:
            InputError: the file is damaged there, or a pixel is not a finite number.
        """
        pixels = self._window(t, rows, columns)
        refuse_infinite(pixels, str(self.path), t)
        return pixels

    @abstractmethod
    def _plane(self, t: int, z: int, rows: slice, columns: slice) -> Pixels:
        """One window of plane z of frame t as (C, h, w), in memory of its own."""

    def _slices(self, letters: str, t: int, z: int, rows: slice, columns: slice) -> tuple[slice, ...]:
        """What a window of plane z of frame t takes of each of some axes, all channels included."""
        parts = {"T": slice(t, t + 1), "C": slice(None), "Z": slice(z, z + 1), "Y": rows, "X": columns}
        return tuple(parts.get(letter, slice(0, 1)) for letter in letters)

    def _window(self, t: int, rows: slice, columns: slice) -> Pixels:
        if not isinstance(self._z, str):
            return self._plane(t, self._z or 0, rows, columns)
        pixels = self._plane(t, 0, rows, columns)
        if self._z == "max":
            for z in range(1, self.depth):
                np.maximum(pixels, self._plane(t, z, rows, columns), out=pixels)
            return pixels
        total: NDArray[np.float64] = pixels.astype(np.float64)
        for z in range(1, self.depth):
            total += self._plane(t, z, rows, columns)
        mean = total / self.depth
        return (mean if pixels.dtype.kind == "f" else np.rint(mean)).astype(pixels.dtype)

    def _settle(
        self,
        letters: str,
        shape: tuple[int, ...],
        dtype: np.dtype[Any],
        options: ReadOptions,
        channels: int | None = None,
    ) -> None:
        """Set what every series states, from the axes of the file and C where that is not its axis' length.

        Raises:
            InputError: pixels that are no numbers, a Z-stack without a choice, a projected mask, a mask in
                colours, or frames too large.
        """
        if dtype.kind not in "buif":
            raise InputError(f"{self.path} holds {dtype} pixels, expected real numbers: convert it")
        length = dict(zip(letters, shape, strict=True))
        self._letters, self._file_shape, self._z = letters, shape, options.z
        self.depth = length.get("Z", 1)
        self.dtype = dtype.newbyteorder("=")
        self.axes = "".join(letter for letter in letters if letter in "TCZYX")
        self.shape = (length.get("T", 1), channels or length.get("C", 1), length["Y"], length["X"])
        self._settle_plane(options.labels)
        refuse_oversized(self.path, self.shape, options.max_frame_pixels)
        if options.labels:
            self.refuse_colours()

    def _calibrate(self, stated: Calibration) -> None:
        """Set what the file states; times and names only where each frame or channel has one."""
        times = seconds_since_first(self.path, stated.times) if len(stated.times) == self.shape[0] else ()
        self.pixel_size = stated.pixel_size
        self.frame_interval = stated.frame_interval or median_interval(times)
        self.frame_times = times or None
        if len(stated.channels) == self.shape[1] and all(stated.channels):
            self.channel_names = stated.channels

    def _settle_plane(self, labels: bool) -> None:
        if self.depth == 1:
            self._z = 0
        if self._z is None:
            planes_are_frames = self.axes.replace("Z", "T")
            instead = f", or data.axes={planes_are_frames} if they are frames" if "T" not in self.axes else ""
            raise InputError(
                f"{self.path} is a Z-stack of {self.depth} planes (axes {self.axes}), expected one plane a "
                f"frame: set data.z=0 for the first, data.z=max or data.z=mean for a projection{instead} "
                "(z and axes, to predict)"
            )
        if isinstance(self._z, int) and self._z >= self.depth:
            raise InputError(
                f"{self.path} holds {self.depth} planes, expected one of number {self._z}: set data.z "
                f"(z, to predict) to 0 to {self.depth - 1}, max or mean"
            )
        if labels and isinstance(self._z, str):
            raise InputError(
                f"{self.path} is a mask of {self.depth} planes, which have no {self._z}: save the mask of "
                "the projection, one plane a frame"
            )
