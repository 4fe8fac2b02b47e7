"""Folders of Micro-Manager with one TIFF a plane beside a ``metadata.txt``; its other formats are TIFF."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from hela_seg.data.stacks.calibration import Calibration, PixelSize
from hela_seg.data.stacks.microscope.reader import Image, Reader
from hela_seg.data.stacks.options import ReadOptions
from hela_seg.data.stacks.series import Pixels
from hela_seg.data.stacks.tiff.reader import TiffSeries

OPEN_PLANES = 256
"""Most headers of planes that are kept between reads."""

METADATA = "metadata.txt"
"""The file by which such a folder is known."""

_NUMBERED = re.compile(
    r"img_channel(?P<C>\d+)_position(?P<P>\d+)_time(?P<T>\d+)_z(?P<Z>\d+)\.tiff?", re.IGNORECASE
)
"""Names that version 2 gives."""

_NAMED = re.compile(r"img_(?P<T>\d+)_(?P<C>.+)_(?P<Z>\d+)\.tiff?", re.IGNORECASE)
"""Names that version 1.4 gives, with the channel's own name."""


def is_micromanager(path: Path) -> bool:
    """Whether a folder holds the planes of one recording."""
    return (path / METADATA).is_file() and next(path.glob("img_*.tif"), None) is not None


class MicroManagerReader(Reader):
    """The planes of one folder, which is mostly one position; names of version 2 tell several apart."""

    format_name = "Micro-Manager"
    package = "tifffile"

    def __init__(self, path: Path) -> None:
        names = sorted(entry.name for entry in path.iterdir())
        found = [match for match in map(_NUMBERED.fullmatch, names) if match]
        numbered = bool(found)
        found = found or [match for match in map(_NAMED.fullmatch, names) if match]
        metadata = _metadata(path / METADATA)
        summary = metadata.get("Summary", {})
        stated = [str(name) for name in summary.get("ChNames") or ()]
        seen = sorted({match["C"] for match in found})
        # names in the order of the acquisition, which file names do not tell
        order = seen if numbered else [name for name in stated if name in seen] or seen
        positions: dict[int, dict[tuple[int, ...], Path]] = {}
        for m in found:
            planes = positions.setdefault(int(m["P"]) if numbered else 0, {})
            planes[int(m["T"]), order.index(m["C"]), int(m["Z"])] = path / m[0]
        self._positions = [positions[number] for number in sorted(positions)]
        self._plane = lru_cache(OPEN_PLANES)(self._open)
        size = float(summary.get("PixelSize_um") or 0)
        self.images: list[Image] = []
        for number, position in enumerate(sorted(positions)):
            frames, channels, depth = (max(axis) + 1 for axis in zip(*positions[position], strict=True))
            calibration = Calibration(
                PixelSize(size, size) if size > 0 else None,
                float(summary.get("Interval_ms") or 0) / 1000 or None,
                _times(metadata, frames, position),
                tuple(stated[:channels] if numbered else order),
            )
            first = self._plane(number, (0, 0, 0))
            shape = (frames, channels, depth, *first.shape[2:])
            name = _label(summary, position)
            self.images.append(Image(name, "TCZYX", shape, first.dtype, calibration))

    def window(self, image: int, place: tuple[int, ...], rows: slice, columns: slice) -> Pixels:
        """Read a window of one plane, see `Reader.window`."""
        pixels: Pixels = self._plane(image, place).read(0, rows, columns)[0]
        return pixels

    def close(self) -> None:
        """Forget the planes."""
        self._plane.cache_clear()

    def _open(self, image: int, place: tuple[int, ...]) -> TiffSeries:
        planes = self._positions[image]
        if place not in planes:
            raise ValueError(f"it lacks the plane of frame {place[0]}, channel {place[1]} and z {place[2]}")
        plane = TiffSeries(planes[place], ReadOptions("YX"))
        expected = self.images[image].shape[3:] if image < len(self.images) else plane.shape[2:]
        if plane.shape != (1, 1, *expected):
            raise ValueError(f"{plane.path.name} has {plane.shape[2:]} pixels, expected {expected}")
        return plane


def _metadata(path: Path) -> Mapping[str, Any]:
    """What the program noted; nothing where an acquisition ended before the file was whole."""
    try:
        content = json.loads(path.read_text(encoding="utf-8", errors="replace"))
    except (ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def _label(summary: Mapping[str, Any], position: int) -> str:
    """What the user called a position; empty where that is not noted."""
    listed = summary.get("StagePositions") or ()
    return str(listed[position].get("Label", "")) if position < len(listed) else ""


def _times(metadata: Mapping[str, Any], frames: int, position: int) -> tuple[float, ...]:
    """Seconds of the first plane of each frame of a position; none where one is missing."""
    keys = {int(t): entry for t, entry in _frame_entries(metadata, position)}
    try:
        return tuple(float(keys[t]["ElapsedTime-ms"]) / 1000 for t in range(frames))
    except (KeyError, TypeError, ValueError):
        return ()


def _frame_entries(metadata: Mapping[str, Any], position: int) -> list[tuple[str, Any]]:
    """Number and entry of the first plane of each frame: ``FrameKey-T-C-Z``, since version 2 with a path."""
    found = []
    for key, entry in metadata.items():
        if (match := re.fullmatch(r"FrameKey-(\d+)-0-0", key)) is not None:
            found.append((match[1], entry))
        elif isinstance(entry, dict) and key.startswith("Metadata-"):
            name = _NUMBERED.fullmatch(key.rpartition("/")[2])
            if name is not None and (int(name["C"]), int(name["Z"]), int(name["P"])) == (0, 0, position):
                found.append((name["T"], entry))
    return found
