"""Windows put together from the segments (strips, tiles, chunks) that a file cuts its frames into.

Windows of one frame share segments, so a process keeps the last ones that it decoded.
"""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from hela_seg.data.stacks.series import Pixels

CACHE_BYTES = 64 * 2**20
"""Most bytes of decoded segments that a process keeps."""


Version = tuple[int, int]
"""Size in bytes and time of the last change, which tell a file from one that took its name later."""


def version_of(path: Path | str) -> Version:
    """The file's version now."""
    status = os.stat(path)  # noqa: PTH116 - half the time of path.stat()
    return status.st_size, status.st_mtime_ns


class SegmentCache:
    """The segments that were used last, up to a number of bytes; threads may share it.

    Args:
        limit: bytes. A segment larger than that is not kept.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self.clear()

    def clear(self) -> None:
        """Forget all segments."""
        # a new lock too: after a fork the old one may be held by a thread that the child does not have
        self._lock = threading.Lock()
        self._segments: OrderedDict[Hashable, Pixels] = OrderedDict()
        self.nbytes = 0

    def get(self, key: Hashable, decode: Callable[[], Pixels]) -> Pixels:
        """The segment of a key, decoded where it is not there; it is shared, so it cannot be written to."""
        with self._lock:
            segment = self._segments.get(key)
            if segment is not None:
                self._segments.move_to_end(key)
                return segment
        segment = decode()
        if isinstance(segment.base, np.ndarray) and segment.base.nbytes > segment.nbytes:
            segment = segment.copy()  # a view would keep more in memory than is counted
        segment.flags.writeable = False
        with self._lock:
            if key not in self._segments:
                self._keep(key, segment)
        return segment

    def _keep(self, key: Hashable, segment: Pixels) -> None:
        self._segments[key] = segment
        self.nbytes += segment.nbytes
        while self.nbytes > self._limit:
            self.nbytes -= self._segments.popitem(last=False)[1].nbytes


cache = SegmentCache(CACHE_BYTES)
"""Of this process."""

if hasattr(os, "register_at_fork"):  # Windows starts processes without forking
    os.register_at_fork(after_in_child=cache.clear)


def assemble(
    window: Sequence[slice],
    shape: Sequence[int],
    segment_shape: Sequence[int],
    dtype: np.dtype[Any],
    fetch: Callable[[tuple[int, ...]], Pixels | None],
) -> Pixels:
    """A window of an array that lies on disk in segments; only those that it touches are fetched.

    Args:
        window: one slice an axis, of step 1.
        shape: of the whole array.
        segment_shape: of each segment; those at the far edges may be smaller or stick out.
        dtype: of the array.
        fetch: gives the segment at a place in the grid of segments, or None where all of it is zero.

    Raises:
        ValueError: a segment is smaller than its place in the array.
    """
    bounds = [part.indices(length)[:2] for part, length in zip(window, shape, strict=True)]
    pixels = np.zeros([stop - start for start, stop in bounds], dtype)
    spans = [range(low // n, -(-high // n)) for (low, high), n in zip(bounds, segment_shape, strict=True)]
    for place in product(*spans):
        segment = fetch(place)
        if segment is None:
            continue
        target, source = [], []
        for (start, stop), index, n in zip(bounds, place, segment_shape, strict=True):
            low, high = max(start, index * n), min(stop, index * n + n)
            target.append(slice(low - start, high - start))
            source.append(slice(low - index * n, high - index * n))
        piece = segment[tuple(source)]
        if piece.shape != pixels[tuple(target)].shape:  # NumPy would spread a single row over many
            raise ValueError(f"the segment at {place} is {segment.shape}, expected {tuple(segment_shape)}")
        pixels[tuple(target)] = piece
    return pixels
