"""AVI and MP4 as cameras and screen recorders write them, through PyAV."""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hela_seg.data.stacks.damage import warn
from hela_seg.data.stacks.microscope.reader import Image, Reader, closed_on_failure
from hela_seg.data.stacks.segments import cache, version_of
from hela_seg.data.stacks.series import Pixels

if TYPE_CHECKING:
    from av import VideoFrame

_LOSSLESS = {"rawvideo", "ffv1", "huffyuv", "ffvhuff", "utvideo", "png", "qtrle", "v210", "r210", "zlib"}
"""Codecs that give pixels back unchanged."""


class VideoReader(Reader):
    """A film of grey or RGB frames of 8 bits, or of grey ones of 16 bits.

    All packets are looked through at the start, for headers state a wrong number of frames or none. A frame
    that does not follow the last one is decoded from the key frame before it. How fast a film plays says
    nothing of the time between its frames, so there is no frame interval.
    """

    format_name = "AVI or MP4"
    package = "av"
    extra = "film"

    def __init__(self, path: Path) -> None:
        import av

        self._path, self._version = path, version_of(path)
        self._lock = threading.Lock()
        self._container = av.open(str(path))
        with closed_on_failure(self._container):
            self._read_header()

    def _read_header(self) -> None:
        if not self._container.streams.video:
            raise ValueError("it has no video")
        self._stream = self._container.streams.video[0]
        stamps = [packet.pts for packet in self._container.demux(self._stream) if packet.size]
        if None in stamps or not stamps:
            raise ValueError("its frames have no times")
        self._times = sorted({int(stamp) for stamp in stamps if stamp is not None})
        self._decoded: Iterator[VideoFrame] = iter(())
        self._next = -1
        first = self._seek(0)
        name = first.format.name
        in_table = name == "pal8" and _is_grey(first.to_ndarray(format="rgb24"))
        deep = name.startswith("gray") and first.format.components[0].bits > 8
        self._pixels = "gray16le" if deep else "gray" if name.startswith("gray") or in_table else "rgb24"
        shape = (len(self._times), first.height, first.width)
        dtype = np.dtype(np.uint16 if deep else np.uint8)
        colours = self._pixels == "rgb24"
        self.images = [Image("", "TYXS" if colours else "TYX", (*shape, 3) if colours else shape, dtype)]
        codec = self._stream.codec_context.name
        if codec not in _LOSSLESS:
            warn(f"{self._path} is compressed as {codec}, which has changed its grey values")

    def window(self, image: int, place: tuple[int, ...], rows: slice, columns: slice) -> Pixels:
        """Read a window of one frame, see `Reader.window`."""
        (t,) = place or (0,)
        frame = cache.get((self._path, self._version, t), lambda: self._frame(t))
        return frame[rows, columns]

    def close(self) -> None:
        """Close the file."""
        self._decoded = iter(())
        self._container.close()

    def _frame(self, t: int) -> Pixels:
        with self._lock:
            frame = self._following(t) if t == self._next else self._seek(t)
            pixels: Pixels = frame.to_ndarray(format=self._pixels)
        return pixels

    def _seek(self, t: int) -> VideoFrame:
        """Decode from the key frame before frame t on."""
        self._container.seek(self._times[t], stream=self._stream, backward=True)
        self._decoded = self._container.decode(self._stream)
        return self._following(t)

    def _following(self, t: int) -> VideoFrame:
        """The next decoded frame of number t."""
        self._next = -1
        for frame in self._decoded:
            stamp = frame.pts
            if stamp is not None and stamp >= self._times[t]:
                found = bisect_left(self._times, stamp)
                if found != t:
                    break
                self._next = t + 1
                return frame
        raise ValueError(f"its frame {t} cannot be decoded")


def _is_grey(colours: Any) -> bool:
    return bool((colours == colours[..., :1]).all())
