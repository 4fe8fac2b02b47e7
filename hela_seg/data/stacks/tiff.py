"""TIFF files as series: memory-mapped where contiguous, else only the segments that a window needs."""

from __future__ import annotations

import logging
import math
import os
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from hela_seg.data.stacks.axes import resolve
from hela_seg.data.stacks.series import Pixels, Series
from hela_seg.errors import InputError

_DAMAGE = (tifffile.TiffFileError, OSError, ValueError, IndexError, KeyError, TypeError, RuntimeError, struct.error)
"""What tifffile and imagecodecs raise on damaged files; ``imagecodecs`` errors are RuntimeErrors."""

_KINDS_OF_PIXELS = "buif"


class TiffSeries(Series):
    """The first image series of a TIFF, BigTIFF, ImageJ or OME-TIFF file.

    Args:
        path: the file.
        axes: what the user says of its axes; see `hela_seg.data.stacks.axes.resolve`.
        labels: a mask: must have one channel.

    Raises:
        InputError: the file is damaged, its pixels are no numbers, or its axes are not known.
    """

    def __init__(self, path: Path, axes: str | None, *, labels: bool = False) -> None:
        self.name, self.path = path.stem, path
        if labels and axes is not None:
            axes = "".join(letter for letter in axes.upper() if letter not in "CS")
        with _damage_is_reported(path), tifffile.TiffFile(path) as file:
            series = file.series[0]
            self._file_shape = tuple(int(length) for length in series.shape)
            self._letters = resolve(
                series.axes, self._file_shape, stated=_states_axes(file, series), wanted=axes, path=path
            )
            _refuse_truncated(file, series)
            self.dtype = np.dtype(series.dtype)
            self.pixel_size, self.frame_interval = _calibration(file)
        if self.dtype.kind not in _KINDS_OF_PIXELS:
            raise InputError(f"{path} holds {self.dtype} pixels, expected integers or real numbers: convert it")
        length = {letter: self._file_shape[axis] for axis, letter in enumerate(self._letters) if letter != "_"}
        self.axes = self._letters.replace("_", "")
        self.shape = (length.get("T", 1), length.get("C", 1), length["Y"], length["X"])
        if labels and self.shape[1] != 1:
            raise InputError(f"{path} is a mask of {self.shape[1]} channels, expected one: save it as a grey label image")
        self._open: tuple[int, tifffile.TiffFile] | None = None
        self._lock = threading.Lock()

    def __getstate__(self) -> dict[str, Any]:
        """Leave the open file behind: handles survive neither a pickle nor a fork."""
        return {name: value for name, value in self.__dict__.items() if name not in {"_open", "_lock"}}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Open the file anew at the next read."""
        self.__dict__.update(state, _open=None, _lock=threading.Lock())

    def read(self, t: int, rows: slice, columns: slice) -> Pixels:
        """Read one window of frame t as (C, h, w)."""
        with self._lock, _damage_is_reported(self.path):
            series = self._file().series[0]
            if series.dataoffset is not None:
                return self._from_map(series, t, rows, columns)
            return self._from_pages(series, t, rows, columns)

    def _file(self) -> tifffile.TiffFile:
        if self._open is None or self._open[0] != os.getpid():
            self._open = (os.getpid(), tifffile.TiffFile(self.path))
        return self._open[1]

    def _from_map(self, series: tifffile.TiffPageSeries, t: int, rows: slice, columns: slice) -> Pixels:
        stored = np.dtype(series.parent.byteorder + series.dtype.char)
        pixels = np.memmap(self.path, stored, "r", series.dataoffset, self._file_shape)
        where = {"T": t, "Y": rows, "X": columns, "C": slice(None), "_": 0}
        window = pixels[tuple(where[letter] for letter in self._letters)]
        left = [letter for letter in self._letters if letter in "CYX"]
        return self._channels_first(np.asarray(window), left).astype(self.dtype)

    def _from_pages(self, series: tifffile.TiffPageSeries, t: int, rows: slice, columns: slice) -> Pixels:
        inside = len(series.keyframe.shape)
        outer, inner = self._letters[:-inside], self._letters[-inside:]
        outer_shape = self._file_shape[: len(outer)]
        channels = range(self.shape[1]) if "C" in outer else range(1)
        planes = []
        for channel in channels:
            position = [{"T": t, "C": channel}.get(letter, 0) for letter in outer]
            number = int(np.ravel_multi_index(position, outer_shape)) if outer else 0
            page = series.pages[number]
            if page is None:
                raise InputError(f"{self.path} has no page for frame {t}: the recording is incomplete")
            where = {"T": slice(t, t + 1), "Y": rows, "X": columns, "C": slice(None), "_": slice(0, 1)}
            window = _read_window(page, [where[letter] for letter in inner])
            drop = tuple(axis for axis, letter in enumerate(inner) if letter in "T_")
            planes.append(window.squeeze(drop))
        left = [letter for letter in inner if letter in "CYX"]
        if "C" in outer:
            return np.stack([self._channels_first(plane, left)[0] for plane in planes])
        return self._channels_first(planes[0], left)

    @staticmethod
    def _channels_first(window: Pixels, letters: list[str]) -> Pixels:
        if "C" not in letters:
            window, letters = window[np.newaxis], ["C", *letters]
        return window.transpose([letters.index(letter) for letter in "CYX"])


def _read_window(page: Any, where: list[slice]) -> Pixels:
    """Decode the segments (strips or tiles) of a page that a window touches, and no other."""
    page = page.aspage() if hasattr(page, "aspage") else page
    bounds = [part.indices(length)[:2] for part, length in zip(where, page.shape, strict=True)]
    window = np.zeros([stop - start for start, stop in bounds], page.dtype)
    spans = [
        range(start // chunk, -(-stop // chunk)) for (start, stop), chunk in zip(bounds, page.chunks, strict=True)
    ]
    tables = page.jpegtables
    for position in np.ndindex(*(len(span) for span in spans)):
        number = [span[i] for span, i in zip(spans, position, strict=True)]
        segment = int(np.ravel_multi_index(number, page.chunked))
        page.parent.filehandle.seek(page.dataoffsets[segment])
        encoded = page.parent.filehandle.read(page.databytecounts[segment])
        decoded = page.decode(encoded, segment, jpegtables=tables)[0]
        if decoded is None:
            continue  # a sparse file leaves out segments that are zero throughout
        corner = [i * chunk for i, chunk in zip(number, page.chunks, strict=True)]
        decoded = decoded.reshape([size for size in decoded.shape if size != 1] or [1])
        decoded = decoded.reshape(_segment_shape(page, corner))
        target, source = [], []
        for (start, stop), origin, length in zip(bounds, corner, decoded.shape, strict=True):
            low, high = max(start, origin), min(stop, origin + length)
            target.append(slice(low - start, high - start))
            source.append(slice(low - origin, high - origin))
        window[tuple(target)] = decoded[tuple(source)]
    return window


def _segment_shape(page: Any, corner: list[int]) -> list[int]:
    """Shape of a decoded segment: strips end with the image, tiles are padded to full size."""
    if page.is_tiled:
        return list(page.chunks)
    return [min(chunk, length - start) for chunk, length, start in zip(page.chunks, page.shape, corner, strict=True)]


def _states_axes(file: tifffile.TiffFile, series: tifffile.TiffPageSeries) -> bool:
    """Whether the file itself says what its axes are."""
    if series.kind in {"ome", "imagej"}:
        return True
    if series.kind == "shaped" and any("axes" in (entry or {}) for entry in file.shaped_metadata or ()):
        return True
    # one colour picture: samples interleaved in each pixel can be nothing but channels
    return series.axes == "YXS"


def _refuse_truncated(file: tifffile.TiffFile, series: tifffile.TiffPageSeries) -> None:
    size = file.filehandle.size
    if series.dataoffset is not None:
        needed = series.dataoffset + math.prod(series.shape) * series.dtype.itemsize
    else:
        last = series.pages[-1]
        needed = max((o + n for o, n in zip(last.dataoffsets, last.databytecounts, strict=False)), default=0)
    if needed > size:
        raise tifffile.TiffFileError(f"it ends after {size} bytes of at least {needed}")


def _calibration(file: tifffile.TiffFile) -> tuple[float | None, float | None]:
    """Pixel width in micrometres and frame interval in seconds, as ImageJ's metadata states them."""
    metadata = file.imagej_metadata or {}
    interval = metadata.get("finterval")
    pixel_size = None
    if metadata.get("unit") in {"micron", "um", "µm", "\\u00B5m"} and "XResolution" in file.pages.first.tags:
        pixels, micrometres = file.pages.first.tags["XResolution"].value
        pixel_size = micrometres / pixels if pixels else None
    return pixel_size, float(interval) if interval else None


class _Collector(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.messages: list[str] = []
        self._thread = threading.get_ident()

    def emit(self, record: logging.LogRecord) -> None:
        if record.thread == self._thread:
            self.messages.append(record.getMessage())


@contextmanager
def _damage_is_reported(path: Path) -> Iterator[None]:
    """Turn what tifffile raises, or only logs, about a damaged file into one line for the user."""
    log, collector = logging.getLogger("tifffile"), _Collector()
    log.addHandler(collector)
    propagate, log.propagate = log.propagate, False
    problem: str | None = None
    try:
        yield
    except InputError:
        raise
    except _DAMAGE as error:
        problem = str(error) or type(error).__name__
    finally:
        log.removeHandler(collector)
        log.propagate = propagate
    if problem is None and collector.messages:
        problem = collector.messages[0]
    if problem is not None:
        problem = " ".join(problem.split())
        raise InputError(f"{path} is damaged or no TIFF ({problem}): copy or export the file again")
