"""TIFF files as series: memory-mapped where contiguous, else only the segments that a window needs."""

from __future__ import annotations

import math
import os
import threading
from collections.abc import Sequence
from functools import lru_cache
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from hela_seg.data.stacks.axes import resolve
from hela_seg.data.stacks.calibration import calibration
from hela_seg.data.stacks.damage import damage_is_reported
from hela_seg.data.stacks.series import Pixels, Series, name_of
from hela_seg.errors import InputError

OPEN_FILES = 64
"""Most files that a process keeps open between reads, of each way of reading."""

_KINDS_OF_PIXELS = "buif"

_ORDERS_OF_PAGES = ("YX", "YXS", "SYX")
"""Axes of a single page that are read: grey, samples interleaved, samples in planes."""

Version = tuple[int, int]
"""Size in bytes and time of the last change, which tell a file from one that took its name later."""


class TiffSeries(Series):
    """The first image series of a TIFF, BigTIFF, ImageJ or OME-TIFF file.

    Args:
        path: the file.
        axes: what the user says of its axes; see `hela_seg.data.stacks.axes.resolve`.
        assumed_axes: the same, for files that state none.
        labels: a mask: must have one channel.

    Raises:
        InputError: the file is damaged, its pixels are no real numbers, or its axes are not known.
    """

    def __init__(
        self, path: Path, axes: str | None, *, assumed_axes: str | None = None, labels: bool = False
    ) -> None:
        self.name, self.path = name_of(path), path
        if labels:
            axes, assumed_axes = _without_channels(axes), _without_channels(assumed_axes)
        status = path.stat()
        self._version: Version = (status.st_size, status.st_mtime_ns)
        with damage_is_reported(path), tifffile.TiffFile(path) as file:
            len(file.pages)  # ends at a directory that leads back, which a walk from page to page does not
            series = file.series[0]
            self._file_shape = tuple(int(length) for length in series.shape)
            self._letters = resolve(
                series.axes,
                self._file_shape,
                stated=_states_axes(file, series),
                wanted=axes,
                assumed=assumed_axes,
                path=path,
            )
            self._stored = np.dtype(f"{file.byteorder}{series.dtype.char}")
            self._offset: int | None = series.dataoffset  # None: the frames do not lie one behind another
            self._outer = 0 if self._offset is not None else len(self._letters) - series.keyframe.ndim
            self._refuse_unfit(series)
            self._refuse_truncated(series)
            self.pixel_size, self.frame_interval = calibration(file)
        self.dtype = self._stored.newbyteorder("=")
        self.axes = self._letters.replace("_", "")
        length = dict(zip(self._letters, self._file_shape, strict=True))
        self.shape = (length.get("T", 1), length.get("C", 1), length["Y"], length["X"])
        if labels:
            self.refuse_colours()

    def read(self, t: int, rows: slice, columns: slice) -> Pixels:
        """Read one window of frame t as (C, h, w)."""
        parts = {"T": slice(t, t + 1), "C": slice(None), "Y": rows, "X": columns, "_": slice(0, 1)}
        inner = self._letters[self._outer :]
        window = [parts[letter] for letter in inner]
        with damage_is_reported(self.path):
            if self._offset is not None:
                pixels = [self._mapped(self._offset, self._file_shape)[tuple(window)]]
            else:
                pixels = [self._read_page(number, window) for number in self._pages_of(t)]
            # concatenate copies, so that no window keeps the file mapped
            return np.concatenate([_channels_first(part, inner) for part in pixels]).astype(
                self.dtype, copy=False
            )

    def _pages_of(self, t: int) -> list[int]:
        """Numbers of the pages that hold frame t, one a channel where each channel has its own."""
        outer, lengths = self._letters[: self._outer], self._file_shape[: self._outer]
        if not outer:
            return [0]
        parts = {"T": [t], "C": range(self.shape[1]), "_": [0]}
        positions = product(*(parts[letter] for letter in outer))
        return [int(np.ravel_multi_index(position, lengths)) for position in positions]

    def _read_page(self, number: int, window: Sequence[slice]) -> Pixels:
        file = _open(self.path, self._version, os.getpid())
        page = file.page(number)
        if page.is_final:
            return self._mapped(page.dataoffsets[0], page.keyframe.shape)[tuple(window)]
        return _decode_window(page, window, file)

    def _mapped(self, offset: int, shape: tuple[int, ...]) -> Pixels:
        return np.ndarray(shape, self._stored, _map(self.path, self._version), offset)

    def _refuse_unfit(self, series: tifffile.TiffPageSeries) -> None:
        """Refuse what is no picture, or laid out in pages that do not make up its frames."""
        if self._stored.kind not in _KINDS_OF_PIXELS:
            raise InputError(f"{self.path} holds {series.dtype} pixels, expected real numbers: convert it")
        page, outer = series.keyframe, self._letters[: self._outer]
        if self._offset is not None:
            return
        fits = self._file_shape[self._outer :] == page.shape and page.axes in _ORDERS_OF_PAGES
        if not fits or {"Y", "X"} & set(outer):
            raise InputError(
                f"{self.path} is laid out in pages of {page.axes} {page.shape}, expected whole frames with "
                f"the axes {self._letters}: set data.axes (axes, to predict), or save it as plain TIFF"
            )

    def _refuse_truncated(self, series: tifffile.TiffPageSeries) -> None:
        """Refuse a file that is shorter than its header says, as far as the last page tells."""
        if self._offset is not None:
            needed = self._offset + math.prod(self._file_shape) * self._stored.itemsize
        else:
            pages, last = math.prod(self._file_shape[: self._outer]), series.pages[-1]
            if len(series.pages) < pages or last is None:
                raise tifffile.TiffFileError(f"it holds fewer than the {pages} pages that it states")
            needed = max(map(sum, zip(last.dataoffsets, last.databytecounts, strict=True)), default=0)
        if needed > self._version[0]:
            raise tifffile.TiffFileError(f"it ends after {self._version[0]} bytes of at least {needed}")


class _OpenTiff:
    """A TIFF file kept open by one process, shared by its threads."""

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        self._file = tifffile.TiffFile(path)
        self._series = self._file.series[0]

    def __del__(self) -> None:
        if hasattr(self, "_file"):
            self._file.close()

    def page(self, number: int) -> Any:
        """A page of the series: where its segments lie."""
        with self._lock:
            page = self._series.pages[number]
        if page is None:
            raise tifffile.TiffFileError(f"page {number} is missing")
        return page

    def read(self, offset: int, count: int) -> bytes:
        """Bytes of the file; as many as asked for."""
        with self._lock:
            self._file.filehandle.seek(offset)
            encoded: bytes = self._file.filehandle.read(count)
        if len(encoded) < count:
            raise tifffile.TiffFileError(f"it ends inside the {count} bytes at {offset}")
        return encoded


@lru_cache(OPEN_FILES)
def _open(path: Path, version: Version, process: int) -> _OpenTiff:
    """The file, opened once in each process: positions in a file do not survive a fork."""
    return _OpenTiff(path)


@lru_cache(OPEN_FILES)
def _map(path: Path, version: Version) -> np.memmap[Any, np.dtype[np.uint8]]:
    return np.memmap(path, np.uint8, "r")


def _decode_window(page: Any, window: Sequence[slice], file: _OpenTiff) -> Pixels:
    """Decode the segments (strips or tiles) of a page that a window touches, and no other."""
    keyframe, order = page.keyframe, page.keyframe.axes
    chunks = (1, *keyframe.chunks) if order == "SYX" else keyframe.chunks  # a segment is of one sample
    bounds = [part.indices(length)[:2] for part, length in zip(window, keyframe.shape, strict=True)]
    pixels = np.zeros([stop - start for start, stop in bounds], keyframe.dtype)
    spans = [range(low // n, -(-high // n)) for (low, high), n in zip(bounds, chunks, strict=True)]
    for place in product(*spans):
        number = int(np.ravel_multi_index(place, keyframe.chunked))
        if not page.databytecounts[number]:
            continue  # sparse files leave out segments that are zero throughout
        encoded = file.read(page.dataoffsets[number], page.databytecounts[number])
        segment = _in_order(keyframe.decode(encoded, number, jpegtables=page.jpegtables)[0], order)
        corner = [i * n for i, n in zip(place, chunks, strict=True)]
        target, source = [], []
        for (start, stop), origin, length in zip(bounds, corner, segment.shape, strict=True):
            low, high = max(start, origin), min(stop, origin + length)
            target.append(slice(low - start, high - start))
            source.append(slice(low - origin, high - origin))
        pixels[tuple(target)] = segment[tuple(source)]
    return pixels


def _in_order(segment: Pixels, order: str) -> Pixels:
    """A segment as tifffile decodes it, (depth, h, w, samples), in the order of its page's axes."""
    rows_columns_samples: Pixels = segment[0]
    if order == "YXS":
        return rows_columns_samples
    grey: Pixels = rows_columns_samples[..., 0]
    return grey if order == "YX" else grey[np.newaxis]


def _channels_first(pixels: Pixels, letters: str) -> Pixels:
    """A window with one axis a letter -> (C, h, w)."""
    order = [letters.index(letter) for letter in "CYX" if letter in letters]
    dropped = [axis for axis in range(len(letters)) if axis not in order]
    arranged = pixels.transpose(*dropped, *order)
    return arranged.reshape(-1, *arranged.shape[-2:])


def _without_channels(axes: str | None) -> str | None:
    """The axes of a mask, given those of its image."""
    return None if axes is None else "".join(letter for letter in axes if letter.upper() not in "CS")


def _states_axes(file: tifffile.TiffFile, series: tifffile.TiffPageSeries) -> bool:
    """Whether the file itself says what its axes are."""
    if series.kind in {"ome", "imagej"}:
        return True
    if series.kind == "shaped" and any("axes" in (entry or {}) for entry in file.shaped_metadata or ()):
        return True
    # one colour picture: samples interleaved in each pixel can be nothing but channels
    return bool(series.axes == "YXS")
