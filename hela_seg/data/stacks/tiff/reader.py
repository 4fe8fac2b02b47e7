"""TIFF files as series: memory-mapped where contiguous, else only the segments that a window needs."""

from __future__ import annotations

import math
import os
import threading
from collections.abc import Sequence
from functools import lru_cache
from io import FileIO
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from hela_seg.data.stacks.axes import resolve
from hela_seg.data.stacks.calibration import calibration
from hela_seg.data.stacks.damage import damage_is_reported
from hela_seg.data.stacks.options import ReadOptions
from hela_seg.data.stacks.segments import Version, assemble, cache, version_of
from hela_seg.data.stacks.series import Pixels, channels_first, named
from hela_seg.data.stacks.tiff.ifds import refuse_broken_chain
from hela_seg.data.stacks.tiff.mapped import MappedStack, map_bytes
from hela_seg.data.stacks.tiff.ome import refuse_other_folders, refuse_unfit, stated_planes
from hela_seg.data.stacks.tiff.photometric import colours_of, photometric_of
from hela_seg.data.stacks.tiff.positions import SLIDES, chosen_place
from hela_seg.data.stacks.tiff.several_files import NDTIFF_INDEX
from hela_seg.data.stacks.tiff.shaped import open_tiff
from hela_seg.data.stacks.volume import VolumeSeries
from hela_seg.system.errors import InputError

OPEN_FILES = 64
"""Most files that a process keeps open between reads, of each way of reading."""

_STATING = {"ome", "imagej", "lsm", "stk", "ndtiff", "mmstack"}
"""Kinds of files, as tifffile calls them, that say what their axes are."""

_ORDERS_OF_PAGES = ("YX", "YXS", "SYX")
"""Axes of a single page that are read: grey, samples interleaved, samples in planes."""

_LOSSLESS = (1, 2, 3, 4, 5, 8, 32773, 32946, 34925, 50000)
"""Compressions that give masks back unchanged: none, CCITT, LZW, deflate, PackBits, LZMA, zstd."""


class TiffSeries(VolumeSeries):
    """The one image series of a TIFF, BigTIFF, ImageJ or OME-TIFF file, the last also over several files.

    Args:
        path: the file.
        options: how to read it.

    Raises:
        InputError: the file is damaged or oversized, its pixels are no real numbers, or its axes are not
            known; a mask in colours or with a compression that may have changed its values.
    """

    def __init__(self, path: Path, options: ReadOptions) -> None:
        self.path = path
        with damage_is_reported(path):
            refuse_broken_chain(path)
            with open_tiff(path) as file:
                self._read_header(file, options)

    def _read_header(self, file: tifffile.TiffFile, options: ReadOptions) -> None:
        refuse_unfit(self.path, file.ome_metadata)
        index = self.path.with_name(NDTIFF_INDEX)
        if file.is_ndtiff and index.exists():
            refuse_other_folders(self.path, (entry[1] for entry in tifffile.read_ndtiff_index(index)))
        place = chosen_place(file, self.path, options.position)
        self._series, self._index, self.position = place.series, place.along, place.name
        self.name = named(self.path, self.position)
        series = file.series[self._series]
        shape = tuple(int(length) for length in series.shape)
        _refuse_lost_frames(file, series, place.number)
        letters = self._axes_of(series, shape, options, stated=_states_axes(file, series))
        self._stored = np.dtype(f"{file.byteorder}{series.dtype.char}")
        self._offset: int | None = series.dataoffset  # None: the frames do not lie one behind another
        self._outer = 0 if self._offset is not None else len(letters) - series.keyframe.ndim
        stored = shape[letters.index("C")] if "C" in letters else 1
        samples = stored if letters[series.axes.find("S")] == "C" and "S" in series.axes else 1
        self._photometric = photometric_of(file, series.keyframe, samples, options, self.path)
        channels = self._photometric.channels(stored)
        self._settle(letters, shape, self._photometric.shown_dtype, options, channels)
        self._refuse_unfit(series, options)
        self._versions = {path: version_of(path) for path in _parts(series, self.path)}
        for other in self.paths[1:]:
            refuse_broken_chain(other)
        self._refuse_truncated(series)
        self._stack = None
        if self._offset is not None:
            version = self._versions[self.path]
            first = self._offset + self._stored.itemsize * sum(
                index * math.prod(shape[letters.index(letter) + 1 :]) for letter, index in self._index.items()
            )
            self._stack = MappedStack(self.path, version, first, self._stored, letters, shape)
        self._calibrate(calibration(file, place.number))

    def _axes_of(
        self, series: tifffile.TiffPageSeries, shape: tuple[int, ...], options: ReadOptions, *, stated: bool
    ) -> str:
        """One letter an axis of a series, those of positions left as they are."""
        inner = [axis for axis, letter in enumerate(series.axes) if letter not in self._index]
        found, lengths = "".join(series.axes[axis] for axis in inner), tuple(shape[axis] for axis in inner)
        letters = resolve(found, lengths, options, self.path, stated=stated)
        of_axis = dict(zip(inner, letters, strict=True))
        return "".join(of_axis.get(axis, letter) for axis, letter in enumerate(series.axes))

    @property
    def paths(self) -> tuple[Path, ...]:
        """All files that hold frames."""
        return tuple(self._versions)

    def colour_table(self, t: int) -> NDArray[np.uint8] | None:
        """Colours (n, 3) that the file shows the values of frame t in."""
        if not self._photometric.is_indexed:
            return None
        number = 0 if self._offset is not None else self._pages_of(t, 0)[0]
        with damage_is_reported(self.path):
            return colours_of(self._page(number).aspage())

    def _plane(self, t: int, z: int, rows: slice, columns: slice) -> Pixels:
        return self._photometric.apply(self._stored_plane(t, z, rows, columns))

    def _stored_plane(self, t: int, z: int, rows: slice, columns: slice) -> Pixels:
        if self._stack is not None:
            return self._stack.read(t, z, rows, columns)
        inner = self._letters[self._outer :]
        window = self._slices(inner, t, z, rows, columns)
        with damage_is_reported(self.path):
            pages = [self._read_page(number, window) for number in self._pages_of(t, z)]
        planes = [channels_first(page, inner) for page in pages]
        return planes[0] if len(planes) == 1 else np.concatenate(planes)

    def _pages_of(self, t: int, z: int) -> list[int]:
        """Numbers of the pages that hold a plane, one a channel where each channel has its own."""
        outer, lengths = self._letters[: self._outer], self._file_shape[: self._outer]
        if not outer:
            return [0]
        parts = {"T": [t], "Z": [z], "_": [0]} | {"C": range(self._file_shape[self._letters.find("C")])}
        parts |= {letter: [index] for letter, index in self._index.items()}
        positions = product(*(parts[letter] for letter in outer))
        return [int(np.ravel_multi_index(position, lengths)) for position in positions]

    def _read_page(self, number: int, window: Sequence[slice]) -> Pixels:
        page = self._page(number)
        shape, dtype = page.keyframe.shape, self._photometric.dtype
        path = self.path if len(self._versions) == 1 else _path_of(page, self.path)
        version = self._unchanged(path)
        if page.is_final:
            pixels: Pixels = np.ndarray(shape, self._stored, map_bytes(path, version), page.dataoffsets[0])
            return pixels[tuple(window)].astype(dtype)

        def fetch(place: tuple[int, ...]) -> Pixels | None:
            """A decoded strip or tile, from the cache where it is there."""
            segment = int(np.ravel_multi_index(place, page.keyframe.chunked))
            if not page.databytecounts[segment]:
                return None  # sparse files leave out segments that are zero throughout
            return cache.get((path, version, page.index, segment), lambda: _decode(page, segment, file))

        # opened for each window, so that neither threads nor forked processes share a position in it
        with path.open("rb", buffering=0) as file:
            return assemble(window, shape, _segment_shape(page.keyframe), dtype, fetch)

    def _page(self, number: int) -> Any:
        return _open(self.path, self._unchanged(self.path), os.getpid()).page(self._series, number)

    def _unchanged(self, path: Path) -> Version:
        """The file's version; reading from a map of a file that was cut since would end the process."""
        version = version_of(path)
        if version != self._versions[path]:
            raise tifffile.TiffFileError(f"{path.name} changed after it was opened")
        return version

    def _refuse_unfit(self, series: tifffile.TiffPageSeries, options: ReadOptions) -> None:
        """Refuse what is no picture, or laid out in pages that do not make up its frames."""
        if 0 in self._file_shape:
            raise tifffile.TiffFileError(f"it states {self._file_shape} pixels")
        page, outer = series.keyframe, self._letters[: self._outer]
        if options.labels and not options.soft and page.compression not in _LOSSLESS:
            name = tifffile.COMPRESSION(page.compression).name
            raise InputError(
                f"{self.path} is a mask compressed as {name}, which may change its values, expected none or "
                "a lossless compression such as deflate: export the mask again"
            )
        if self._offset is not None:
            return
        fits = self._file_shape[self._outer :] == page.shape and page.axes in _ORDERS_OF_PAGES
        if not fits or {"Y", "X"} & set(outer):
            raise InputError(
                f"{self.path} is laid out in pages of {page.axes} {page.shape}, expected whole frames with "
                f"the axes {self._letters}: set data.axes (axes, to predict), or save it as plain TIFF"
            )
        if math.prod(page.chunks) > options.max_frame_pixels:
            raise tifffile.TiffFileError(f"it states segments of {page.chunks} pixels")

    def _refuse_truncated(self, series: tifffile.TiffPageSeries) -> None:
        """Refuse a file that is shorter than its header says, as far as the last page of each part tells."""
        if self._offset is not None:
            needed = self._offset + math.prod(self._file_shape) * self._stored.itemsize
            _refuse_shorter(self.path, self._versions[self.path], needed)
            return
        count = math.prod(self._file_shape[: self._outer])
        last: Any = series.pages[-1]
        if len(series.pages) < count or last is None or (series.is_multifile and None in [*series.pages]):
            raise tifffile.TiffFileError(f"it holds fewer than the {count} pages that it states")
        parts: dict[Path, Any] = {self.path: last}
        if len(self._versions) > 1:
            parts = {_path_of(page, self.path): page for page in series.pages}
        for path, page in parts.items():
            needed = max(map(sum, zip(page.dataoffsets, page.databytecounts, strict=True)), default=0)
            _refuse_shorter(path, self._versions[path], needed)


def _refuse_shorter(path: Path, version: Version, needed: int) -> None:
    if needed > version[0]:
        raise tifffile.TiffFileError(f"{path.name} ends after {version[0]} bytes of at least {needed}")


class _OpenTiff:
    """The pages of a TIFF file, kept open by one process and shared by its threads."""

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        self._file = open_tiff(path)
        self._series = self._file.series

    def __del__(self) -> None:
        if hasattr(self, "_file"):
            self._file.close()

    def page(self, series: int, number: int) -> Any:
        """A page of one of the file's series: where its segments lie."""
        with self._lock:
            page = self._series[series].pages[number]
        # tifffile gives zeros for planes of Micro-Manager's stacks that were cut off
        if page is None or (self._series[series].kind == "mmstack" and not any(page.databytecounts)):
            raise tifffile.TiffFileError(f"page {number} is missing")
        return page


@lru_cache(OPEN_FILES)
def _open(path: Path, version: Version, process: int) -> _OpenTiff:
    """The file, opened once in each process: positions in a file do not survive a fork."""
    return _OpenTiff(path)


def _decode(page: Any, segment: int, file: FileIO) -> Pixels:
    """One segment (strip or tile) of a page, in the order of its axes."""
    offset, count = page.dataoffsets[segment], page.databytecounts[segment]
    file.seek(offset)
    encoded = file.read(count)
    if len(encoded) < count:
        raise tifffile.TiffFileError(f"it ends inside the {count} bytes at {offset}")
    decoded = page.keyframe.decode(encoded, segment, jpegtables=page.jpegtables)[0]
    return _in_order(decoded, page.keyframe.axes)


def _segment_shape(keyframe: tifffile.TiffPage) -> tuple[int, ...]:
    # of samples in planes, each has segments of its own
    return (1, *keyframe.chunks) if keyframe.axes == "SYX" else tuple(keyframe.chunks)


def _path_of(page: Any, first: Path) -> Path:
    """The file that holds a page; the series' first file goes by the name that it was opened with."""
    path = Path(page.parent.filehandle.path)  # absolute and without links, whatever was opened
    return first if path == first.resolve() else path


def _parts(series: tifffile.TiffPageSeries, path: Path) -> list[Path]:
    """The files that hold the pages of a series, beginning with its own."""
    pages = series.pages if series.is_multifile else ()
    return list(dict.fromkeys([path, *(_path_of(page, path) for page in pages if page is not None)]))


def _in_order(segment: Pixels, order: str) -> Pixels:
    """A segment as tifffile decodes it, (depth, h, w, samples), in the order of its page's axes."""
    rows_columns_samples: Pixels = segment[0]
    if order == "YXS":
        return rows_columns_samples
    grey: Pixels = rows_columns_samples[..., 0]
    return grey if order == "YX" else grey[np.newaxis]


def _refuse_lost_frames(file: tifffile.TiffFile, series: tifffile.TiffPageSeries, number: int) -> None:
    """Refuse fewer frames than the metadata state; tifffile would tell its logger alone."""
    lengths = zip(series.axes, series.shape, strict=True)
    found = math.prod(length for axis, length in lengths if axis not in "YX")
    stated = stated_planes(file.ome_metadata, number)
    if file.imagej_metadata is not None:
        samples = dict(zip(series.axes, series.shape, strict=True)).get("S", 1)
        stated = max(stated, int(file.imagej_metadata.get("images", 1)) * samples)
    if found < stated:
        raise tifffile.TiffFileError(f"it states {stated} planes and holds {found}")


def _states_axes(file: tifffile.TiffFile, series: tifffile.TiffPageSeries) -> bool:
    """Whether the file itself says what its axes are."""
    if series.kind in _STATING | SLIDES:
        return True
    if series.kind == "shaped" and any("axes" in (entry or {}) for entry in file.shaped_metadata or ()):
        return True
    # one colour picture: samples interleaved in each pixel can be nothing but channels, and samples in planes
    # are what the tags say, unless tifffile guessed RGB from the shape of an array, as it does by default
    guessed = "tifffile" in series.keyframe.software
    return bool(series.axes == "YXS" or (series.axes == "SYX" and not guessed))
