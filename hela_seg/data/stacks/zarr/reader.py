"""Zarr arrays of format 2 and 3 and OME-Zarr 0.1 to 0.5 as series."""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hela_seg.data.stacks.axes import resolve
from hela_seg.data.stacks.damage import damage_is_reported
from hela_seg.data.stacks.discovery.positions import chosen
from hela_seg.data.stacks.discovery.remote import is_remote, require_packages
from hela_seg.data.stacks.options import ReadOptions
from hela_seg.data.stacks.segments import Version, assemble, cache, version_of
from hela_seg.data.stacks.series import Pixels, channels_first, named
from hela_seg.data.stacks.volume import VolumeSeries
from hela_seg.data.stacks.zarr.fill_value import with_fill_value
from hela_seg.data.stacks.zarr.multiscales import find_image, positions
from hela_seg.system.errors import InputError, import_extra

if TYPE_CHECKING:
    import zarr

_METADATA = ("zarr.json", ".zarray", ".zattrs")
"""The file that describes an array, or a group with its images, in format 3 and 2."""

OPEN_ARRAYS = 64
"""Most arrays that a process keeps open between reads."""

_REMOTE: Version = (0, 0)
"""Version of what lies on a server: whether it changes is not asked."""


class ZarrSeries(VolumeSeries):
    """A folder that ends in ``.zarr``, or its address: an array, or the full resolution of an OME-Zarr image.

    A chunk that is not on disk may be damage, or one that the writer left out since all of it was the fill
    value. Nothing in the format tells these apart, so it is refused unless ``fill_missing_chunks`` is set.
    The last chunk is read when the series is opened, for copies break off at the end; all others in time.

    Args:
        path: the folder.
        options: how to read it.

    Raises:
        InputError: no ``zarr`` package, damage, several images in one folder, or axes that are not known.
    """

    def __init__(self, path: Path, options: ReadOptions) -> None:
        self.path = path
        self._fill = options.fill_missing_chunks
        with _faults_are_reported(path):
            self.position, group = _position(path, options.position)
            self.name = named(path, self.position)
            array, axes, calibration = find_image(path, group, labels=options.labels)
            unknown = ("Q" * array.ndim + "YX")[-array.ndim :]
            letters = resolve(axes or unknown, array.shape, options, path, stated=axes is not None)
            self._settle(letters, array.shape, array.dtype, options)
            self._calibrate(calibration)
            self._inside, self._chunk_shape = array.path, array.chunks
            # format 2 may state none, and zarr then fills with zeros
            self._fill_value = 0 if array.fill_value is None else array.fill_value
            self._version = _metadata_version(path, self._inside)
            self._refuse_unfit_chunks(options.max_frame_pixels)
            grid = zip(array.shape, array.chunks, strict=True)
            self._chunk(tuple((length - 1) // n for length, n in grid))

    def _plane(self, t: int, z: int, rows: slice, columns: slice) -> Pixels:
        window = self._slices(self._letters, t, z, rows, columns)
        with _faults_are_reported(self.path):
            if _metadata_version(self.path, self._inside) != self._version:
                raise ValueError("it changed after it was opened")
            pixels = assemble(window, self._file_shape, self._chunk_shape, self.dtype, self._chunk)
        return channels_first(pixels, self._letters)

    def _chunk(self, place: tuple[int, ...]) -> Pixels:
        key = (self.path, self._inside, self._version, self._fill, place)
        return cache.get(key, lambda: self._read_chunk(place))

    def _read_chunk(self, place: tuple[int, ...]) -> Pixels:
        corner = [index * n for index, n in zip(place, self._chunk_shape, strict=True)]
        box = tuple(slice(low, low + n) for low, n in zip(corner, self._chunk_shape, strict=True))
        pixels = np.asarray(_open(self.path, self._inside, self._version, None, os.getpid())[box])
        if not self._fill and np.all(pixels == self._fill_value) and self._is_missing(corner):
            raise InputError(
                f"{self.path} lacks the chunk {'/'.join(map(str, place))}, expected all of them: copy the "
                "folder again, or set data.fill_missing_chunks=true if its writer leaves out empty chunks"
            )
        return pixels.astype(self.dtype, copy=False)

    def _is_missing(self, corner: list[int]) -> bool:
        """Whether a chunk follows the fill value, which those on disk do not."""
        other = self.dtype.type(1 - bool(self._fill_value))
        pixel = tuple(corner)
        return bool(_open(self.path, self._inside, self._version, other, os.getpid())[pixel] == other)

    def _refuse_unfit_chunks(self, limit: int) -> None:
        if math.prod(self._chunk_shape) > limit:
            raise InputError(
                f"{self.path} states chunks of {'x'.join(map(str, self._chunk_shape))}, expected at most "
                f"{limit} values: export it again, or raise data.max_frame_pixels"
            )

    def sha256(self) -> str:
        """SHA-256 of all files; of an array on a server, that of its address, its shape and one chunk."""
        if not is_remote(self.path):
            return super().sha256()
        frame = self.read(0, slice(0, 1), slice(0, 1))
        about = (str(self.path), self._inside, self._file_shape, self.dtype.str, frame.tolist())
        return hashlib.sha256(repr(about).encode()).hexdigest()


def positions_of(path: Path) -> list[str]:
    """Names of the positions in a folder; one where it holds a single image.

    Raises:
        InputError: no ``zarr`` package, or damage.
    """
    with _faults_are_reported(path):
        return list(_groups(path))


def _position(path: Path, wanted: str | None) -> tuple[str | None, str]:
    """The position that is meant, where the folder has several, and its group in the folder."""
    groups = _groups(path)
    name = list(groups)[chosen(list(groups), wanted, path)]
    return name if len(groups) > 1 else None, groups[name]


def _groups(path: Path) -> dict[str, str]:
    return _positions(path, _metadata_version(path, ""), _REMOTE if is_remote(path) else version_of(path))


@lru_cache(16)
def _positions(path: Path, *versions: Version) -> dict[str, str]:
    """The wells of a plate have a file of metadata each, too many to be read for every position."""
    return positions(path)


@contextmanager
def _faults_are_reported(path: Path) -> Iterator[None]:
    """Turn what goes wrong inside the block into an `InputError`: damage, or of an address no answer."""
    import_extra("zarr", what=str(path), extra="zarr")
    if not is_remote(path):
        with damage_is_reported(path, "Zarr"):
            yield
        return
    require_packages(path)
    try:
        yield
    except InputError:
        raise
    except Exception as error:  # each kind of server has errors of its own
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise InputError(
            f"{path} cannot be read ({reason}): check the address, the network and whether you may read it"
        ) from None


def _metadata_version(path: Path, inside: str) -> Version:
    if is_remote(path):
        return _REMOTE
    folder = path / inside
    return version_of(next((folder / name for name in _METADATA if (folder / name).exists()), folder))


@lru_cache(OPEN_ARRAYS)
def _open(path: Path, inside: str, version: Version, fill_value: Any, process: int) -> zarr.Array[Any]:
    """The array, by choice with another fill value; connections to a server do not survive a fork."""
    import zarr

    array = zarr.open_array(str(path), path=inside, mode="r")
    return array if fill_value is None else with_fill_value(array, fill_value)
