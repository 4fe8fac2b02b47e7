"""Frames of a file as an array for napari: read as they are shown, and class maps can be painted on.

It is no array of dask, whose import takes longer than all that this package does to open a folder of results.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

RECENT = 8
"""Frames that are kept after they were shown, so that going back and forth is quick."""

LARGEST_KEPT = 2**28
"""Bytes of all frames that are kept so; of larger ones fewer are."""


class LazyFrames:
    """Frames (T, H, W), read as they are shown; those that are painted on are kept in memory.

    It offers what napari's layers of images and labels ask of an array: a shape, and reading and writing
    by index.

    Args:
        read: gives frame t as (H, W).
        shape: (T, H, W).
        dtype: of the pixels.

    Example:
        ``maps = LazyFrames(lambda t: np.zeros((4, 4), np.uint8), (2, 4, 4))``, then
        ``maps[1, 0, 0] = 2`` gives ``maps.changed() == [1]``.
    """

    ndim = 3

    def __init__(
        self, read: Callable[[int], NDArray[Any]], shape: tuple[int, int, int], dtype: DTypeLike = np.uint8
    ) -> None:
        self.shape, self.dtype = shape, np.dtype(dtype)
        frame_bytes = shape[1] * shape[2] * self.dtype.itemsize
        self._read = lru_cache(min(RECENT, LARGEST_KEPT // max(frame_bytes, 1)))(read)
        self._painted: dict[int, NDArray[Any]] = {}

    def __len__(self) -> int:
        return self.shape[0]

    @property
    def size(self) -> int:
        """How many pixels all frames have."""
        return self.shape[0] * self.shape[1] * self.shape[2]

    def frame(self, t: int) -> NDArray[Any]:
        """Frame t (H, W) as it is now, not to be written to."""
        t = range(self.shape[0])[t]
        return self._painted[t] if t in self._painted else self._read(t)

    def changed(self) -> list[int]:
        """Numbers of the frames that differ from what was read, rising."""
        return [t for t in sorted(self._painted) if not np.array_equal(self._painted[t], self._read(t))]

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]:
        return np.asarray(self[:], dtype)

    def __getitem__(self, key: Any) -> NDArray[Any]:
        """A copy of some pixels, by numbers, slices, or arrays of indices, one an axis."""
        at, *rest = self._keys(key)
        if isinstance(at, slice):
            frames = [self.frame(t)[tuple(rest)] for t in range(*at.indices(self.shape[0]))]
            nothing = np.empty((0, *self.shape[1:]), self.dtype)
            return np.stack(frames) if frames else nothing[(slice(None), *rest)]
        if np.ndim(at) == 0:
            return np.array(self.frame(int(at))[tuple(rest)])
        at, *rest = np.broadcast_arrays(at, *rest)
        found = np.empty(at.shape, self.dtype)
        for t in np.unique(at).tolist():
            mine = at == t
            found[mine] = self.frame(t)[tuple(index[mine] for index in rest)]
        return found

    def __setitem__(self, key: Any, value: Any) -> None:
        """Change some pixels, of `__getitem__`'s kinds of indices."""
        at, *rest = self._keys(key)
        if isinstance(at, slice):
            block = self[(at, *rest)]
            block[...] = value
            for t, plane in zip(range(*at.indices(self.shape[0])), block, strict=True):
                self._own(t)[tuple(rest)] = plane
        elif np.ndim(at) == 0:
            self._own(int(at))[tuple(rest)] = value
        else:
            at, *rest, value = np.broadcast_arrays(at, *rest, value)
            for t in np.unique(at).tolist():
                mine = at == t
                self._own(t)[tuple(index[mine] for index in rest)] = value[mine]

    def _keys(self, key: Any) -> list[Any]:
        """One index an axis."""
        given = list(key) if isinstance(key, tuple) else [key]
        whole = [slice(None)] * (self.ndim - len(given) + any(index is Ellipsis for index in given))
        for place, index in enumerate(given):
            if index is Ellipsis:
                return [*given[:place], *whole, *given[place + 1 :]]
        return [*given, *whole]

    def _own(self, t: int) -> NDArray[Any]:
        t = range(self.shape[0])[t]
        if t not in self._painted:
            self._painted[t] = np.array(self._read(t))
        return self._painted[t]
