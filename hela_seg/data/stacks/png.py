"""PNG files as series of one frame."""

from __future__ import annotations

from pathlib import Path

import imagecodecs
import numpy as np
from PIL import Image, UnidentifiedImageError

from hela_seg.data.stacks.series import Pixels, Series
from hela_seg.errors import InputError


class PngSeries(Series):
    """One PNG as a single frame: grey, grey with 16 bits, RGB, or with a colour table.

    Args:
        path: the file.
        labels: a mask: the indices of a colour table are its values, and one channel is expected.

    Raises:
        InputError: a damaged file, a mask with colours, or transparency.
    """

    def __init__(self, path: Path, *, labels: bool = False) -> None:
        self.name, self.path, self._labels = path.stem, path, labels
        try:
            with Image.open(path) as image:
                image.verify()
        except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as error:
            raise InputError(f"{path} is damaged or no PNG ({error}): copy or export the file again") from None
        pixels = self._pixels()
        if labels and pixels.shape[0] != 1:
            raise InputError(f"{path} is a mask of {pixels.shape[0]} channels, expected one: save it as a grey label image")
        self.shape, self.dtype = (1, *pixels.shape), pixels.dtype
        self.axes = "YX" if pixels.shape[0] == 1 else "YXC"

    def read(self, t: int, rows: slice, columns: slice) -> Pixels:
        """Read one window of the frame as (C, h, w)."""
        return np.ascontiguousarray(self._pixels()[:, rows, columns])

    def _pixels(self) -> Pixels:
        try:
            with Image.open(self.path) as image:
                if image.mode == "P":
                    image = image if self._labels else image.convert("RGB")
                if image.mode in {"L", "P", "1"}:
                    return np.asarray(image.convert("L") if image.mode == "1" else image)[np.newaxis]
            # Pillow cuts 16-bit colours to 8 bits
            decoded: Pixels = imagecodecs.png_decode(self.path.read_bytes())
        except (OSError, SyntaxError, ValueError, RuntimeError) as error:
            raise InputError(f"{self.path} is damaged ({error}): copy or export the file again") from None
        if decoded.ndim == 2:
            return decoded[np.newaxis]
        if decoded.shape[2] in {2, 4}:
            decoded = self._opaque(decoded)
        return np.moveaxis(decoded, 2, 0)

    def _opaque(self, decoded: Pixels) -> Pixels:
        if (decoded[..., -1] != np.iinfo(decoded.dtype).max).any():
            raise InputError(f"{self.path} is partly transparent, expected grey or RGB: save it without alpha channel")
        return decoded[..., :-1]
