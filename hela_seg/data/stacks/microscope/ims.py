"""IMS files of Imaris, which are HDF5 inside, through ``h5py``."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from hela_seg.data.stacks.calibration import Calibration, PixelSize
from hela_seg.data.stacks.microscope.reader import Image, Reader, closed_on_failure
from hela_seg.data.stacks.series import Pixels

_CHUNK_CACHE = 16 * 2**20
"""Bytes of decompressed chunks that are kept of each channel: those of Imaris reach over several planes."""


class ImsReader(Reader):
    """The full resolution of a file; its chunks stick out beyond the picture, whose size is stated apart."""

    format_name = "IMS"
    package = "h5py"

    def __init__(self, path: Path) -> None:
        import h5py

        self._path = path
        self._file = h5py.File(path, "r", rdcc_nbytes=_CHUNK_CACHE)
        with closed_on_failure(self._file):
            self._read_header()

    def _read_header(self) -> None:
        level, info = self._file["DataSet/ResolutionLevel 0"], self._file["DataSetInfo"]
        about = info["Image"].attrs
        depth, height, width = (int(_text(about[axis])) for axis in "ZYX")
        frames = sum(name.startswith("TimePoint ") for name in level)
        channels = sum(name.startswith("Channel ") for name in level["TimePoint 0"])
        first = self._data(0, 0)
        if any(n > there for n, there in zip((depth, height, width), first.shape, strict=True)):
            raise ValueError(f"it states {depth}x{height}x{width} pixels and holds {first.shape}")
        size = PixelSize(*(_extent(about, axis) / n for axis, n in ((1, height), (0, width))))
        known = min(size) > 0 and _text(about.get("Unit", b"um")).strip("\0 ") in ("um", "µm")
        names = tuple(_text(info[f"Channel {c}"].attrs.get("Name", b"")) for c in range(channels))
        calibration = Calibration(size if known else None, None, self._times(frames), names)
        shape = (frames, channels, depth, height, width)
        self.images = [Image("", "TCZYX", shape, np.dtype(first.dtype), calibration)]

    def window(self, image: int, place: tuple[int, ...], rows: slice, columns: slice) -> Pixels:
        """Read a window of one plane, see `Reader.window`."""
        t, channel, z = place
        pixels: Pixels = self._data(t, channel)[z, rows, columns]
        return pixels

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _data(self, t: int, channel: int) -> Any:
        """Pixels (Z, H, W) of one frame and channel; chunks stick out of the picture."""
        data = self._file[f"DataSet/ResolutionLevel 0/TimePoint {t}/Channel {channel}/Data"]
        if data.external or data.is_virtual or data.file.filename != self._file.filename:
            raise ValueError("it leads to another file for its pixels")
        return data

    def _times(self, frames: int) -> tuple[float, ...]:
        """Time stamps of all frames; none where one is missing or is no date."""
        stamps = self._file["DataSetInfo/TimeInfo"].attrs if "DataSetInfo/TimeInfo" in self._file else {}
        try:
            dates = [datetime.fromisoformat(_text(stamps[f"TimePoint{t + 1}"])) for t in range(frames)]
        except (KeyError, ValueError):
            return ()
        return tuple((date - dates[0]).total_seconds() for date in dates)


def _text(value: Any) -> str:
    """An attribute as text; Imaris writes arrays of single letters."""
    return value.decode() if isinstance(value, bytes) else np.asarray(value).tobytes().decode().strip("\0")


def _extent(about: Any, axis: int) -> float:
    """Length of the picture along an axis, X being 0, in its unit; 0 where it is not stated."""
    ends = [about.get(f"Ext{end}{axis}") for end in ("Min", "Max")]
    low, high = (0.0 if end is None else float(_text(end)) for end in ends)
    return high - low
