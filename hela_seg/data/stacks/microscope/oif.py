"""OIB and OIF files of Olympus FluoView, through the library ``oiffile``.

An OIF is a text with a folder ``NAME.oif.files`` of one TIFF a plane; an OIB is all of that in one file.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from hela_seg.data.stacks.calibration import Calibration, calibration_of_axes
from hela_seg.data.stacks.microscope.reader import UNKNOWN, Image, Reader, closed_on_failure
from hela_seg.data.stacks.segments import cache, version_of
from hela_seg.data.stacks.series import Pixels


class OifReader(Reader):
    """The planes of a file; each is read whole, and the last ones are kept."""

    format_name = "OIF or OIB"
    package = "oiffile"

    def __init__(self, path: Path) -> None:
        import oiffile

        self._path, self._version = path, version_of(path)
        self._lock = threading.Lock()
        self._file = oiffile.OifFile(path)
        with closed_on_failure(self._file):
            series = self._file.series[0]
            self._planes = dict(zip(map(tuple, series.indices), series, strict=True))
            self._shape = tuple(map(int, series.shape))
            first = self._plane(min(self._planes))
            axes = "".join(axis if axis in "TCZ" else UNKNOWN for axis in series.axes)
            stated = _calibration(self._file.mainfile)
            self.images = [Image("", f"{axes}YX", (*self._shape, *first.shape), first.dtype, stated)]
        folder = path.with_name(f"{path.name}.files")
        self.files = tuple(sorted(folder.iterdir())) if folder.is_dir() else ()

    def window(self, image: int, place: tuple[int, ...], rows: slice, columns: slice) -> Pixels:
        """Read a window of one plane, see `Reader.window`."""
        plane = cache.get((self._path, self._version, place), lambda: self._plane(place))
        return plane[rows, columns]

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _plane(self, place: tuple[int, ...]) -> Pixels:
        if place not in self._planes:
            raise ValueError(f"it lacks the plane {place}")
        with self._lock:
            pixels: Pixels = self._file.asarray(self._planes[place])
        if pixels.ndim != 2:
            raise ValueError(f"a plane has the shape {pixels.shape}, expected rows and columns")
        return np.asarray(pixels).astype(pixels.dtype.newbyteorder("="), copy=False)


def _calibration(settings: Mapping[str, Any]) -> Calibration:
    """Pixel size and frame interval from the ends of each axis."""
    steps: dict[str, tuple[object, str]] = {}
    for number in range(8):
        axis = settings.get(f"Axis {number} Parameters Common", {})
        count, code = int(axis.get("MaxSize", 0)), str(axis.get("AxisCode", ""))
        length = abs(float(axis.get("EndPosition", 0)) - float(axis.get("StartPosition", 0)))
        # the ends of rows and columns are those of the picture, the ends of time are frames
        if count > 1:
            steps[code] = length / (count if code in "XY" else count - 1), str(axis.get("PixUnit", ""))
    return calibration_of_axes(steps)
