"""Files of one picture as series of one frame: what they share, and JPEG and BMP."""

from __future__ import annotations

from abc import abstractmethod
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from PIL import Image

from hela_seg.data.stacks.damage import damage_is_reported, warn
from hela_seg.data.stacks.options import ReadOptions
from hela_seg.data.stacks.segments import cache, version_of
from hela_seg.data.stacks.series import Pixels, Series, name_of, refuse_oversized
from hela_seg.system.errors import InputError

_ORIENTATION = 274
"""Number of the tag in EXIF that says how a picture is to be turned."""

_CHANNELS = {"1": 1, "L": 1, "P": 3, "RGB": 3}
"""Channels by the kinds of pictures as Pillow calls them: bits, grey, a colour table, colours."""


class SingleFrame(Series):
    """A file of one picture, which is decoded whole and kept for a while; a subclass says how.

    Attributes:
        format_name: of the format, for messages.
    """

    format_name: ClassVar[str]
    _indices = False
    """Whether pixels are the numbers of a colour table, not its colours."""

    def _damage_is_reported(self) -> AbstractContextManager[None]:
        """Also what Pillow raises on damaged files, beside what other libraries do."""
        return damage_is_reported(self.path, self.format_name, SyntaxError, Image.DecompressionBombError)

    def _settle(
        self, channels: int, size: tuple[int, int], dtype: np.dtype[Any], options: ReadOptions
    ) -> None:
        """Set what every series states, and refuse frames too large and masks with odd channels."""
        self.name, self.dtype = name_of(self.path), dtype
        self.shape, self.axes = (1, channels, *size), "YX" if channels == 1 else "YXC"
        refuse_oversized(self.path, self.shape, options.max_frame_pixels)
        if options.labels:
            self.refuse_colours()

    def read(self, t: int, rows: slice, columns: slice) -> Pixels:
        """Read one window of the frame as (C, h, w)."""
        with self._damage_is_reported():
            frame = cache.get((self.path, version_of(self.path), self._indices), self._pixels)
        return frame[:, rows, columns].copy()

    @abstractmethod
    def _pixels(self) -> Pixels:
        """The frame as (C, H, W); what it raises of a damaged file is reported."""


class PictureSeries(SingleFrame):
    """One JPEG or BMP as a single frame, grey or RGB.

    A line warns once for each folder with JPEG files that their compression changes grey values.

    Args:
        path: the file.
        options: for a mask the indices of a BMP's colour table are the values.

    Raises:
        InputError: a damaged or oversized file, colours of another kind, a picture that is to be shown
            turned, or a mask as JPEG.
    """

    format_name = "JPEG or BMP"

    def __init__(self, path: Path, options: ReadOptions) -> None:
        self.path = path
        with self._damage_is_reported():
            self._version = version_of(path)
            with Image.open(path, formats=("JPEG", "BMP")) as image:
                self._format, mode, (width, height) = str(image.format), image.mode, image.size
                orientation = image.getexif().get(_ORIENTATION, 1)
        if mode not in _CHANNELS:
            raise InputError(f"{path} stores its colours as {mode}, expected grey or RGB: save it as RGB")
        if orientation not in (0, 1):
            raise InputError(
                f"{path} states that it is to be shown turned or mirrored (Orientation={orientation}), which "
                "some programs do and others do not, expected none: save it again upright"
            )
        self._indices = options.labels and mode == "P"
        channels = 1 if self._indices else _CHANNELS[mode]
        dtype = np.dtype(bool if mode == "1" else np.uint8)
        self._settle(channels, (height, width), dtype, options)
        self._refuse_or_warn_of_loss(options)

    def _pixels(self) -> Pixels:
        """The frame as (C, H, W)."""
        if version_of(self.path) != self._version:
            raise ValueError("it changed after it was opened")
        with Image.open(self.path, formats=(self._format,)) as image:
            colours = image.mode == "P" and not self._indices
            pixels = np.asarray(image.convert("RGB") if colours else image)
        return np.moveaxis(pixels.reshape(*pixels.shape[:2], -1), 2, 0)

    def _refuse_or_warn_of_loss(self, options: ReadOptions) -> None:
        if self._format != "JPEG":
            return
        if (options.labels or options.colours) and not options.soft:
            raise InputError(
                f"{self.path} is a mask as JPEG, whose compression changes its values, expected PNG or TIFF: "
                "export the mask again, or where it is white on black set data.labels.threshold=128"
            )
        if options.soft:
            return
        warn(f"{self.path.parent} holds JPEG files, whose compression has changed their grey values")
