"""PNG files as series of one frame."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import NamedTuple

import imagecodecs
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from hela_seg.data.stacks.options import ReadOptions
from hela_seg.data.stacks.picture import SingleFrame
from hela_seg.data.stacks.series import Pixels
from hela_seg.system.errors import InputError

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_PALETTE = 3
_SAMPLES = {0: 1, 2: 3, _PALETTE: 1, 4: 2, 6: 4}
"""Samples a pixel by colour type: grey, RGB, palette, grey with alpha, RGB with alpha."""

_LONGEST_PALETTE = 256 * 3


class PngSeries(SingleFrame):
    """One PNG as a single frame: grey, RGB, or with a colour table, of 1 to 16 bits.

    Opening reads the header alone, but looks at all pixels where there is an alpha channel.

    Args:
        path: the file.
        options: for a mask the indices of a colour table are the values, and one channel is expected.

    Raises:
        InputError: a damaged or oversized file, a mask with colours, or transparency in an image.
    """

    format_name = "PNG"

    def __init__(self, path: Path, options: ReadOptions) -> None:
        self.path = path
        with self._damage_is_reported():
            header = self._header = _read_header(path)
        self._indices = options.labels and header.colour == _PALETTE
        channels = header.channels(indices=self._indices)
        self._settle(channels, (header.height, header.width), header.dtype, options)
        if header.has_alpha and not self._indices:
            with self._damage_is_reported():
                self._pixels()

    def colour_table(self, t: int) -> NDArray[np.uint8] | None:
        """Colours (n, 3) that the file shows its values in."""
        return np.frombuffer(self._header.palette, np.uint8).reshape(-1, 3) if self._indices else None

    def _pixels(self) -> Pixels:
        """The frame as (C, H, W)."""
        pixels = self._decode()
        if pixels.ndim == 2:
            pixels = pixels[..., np.newaxis]
        if pixels.shape[2] in {2, 4}:
            pixels = self._opaque(pixels)
        pixels = np.moveaxis(pixels, 2, 0)
        if pixels.shape != self.shape[1:]:
            raise ValueError(f"it holds {pixels.shape}, stated are {self.shape[1:]}")
        return pixels

    def _decode(self) -> Pixels:
        """The picture as (H, W) or (H, W, samples)."""
        if self._indices or self.dtype == bool:
            # imagecodecs gives colours for indices, and 255 for the 1 of a single bit
            with Image.open(self.path) as image:
                return np.asarray(image)
        # Pillow cuts 16-bit colours to 8 bits
        decoded: Pixels = imagecodecs.png_decode(self.path.read_bytes())
        return decoded

    def _opaque(self, pixels: Pixels) -> Pixels:
        if (pixels[..., -1] != np.iinfo(pixels.dtype).max).any():
            raise InputError(
                f"{self.path} is partly transparent, expected grey or RGB: save it without alpha channel"
            )
        return pixels[..., :-1]


class _Header(NamedTuple):
    """What a PNG says about itself before its pixels; ``depth`` in bits, ``colour`` PNG's colour type.

    ``palette`` holds red, green and blue of each entry of the colour table.
    """

    width: int
    height: int
    depth: int
    colour: int
    has_alpha: bool
    palette: bytes

    @property
    def dtype(self) -> np.dtype[np.bool_ | np.uint8 | np.uint16]:
        """Of the pixels: bool for grey of one bit, uint16 for 16 bits, else uint8."""
        if self.depth == 1 and self.colour != _PALETTE:
            return np.dtype(bool)
        return np.dtype(np.uint16 if self.depth == 16 else np.uint8)

    def channels(self, *, indices: bool) -> int:
        """How many there are without alpha; those of a palette's colours, unless its indices are meant."""
        if self.colour == _PALETTE:
            return 1 if indices else 3
        return {1: 1, 2: 1, 3: 3, 4: 3}[_SAMPLES[self.colour]]


def _read_header(path: Path) -> _Header:
    """Walk over all chunks of a file, reading the first alone; raises what means damage."""
    try:
        with path.open("rb") as file:
            if file.read(len(_SIGNATURE)) != _SIGNATURE:
                raise ValueError("it does not begin as a PNG does")
            length, kind = struct.unpack(">I4s", file.read(8))
            width, height, depth, colour = struct.unpack(">IIBB", file.read(10))
            kinds, palette = {kind}, b""
            while kind != b"IEND":
                if kind == b"PLTE" and length <= _LONGEST_PALETTE:
                    palette = file.read(length)
                    length = 0
                file.seek(length + 4 - (10 if kind == b"IHDR" else 0), 1)
                length, kind = struct.unpack(">I4s", file.read(8))
                kinds.add(kind)
    except struct.error:
        raise ValueError("it ends too early") from None
    if b"IHDR" not in kinds or colour not in _SAMPLES or not (width and height):
        raise ValueError("its header makes no sense")
    if colour == _PALETTE and (not palette or len(palette) % 3):
        raise ValueError("it lacks its colour table")
    return _Header(width, height, depth, colour, b"tRNS" in kinds or _SAMPLES[colour] in {2, 4}, palette)
