"""LIF files of Leica's LAS, through the library ``liffile``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple
from xml.etree.ElementTree import Element

import numpy as np

from hela_seg.data.stacks.calibration import Calibration, PixelSize
from hela_seg.data.stacks.microscope.reader import UNKNOWN, Image, Reader
from hela_seg.data.stacks.series import Pixels

_LETTERS = {1: "X", 2: "Y", 3: "Z", 4: "T", 10: "M"}
"""Axes by their number in the format; M are the tiles of a mosaic, each of which is a position of its own."""

_DESCRIPTION = "./Data/Image/ImageDescription/"


class _Dimension(NamedTuple):
    """An axis: its letter and length; bytes, and metres or seconds, from one step to the next."""

    letter: str
    length: int
    stride: int
    step: float


class _Channel(NamedTuple):
    """A channel: bytes from the image's start to its first pixel, dtype, colour (1 is red) and name."""

    offset: int
    dtype: np.dtype[Any]
    tag: int
    name: str


class LifReader(Reader):
    """All images of a file. Their pixels are never compressed, and each channel is mapped into memory."""

    format_name = "LIF"
    package = "liffile"

    def __init__(self, path: Path) -> None:
        import liffile

        self._bytes = np.memmap(path, np.uint8, "r")
        self.images: list[Image] = []
        self._channels: list[list[Pixels]] = []
        with liffile.LifFile(path) as file:
            for image in file.images:
                self._add(image)

    def window(self, image: int, place: tuple[int, ...], rows: slice, columns: slice) -> Pixels:
        """Read a window of one plane, see `Reader.window`."""
        channels = self._channels[image]
        outer, channel = (place[:-1], place[-1]) if len(channels) > 1 else (place, 0)
        index: Any = (*outer, rows, columns)
        pixels: Pixels = channels[channel][index]
        return pixels

    def close(self) -> None:
        """Forget the mapped file."""
        self._channels.clear()
        del self._bytes

    def _add(self, image: Any) -> None:
        """Add one image of the file, or each tile where it is a mosaic; lines and spectra are left out."""
        element: Element = image.xml_element
        dimensions = _dimensions(element)
        letters = [one.letter for one in dimensions]
        if not {"Y", "X"} <= set(letters):
            return
        channels = _channels(element)
        order = [axis for axis, letter in enumerate(letters) if letter not in "MYX"]
        order += [letters.index("Y"), letters.index("X")]
        block = image.memory_block
        views = [self._view(block.offset, block.size, dimensions, channel) for channel in channels]
        # M is moved to the front, where it may be missing, and may lie anywhere among the axes
        mosaic = [letters.index("M")] if "M" in letters else []
        moved = [view.transpose(*mosaic, *order) for view in views]
        if not mosaic:
            self._add_position(image, moved, dimensions, order, channels)
            return
        for tile, of_tile in enumerate(zip(*moved, strict=True)):
            self._add_position(image, list(of_tile), dimensions, order, channels, f"_{tile}")

    def _add_position(
        self,
        image: Any,
        views: list[Pixels],
        dimensions: Sequence[_Dimension],
        order: Sequence[int],
        channels: Sequence[_Channel],
        suffix: str = "",
    ) -> None:
        letters = "".join(dimensions[axis].letter for axis in order)
        shape = views[0].shape
        if len(views) > 1:
            letters, shape = f"{letters[:-2]}CYX", (*shape[:-2], len(views), *shape[-2:])
        steps = {one.letter: one.step for one in dimensions}
        size = PixelSize(steps["Y"] * 1e6, steps["X"] * 1e6)
        times = () if suffix else _times(image, letters, shape)
        names = tuple(channel.name for channel in channels)
        self._channels.append(views)
        self.images.append(
            Image(
                image.path + suffix,
                letters,
                shape,
                views[0].dtype,
                Calibration(
                    size if min(size) > 0 else None,
                    None if times else steps.get("T") or None,
                    times,
                    names,
                ),
            )
        )

    def _view(self, start: int, size: int, dimensions: Sequence[_Dimension], channel: _Channel) -> Pixels:
        """One channel of an image, in the file."""
        needed = channel.offset + channel.dtype.itemsize
        needed += sum((one.length - 1) * one.stride for one in dimensions)
        there = min(size, self._bytes.size - start)
        if start < 0 or min(one.stride for one in dimensions) < 0 or needed > there:
            raise ValueError(f"it states an image of {needed} bytes and holds {there}")
        return np.ndarray(
            [one.length for one in dimensions],
            channel.dtype,
            self._bytes,
            start + channel.offset,
            [one.stride for one in dimensions],
        )


def _dimensions(element: Element) -> list[_Dimension]:
    """All axes of an image but its channels, slowest first."""
    found = []
    for one in element.iterfind(f"{_DESCRIPTION}Dimensions/DimensionDescription"):
        count, length = int(one.attrib["NumberOfElements"]), float(one.get("Length", 0))
        letter = _LETTERS.get(int(one.attrib["DimID"]), UNKNOWN)
        step = abs(length) / (count - 1) if count > 1 else 0.0
        found.append(_Dimension(letter, count, int(one.attrib["BytesInc"]), step))
    return sorted(found, key=lambda one: one.stride, reverse=True)


def _channels(element: Element) -> list[_Channel]:
    """The channels of an image in their order; those of a picture in colours as red, green and blue."""
    found = []
    for one in element.iterfind(f"{_DESCRIPTION}Channels/ChannelDescription"):
        bits = int(one.attrib["Resolution"])
        size = next(size for size in (1, 2, 4, 8) if bits <= 8 * size)
        dtype = np.dtype(f"<{'uf'[int(one.attrib['DataType'])]}{size}")
        named = [entry.findtext("Value") for entry in one if entry.findtext("Key") == "DyeName"]
        name = next(filter(None, named), one.get("LUTName", ""))
        found.append(_Channel(int(one.attrib["BytesInc"]), dtype, int(one.get("ChannelTag", 0)), name))
    if not found or len({channel.dtype for channel in found}) > 1 or min(one.offset for one in found) < 0:
        raise ValueError("its channels have pixels of several kinds, or it states none")
    return sorted(found, key=lambda channel: channel.tag)


def _times(image: Any, letters: str, shape: tuple[int, ...]) -> tuple[float, ...]:
    """Seconds of each frame, from the time stamps of all planes."""
    frames = shape[letters.index("T")] if "T" in letters else 1
    stamps = image.timestamps
    if stamps is None or len(stamps) < frames or len(stamps) % frames or letters.find("T") > 0:
        return ()
    seconds = stamps.astype(np.int64)[:: len(stamps) // frames] / 1000
    return tuple(seconds.tolist())
