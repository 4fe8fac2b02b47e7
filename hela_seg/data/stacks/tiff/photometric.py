"""What the numbers of a TIFF mean: grey, white as zero, colours, numbers of a colour table, opacity.

The tag PhotometricInterpretation is followed as Pillow, Bio-Formats and image viewers follow it, with two
exceptions, in which programs disagree:

- White as zero, written by ImageJ: what ImageJ shows is inverted, the numbers that it lists are not, and its
  binary masks depend on that. Neither is right for everybody, so it is refused with both ways to settle it.
- Colour tables of images: ImageJ and OME-TIFF keep intensities and use the table to show them (a LUT), and so
  does any table that only grows brighter, such as a green ramp. Other tables hold the picture's colours. In
  masks of values or instances, the numbers count, as they do in PNG.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray
from tifffile import PHOTOMETRIC

from hela_seg.data.stacks.damage import damaged
from hela_seg.data.stacks.options import ReadOptions
from hela_seg.data.stacks.series import Pixels
from hela_seg.system.errors import InputError

_KNOWN = (PHOTOMETRIC.MINISWHITE, PHOTOMETRIC.MINISBLACK, PHOTOMETRIC.RGB, PHOTOMETRIC.PALETTE)
_JPEG = (6, 7)
"""Compressions that tifffile decodes from YCbCr to RGB."""

_ALPHA = (1, 2)
"""Values of the tag ExtraSamples that mean opacity; 0 is a channel of any meaning."""


@dataclass(frozen=True, eq=False)
class Photometric:
    """What becomes of the numbers of a file; made by `photometric_of`.

    Attributes:
        path: of the file, for messages.
        dtype: of the numbers as stored, in native byte order.
        largest: where white is zero, the number that means black.
        colours: (n, 3) uint8, where numbers stand for colours.
        opaque: where the last channel is opacity, the number of an opaque pixel.
        is_indexed: pixels are the numbers of a colour table.
    """

    path: Path
    dtype: np.dtype[Any]
    largest: int | None = None
    colours: NDArray[np.uint8] | None = None
    opaque: int | None = None
    is_indexed: bool = False

    def channels(self, stored: int) -> int:
        """C of what `apply` gives for so many channels."""
        return 3 if self.colours is not None else stored - (self.opaque is not None)

    @property
    def shown_dtype(self) -> np.dtype[Any]:
        """Of what `apply` gives."""
        return self.dtype if self.colours is None else self.colours.dtype

    def apply(self, pixels: Pixels) -> Pixels:
        """(C, h, w) as stored -> as meant.

        Raises:
            InputError: pixels that are partly transparent, or numbers without an entry in the colour table.
        """
        if self.opaque is not None:
            if (pixels[-1] != self.opaque).any():
                raise InputError(
                    f"{self.path} is partly transparent, expected grey or RGB: save it without alpha channel"
                )
            pixels = pixels[:-1]
        if self.colours is not None:
            if pixels.size and pixels.max() >= len(self.colours):
                raise damaged(self.path, f"the pixel {pixels.max()} has no entry in its colour table")
            shown: Pixels = np.moveaxis(self.colours[pixels[0]], -1, 0).copy()
            return shown
        if self.largest is None:
            return pixels
        inverted: Pixels = ~pixels if pixels.dtype == bool else self.dtype.type(self.largest) - pixels
        return inverted


def photometric_of(
    file: tifffile.TiffFile, page: tifffile.TiffPage, channels: int, options: ReadOptions, path: Path
) -> Photometric:
    """What the numbers of a page, and of all pages like it, mean.

    Args:
        file: that holds it.
        page: the first one.
        channels: how many of the frames' channels are the samples of a pixel; 1 where none are.
        options: how the file is to be read.
        path: named in messages.

    Raises:
        InputError: colours of another kind than grey, RGB and colour tables; pages that are to be shown
            turned; or white as zero where it is not clear.
    """
    _refuse_unknown(page, path)
    dtype = np.dtype(page.dtype).newbyteorder("=")
    stated = page.photometric
    alpha = channels > 1 and page.extrasamples[-1:] and page.extrasamples[-1] in _ALPHA
    alpha = alpha or (stated == PHOTOMETRIC.RGB and channels == 4 and _is_opaque(page, dtype))
    opaque = int(np.iinfo(dtype).max) if alpha and dtype.kind in "ui" else None
    if stated == PHOTOMETRIC.MINISWHITE:
        return Photometric(path, dtype, largest=_black(file, page, dtype, path), opaque=opaque)
    if stated == PHOTOMETRIC.PALETTE and not options.labels:
        table = colours_of(page)
        if options.colours or not (file.is_imagej or file.is_ome or _grows_brighter(table)):
            if channels > 1:
                raise InputError(
                    f"{path} has {channels} channels and a colour table, expected one or the other: save it "
                    "as RGB"
                )
            return Photometric(path, dtype, colours=table)
    return Photometric(path, dtype, opaque=opaque, is_indexed=stated == PHOTOMETRIC.PALETTE)


def _is_opaque(page: tifffile.TiffPage, dtype: np.dtype[Any]) -> bool:
    """Whether a fourth channel, of which a file does not say what it means, is that of opaque pixels."""
    if dtype.kind not in "ui" or page.axes != "YXS":
        return False
    return bool((page.asarray()[..., 3] == np.iinfo(dtype).max).all())


def colours_of(page: tifffile.TiffPage) -> NDArray[np.uint8]:
    """The colour table of a page, (n, 3) uint8.

    Raises:
        tifffile.TiffFileError: it has none.
    """
    if page.colormap is None:
        raise tifffile.TiffFileError("it lacks its colour table")
    table = page.colormap.T  # 65535 is brightest, but old programs wrote 255; told apart as libtiff does
    return (table if table.max() < 256 else table >> 8).astype(np.uint8)


def _grows_brighter(table: NDArray[np.uint8]) -> bool:
    """Whether greater numbers have colours that are nowhere darker: a LUT, through which intensities show."""
    return bool((np.diff(table.astype(np.int16), axis=0) >= 0).all())


def _black(file: tifffile.TiffFile, page: tifffile.TiffPage, dtype: np.dtype[Any], path: Path) -> int:
    """The number that means black where white is zero."""
    if file.is_imagej:
        raise InputError(
            f"{path} was saved by ImageJ with an inverting lookup table: its numbers are the reverse of what "
            "ImageJ shows, expected black as zero: to keep the numbers, open it in Fiji, choose Image > "
            "Lookup Tables > Invert LUT and save it again; to keep what is shown, choose Edit > Invert as "
            "well (Process > Batch > Macro does this for a folder)"
        )
    if dtype.kind not in "bu":
        raise InputError(
            f"{path} states that white is zero for {dtype} pixels, expected whole numbers from 0: save it "
            "with black as zero"
        )
    return 1 if dtype.kind == "b" else int(2**page.bitspersample - 1)


def _refuse_unknown(page: tifffile.TiffPage, path: Path) -> None:
    stated, compression = page.photometric, page.compression
    if stated not in _KNOWN and not (stated == PHOTOMETRIC.YCBCR and compression in _JPEG):
        name = getattr(stated, "name", stated)
        raise InputError(
            f"{path} stores its colours as {name}, expected grey, RGB or a colour table: save it as RGB"
        )
    orientation = page.tags.valueof(274, default=1)
    if orientation not in (0, 1):
        raise InputError(
            f"{path} states that it is to be shown turned or mirrored (Orientation={int(orientation)}), "
            "which some programs do and others do not, expected none: save it again upright, for instance "
            "with Fiji"
        )
