"""Files whose frames lie one behind another without compression, mapped into memory."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from hela_seg.data.stacks.damage import damaged
from hela_seg.data.stacks.segments import Version, version_of
from hela_seg.data.stacks.series import Pixels

MAPPED_FILES = 64
"""Most files that a process keeps mapped between reads."""


class MappedStack:
    """All frames of one file as an array, mapped by each process at its first read.

    A read does as little as can be: what Python does between two windows runs with a cold processor cache
    and was seen to cost half as much time as the pixels.

    Args:
        path: the file.
        version: of the file when its header was read.
        offset: bytes before the first pixel.
        dtype: as stored, with its order of bytes.
        letters: T, C, Z, Y and X, or ``_`` for an axis of length 1 without meaning, slowest first.
        shape: of the array in the file, one length a letter.
    """

    def __init__(
        self,
        path: Path,
        version: Version,
        offset: int,
        dtype: np.dtype[Any],
        letters: str,
        shape: Sequence[int],
    ) -> None:
        self._path, self._name, self._version = path, str(path), version
        self._layout = (offset, dtype, *_arranged(letters, shape, dtype.itemsize))
        self._native = dtype.newbyteorder("=")

    def read(self, t: int, z: int, rows: slice, columns: slice) -> Pixels:
        """One window of plane z of frame t as (C, h, w), in memory of its own.

        Raises:
            InputError: the file is gone or changed since its header was read.
        """
        try:
            # reading from a map of a file that was cut since would end the process
            changed = version_of(self._name) != self._version
            pixels = None if changed else _pixels_of(self)
        except OSError as error:
            raise damaged(self._path, str(error)) from None
        if pixels is None:
            raise damaged(self._path, f"{self._path.name} changed after it was opened")
        # a copy, so that no window keeps the file mapped
        return pixels[t, :, z, rows, columns].astype(self._native, order="C")

    def map(self) -> Pixels:
        """All pixels as (T, C, Z, H, W), in the file."""
        offset, dtype, shape, strides = self._layout
        return np.ndarray(shape, dtype, map_bytes(self._path, self._version), offset, strides)


@lru_cache(MAPPED_FILES)
def map_bytes(path: Path, version: Version) -> np.memmap[Any, np.dtype[np.uint8]]:
    """All bytes of a file, which is not to be cut while they are read."""
    return np.memmap(path, np.uint8, "r")


@lru_cache(MAPPED_FILES)
def _pixels_of(stack: MappedStack) -> Pixels:
    return stack.map()


def _arranged(letters: str, shape: Sequence[int], itemsize: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Lengths along T, C, Z, Y and X, and the bytes from one to the next.

    ``_arranged("TYX", (9, 4, 5), 2)`` is ``((9, 1, 1, 4, 5), (40, 0, 0, 10, 2))``.
    """
    steps = [math.prod(shape[axis + 1 :]) * itemsize for axis in range(len(shape))]
    found = {letter: (n, step) for letter, n, step in zip(letters, shape, steps, strict=True)}
    lengths, strides = zip(*(found.get(letter, (1, 0)) for letter in "TCZYX"), strict=True)
    return lengths, strides
