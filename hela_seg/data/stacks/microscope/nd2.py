"""ND2 files of Nikon's NIS-Elements, through the library ``nd2``."""

from __future__ import annotations

import math
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from hela_seg.data.stacks.calibration import Calibration, PixelSize
from hela_seg.data.stacks.damage import warn
from hela_seg.data.stacks.microscope.reader import UNKNOWN, Image, Reader, closed_on_failure
from hela_seg.data.stacks.segments import cache, version_of
from hela_seg.data.stacks.series import Pixels

_FRAME_AXES = "CYXS"
"""Axes within one of the file's frames; the others are loops of the experiment."""


class Nd2Reader(Reader):
    """A file of either kind, the newer ones mapped into memory where they are not compressed.

    Frames that an acquisition announced and did not reach are left out at the end of the file. Where one
    is missing elsewhere, the library would give zeros, and reading it is refused.
    """

    format_name = "ND2"
    package = "nd2"

    def __init__(self, path: Path) -> None:
        import nd2

        self._path, self._version = path, version_of(path)
        self._file = nd2.ND2File(path)
        with closed_on_failure(self._file), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of metadata that are not needed
            self._read_header()

    def _read_header(self) -> None:
        sizes: dict[str, int] = dict(self._file.sizes)
        loops = {axis: count for axis, count in sizes.items() if axis not in _FRAME_AXES}
        recorded = self._file.attributes.sequenceCount or math.prod(loops.values())
        first = next(iter(loops), None)
        if first == "T" and recorded < math.prod(loops.values()):
            announced, loops["T"] = loops["T"], recorded // (math.prod(loops.values()) // loops["T"])
            warn(
                f"{self._path} announces {announced} frames and holds {loops['T']}: the recording was "
                "stopped early, and the others are left out"
            )
        self._loops = loops
        self._decoded = self._file.is_legacy or self._file.attributes.compressionType == "lossless"
        frame = {axis: sizes[axis] for axis in _FRAME_AXES if axis in sizes}
        self._frame_shape = (sizes.get("C", 1), sizes.get("Y", 1), sizes.get("X", 1), sizes.get("S", 1))
        kept = {**{axis: count for axis, count in loops.items() if axis != "P"}, "Y": 1, "X": 1} | frame
        order = [axis for axis in kept if axis not in _FRAME_AXES] + [a for a in _FRAME_AXES if a in kept]
        size, channels = self._metadata()
        self.images = [
            Image(
                name,
                "".join(axis if axis in "TCZYXS" else UNKNOWN for axis in order),
                tuple(kept[axis] for axis in order),
                np.dtype(self._file.dtype),
                Calibration(size, None, self._times(position, loops.get("T", 1)), channels),
            )
            for position, name in enumerate(self._position_names(loops.get("P", 1)))
        ]

    def _metadata(self) -> tuple[PixelSize | None, tuple[str, ...]]:
        """Size of a pixel and names of the channels, as far as the library makes them out."""
        try:
            channels = self._file.metadata.channels or []
            names = tuple(str(channel.channel.name) for channel in channels)
            volume = channels[0].volume
            (width, height, _), known = volume.axesCalibration, volume.axesCalibrated
        except Exception:  # the library fails on files that state less than it expects; pixels do not need it
            return None, ()
        usable = all(known[:2]) and math.isfinite(height * width) and min(height, width) > 0
        return PixelSize(float(height), float(width)) if usable else None, names

    def _position_names(self, count: int) -> list[str]:
        for loop in self._file.experiment:
            if loop.type == "XYPosLoop":
                names = [str(point.name or "") for point in loop.parameters.points]
                return names if len(names) == count > 1 else [""] * count
        return [""] * count

    def _times(self, position: int, frames: int) -> tuple[float, ...]:
        """Seconds of each frame of a position, at its first plane."""
        place = {"P": position}
        try:
            return tuple(self._stamp(self._index({**place, "T": t})) for t in range(frames))
        except (AttributeError, LookupError, TypeError, ValueError):  # older files state no times
            return ()

    def _stamp(self, index: int) -> float:
        metadata: Any = self._file.frame_metadata(index)
        return float(metadata.channels[0].time.relativeTimeMs) / 1000

    def _index(self, place: dict[str, int]) -> int:
        """Number of a frame in the file from its index along each loop, 0 where none is given."""
        index = 0
        for axis, count in self._loops.items():
            index = index * count + place.get(axis, 0)
        return index

    def window(self, image: int, place: tuple[int, ...], rows: slice, columns: slice) -> Pixels:
        """Read a window of one plane, see `Reader.window`."""
        inner = [axis for axis in self._loops if axis != "P"]
        index = self._index({**dict(zip(inner, place, strict=False)), "P": image})
        channel = place[-1] if len(place) > len(inner) else 0
        pixels = self._frame(index)[channel, rows, columns]
        return pixels[..., 0] if self._frame_shape[3] == 1 else pixels

    def _frame(self, index: int) -> Pixels:
        """One frame of the file as (C, Y, X, S); those that are decoded are kept."""
        if self._decoded:
            return cache.get((self._path, self._version, index), lambda: self._read(index))
        return self._read(index)

    def _read(self, index: int) -> Pixels:
        frame: Any = self._file.read_frame(index)
        if not self._file.is_legacy and _owns_memory(frame):
            raise ValueError(f"its frame {index} is missing")
        return np.asarray(frame).reshape(self._frame_shape)

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def _owns_memory(pixels: Pixels) -> bool:
    """Whether an array is no view into bytes of a file, as the zeros are that stand for missing frames."""
    base: Any = pixels
    while isinstance(base, np.ndarray) and base.base is not None:
        base = base.base
    return isinstance(base, np.ndarray)
