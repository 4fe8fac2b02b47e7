"""Frames of a file as arrays for napari: read as they are shown, and class maps that can be painted on."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from hela_seg.data.stacks import Series

if TYPE_CHECKING:
    import dask.array

WINDOW = 4096
"""Rows and columns that are read at once: frames of fewer are read whole."""

RECENT = 8
"""Frames of class maps that are kept after they were shown."""


def lazy_image(series: Series) -> dask.array.Array:
    """The frames (T, C, H, W) of a recording as a dask array, a chunk a frame; nothing is read yet."""
    import dask.array  # here, because only napari's extra brings it

    _, channels, height, width = series.shape
    from_array: Any = dask.array.from_array  # which has no types
    frames: dask.array.Array = from_array(
        _Windows(series),
        chunks=(1, channels, min(height, WINDOW), min(width, WINDOW)),
        name=False,  # the name would be a digest of all pixels
        meta=np.empty((0, 0, 0, 0), series.dtype),
    )
    return frames


class _Windows:
    """What dask asks for windows of a series."""

    ndim = 4

    def __init__(self, series: Series) -> None:
        self._series = series
        self.shape, self.dtype = series.shape, series.dtype

    def __getitem__(self, key: tuple[slice, slice, slice, slice]) -> NDArray[Any]:
        frames, channels, rows, columns = key
        numbers = range(*frames.indices(self.shape[0]))
        return np.stack([self._series.read(t, rows, columns)[channels] for t in numbers])


class PaintableFrames:
    """Label images (T, H, W), read as they are shown; frames that are painted on are kept in memory.

    It offers what napari's layer Labels asks of an array: a shape, and reading and writing by index.

    Args:
        read: gives frame t as (H, W).
        shape: (T, H, W).
        dtype: of the labels.

    Example:
        ``maps = PaintableFrames(lambda t: np.zeros((4, 4), np.uint8), (2, 4, 4))``, then
        ``maps[1, 0, 0] = 2`` gives ``maps.changed() == [1]``.
    """

    ndim = 3

    def __init__(
        self, read: Callable[[int], NDArray[Any]], shape: tuple[int, int, int], dtype: DTypeLike = np.uint8
    ) -> None:
        self.shape, self.dtype = shape, np.dtype(dtype)
        self._read = lru_cache(RECENT)(read)
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
