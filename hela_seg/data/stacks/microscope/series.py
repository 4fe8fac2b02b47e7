"""One position of a microscope file as a series of frames."""

from __future__ import annotations

import atexit
import os
from functools import lru_cache
from pathlib import Path

import numpy as np

from hela_seg.data.stacks.axes import resolve
from hela_seg.data.stacks.damage import damage_is_reported
from hela_seg.data.stacks.discovery.positions import chosen, position_names
from hela_seg.data.stacks.microscope.reader import Image, Reader
from hela_seg.data.stacks.options import ReadOptions
from hela_seg.data.stacks.segments import Version, version_of
from hela_seg.data.stacks.series import Pixels, named
from hela_seg.data.stacks.volume import VolumeSeries
from hela_seg.system.errors import InputError, import_extra

OPEN_FILES = 64
"""Most files that a process keeps open between reads."""


class MicroscopeSeries(VolumeSeries):
    """One position of a file that a `Reader` opens.

    The last pixel is read when the series is opened, for copies break off at the end.

    Args:
        path: the file.
        options: how to read it.
        reader: of the file's format.

    Raises:
        InputError: the library is not installed, the file is damaged or oversized, its axes are not known, or
            it holds several positions and none is chosen.
    """

    def __init__(self, path: Path, options: ReadOptions, reader: type[Reader]) -> None:
        self.path, self._reader = path, reader
        with damage_is_reported(path, reader.format_name, Exception):
            self._version = version_of(path)
            opened = self._open()
            images, self._files = opened.images, opened.files
            names = position_names([image.name for image in images])
            self._number = chosen(names, options.position, path)
            self.position = names[self._number] if len(names) > 1 else None
            self.name = named(path, self.position)
            self._describe(images[self._number], options)
            self.read(self.shape[0] - 1, *(slice(length - 1, length) for length in self.shape[2:]))

    @property
    def paths(self) -> tuple[Path, ...]:
        """The file, and others that hold parts of it."""
        return (self.path, *self._files)

    def _describe(self, image: Image, options: ReadOptions) -> None:
        if 0 in image.shape:
            raise ValueError(f"it states {image.shape} pixels")
        place = Path(f"{self.path} ({image.name})") if image.name else self.path
        letters = resolve(image.axes, image.shape, options, place, stated=True)
        planes = [image.axes.index(letter) for letter in "YX"]
        if [letters.index(letter) for letter in "YX"] != planes:
            raise InputError(
                f"{self.path} is laid out in planes with the axes {image.axes}, expected Y and X at the same "
                f"places in the axes {letters}: set data.axes (axes, to predict) so"
            )
        samples = image.axes.find("S")
        if letters.find("C") != samples and samples >= 0 and letters[samples] != "_":
            raise InputError(
                f"{self.path} holds colours along the last of its axes {image.axes}, expected C there, found "
                f"{letters}: set data.axes (axes, to predict) so"
            )
        inner = {*planes, samples}
        self._outer = [letter for axis, letter in enumerate(letters) if axis not in inner]
        self._settle(letters, image.shape, image.dtype, options)
        self._calibrate(image.calibration)

    def _plane(self, t: int, z: int, rows: slice, columns: slice) -> Pixels:
        height, width = self.shape[2:]
        rows, columns = slice(*rows.indices(height)[:2]), slice(*columns.indices(width)[:2])
        size = (rows.stop - rows.start, columns.stop - columns.start)
        pixels = np.empty((self.shape[1], *size), self.dtype)
        with damage_is_reported(self.path, self._reader.format_name, Exception):
            file = self._open()
            for channel in range(self.shape[1] if "C" in self._outer else 1):
                plane = file.window(self._number, self._place(t, z, channel), rows, columns)
                if plane.shape[:2] != size:
                    raise ValueError(f"a plane gives {plane.shape} pixels, expected {size}")
                if plane.ndim == 3:
                    pixels[:] = np.moveaxis(plane, 2, 0)
                else:
                    pixels[channel] = plane
        return pixels

    def _place(self, t: int, z: int, channel: int) -> tuple[int, ...]:
        index = {"T": t, "Z": z, "C": channel, "_": 0}
        return tuple(index[letter] for letter in self._outer)

    def _open(self) -> Reader:
        version = version_of(self.path)
        if version != self._version:
            raise ValueError("it changed after it was opened")
        return _open(self._reader, self.path, version, os.getpid())


@lru_cache(OPEN_FILES)
def _open(kind: type[Reader], path: Path, version: Version, process: int) -> Reader:
    """The file, opened once in each process: positions in a file do not survive a fork."""
    import_extra(kind.package, what=str(path), extra=kind.extra)
    return kind(path)


atexit.register(_open.cache_clear)  # closed while the libraries are still whole


def positions_of(path: Path, kind: type[Reader]) -> list[str]:
    """Names of the positions in a file, in its order; one where it holds a single image.

    Raises:
        InputError: the library is not installed, or the file is damaged.
    """
    with damage_is_reported(path, kind.format_name, Exception):
        images = _open(kind, path, version_of(path), os.getpid()).images
        return position_names([image.name for image in images])
