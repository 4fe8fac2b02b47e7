"""NumPy's files as series: ``.npy``, and arrays of an ``.npz`` archive, named as ``train.npz/X``.

A mask may also be the ``_seg.npy`` of Cellpose, a pickle of which only the masks are parsed.
``train.npz/y[0]`` is the first entry of the array's last axis, for archives with several masks of an image.
"""

from __future__ import annotations

import math
import re
import zipfile
from functools import lru_cache
from pathlib import Path, PurePath
from typing import Any

import numpy as np

from hela_seg.data.stacks import cellpose_seg
from hela_seg.data.stacks.axes import resolve
from hela_seg.data.stacks.damage import damage_is_reported
from hela_seg.data.stacks.options import ReadOptions
from hela_seg.data.stacks.segments import Version, version_of
from hela_seg.data.stacks.series import Pixels, channels_first, name_of
from hela_seg.data.stacks.volume import VolumeSeries
from hela_seg.system.errors import InputError, join_names

ARCHIVE = ".npz"

_ENTRY = re.compile(r"(.+)\[([0-9]{1,9})\]")


def is_numpy(path: PurePath) -> bool:
    """Whether a path names a file of NumPy, or an array in an archive."""
    return path.suffix.lower() == ".npy" or path.parent.suffix.lower() == ARCHIVE


class NumpySeries(VolumeSeries):
    """An array on disk; nothing in the file is executed, so that pickled objects are refused.

    An ``.npy`` file is mapped; arrays of archives and pickles are held in memory by each process that reads.

    Args:
        path: the file, or an archive and the array's name in it, with or without ``[entry]``.
        options: how to read it; its axes are needed, for these files state none.

    Raises:
        InputError: no such file or array, a damaged one, pickled objects, or axes that are not known.
    """

    def __init__(self, path: Path, options: ReadOptions) -> None:
        in_archive = path.parent.suffix.lower() == ARCHIVE
        self._file = path.parent if in_archive else path
        self.path, self.name = path, name_of(self._file)
        named = _ENTRY.fullmatch(path.name) if in_archive else None
        self._entry = int(named[2]) if named else None
        whole = path.name if in_archive else ""
        self._array: str = named[1] if named else whole
        self._is_mask, self._pickled = options.labels, False
        with damage_is_reported(self._file, "file of NumPy"):
            self._version = version_of(self._file)
            shape, dtype = self._read_header()
        if self._entry is not None:
            if self._entry >= shape[-1]:
                raise InputError(
                    f"{path} is asked for, expected an entry below {shape[-1]}: correct the number"
                )
            shape = shape[:-1]
        unknown = ("Q" * len(shape) + "YX")[-len(shape) :]
        letters = resolve(unknown, shape, options, path, stated=False)
        self._settle(letters, shape, dtype, options)

    @property
    def paths(self) -> tuple[Path, ...]:
        """The file."""
        return (self._file,)

    def _read_header(self) -> tuple[tuple[int, ...], np.dtype[Any]]:
        if not self._array:
            with self._file.open("rb") as file:
                return self._header(file, self._file.stat().st_size)
        with zipfile.ZipFile(self._file) as archive:
            names = [name.removesuffix(".npy") for name in archive.namelist()]
            if self._array not in names:
                raise InputError(
                    f"{self._file} holds the arrays {join_names(names)}, expected one named "
                    f"'{self._array}': correct the name"
                )
            member = archive.getinfo(f"{self._array}.npy")
            with archive.open(member) as opened:
                return self._header(opened, member.file_size)

    def _header(self, file: Any, size: int) -> tuple[tuple[int, ...], np.dtype[Any]]:
        shape, dtype = _read_header_of(file)
        if dtype.hasobject:
            masks = self._pickled_masks()
            return masks.shape, masks.dtype
        if math.prod(shape) * dtype.itemsize > size - file.tell() or len(shape) < 2:
            raise ValueError(f"it states {shape} numbers of {dtype} in {size} bytes")
        return shape, dtype

    def _pickled_masks(self) -> Pixels:
        self._pickled = True
        try:
            if self._array or not self._is_mask:
                raise ValueError("only masks of Cellpose may be pickled")
            return _masks(self._file, self._version)
        except (ValueError, LookupError, TypeError, AttributeError):
            raise InputError(
                f"{self.path} holds pickled Python objects, which are never loaded since they can run code, "
                "expected an array of numbers, or masks in Cellpose's own _seg.npy: save images as TIFF and "
                "masks as PNG (in Cellpose's window File > Save masks as PNG/tif, or --save_png)"
            ) from None

    def _plane(self, t: int, z: int, rows: slice, columns: slice) -> Pixels:
        with damage_is_reported(self._file, "file of NumPy"):
            array = self._pickled_masks() if self._pickled else _array(self._file, self._array, self._version)
        if self._entry is not None:
            array = array[..., self._entry]
        window = self._slices(self._letters, t, z, rows, columns)
        return channels_first(np.array(array[window], self.dtype), self._letters)


@lru_cache(4)
def _array(path: Path, name: str, version: Version) -> Pixels:
    """The array, read or mapped once in each process."""
    loaded: Any = np.load(path, mmap_mode=None if name else "r", allow_pickle=False)
    return loaded[name] if name else loaded  # type: ignore[no-any-return]


@lru_cache(4)
def _masks(path: Path, version: Version) -> Pixels:
    """The masks of Cellpose's pickle, read once in each process."""
    with path.open("rb") as file:
        _read_header_of(file)
        return cellpose_seg.masks_of(file.read())


def _read_header_of(file: Any) -> tuple[tuple[int, ...], np.dtype[Any]]:
    version = np.lib.format.read_magic(file)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, dtype = read(file)
    return shape, dtype
