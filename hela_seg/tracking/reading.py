"""How label images are read: as class maps or numbers of cells, with their scales; files beside them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from hela_seg.cells import NECK
from hela_seg.data.classes import IGNORE_INDEX, Classes
from hela_seg.data.stacks import PixelSize, Series, find_files, is_image, name_of, open_series
from hela_seg.system.errors import InputError
from hela_seg.system.settings import NonNegative, Positive, Share
from hela_seg.tracking import ClassMap, Labels

Scales = tuple[float | None, PixelSize | None]


@dataclass(frozen=True)
class Reading:
    """How label images are read.

    Args:
        kind: what masks hold: ``classes``, or ``instances``, which are numbers of cells.
        axes: of files that do not state them; None where all do.
        neck: of class maps, see `hela_seg.cells.split_cells`.
        least_area: likewise.
        interval: seconds between frames; None where files say it.
        pixel_size: micrometres; None where files say it.
    """

    kind: Literal["classes", "instances"] = "classes"
    axes: str | None = None
    neck: Share = NECK
    least_area: NonNegative = 0
    interval: Positive | None = None
    pixel_size: Positive | None = None

    def open(self, path: Path) -> Series:
        """Open label images."""
        return open_series(path, self.axes, labels=True)

    def scales(self, of: Series | None) -> Scales:
        """Seconds between frames and the pixel size: as the user says, or a file where there is one."""
        interval, size = (None, None) if of is None else (of.frame_interval, of.pixel_size)
        given = None if self.pixel_size is None else PixelSize(self.pixel_size, self.pixel_size)
        return self.interval or interval, given or size


def file_beside(place: Path, name: str, of: Path, what: str, setting: str) -> Path:
    """The file that goes with a recording: the one named, or that of its name in a folder.

    Raises:
        InputError: the folder has none or several of that name.
    """
    if is_image(place):
        return place
    found = [other for other in find_files(place) if name_of(other) == name]
    if len(found) != 1:
        raise InputError(
            f"{place} holds {len(found)} files named {name}, expected one with {what} of {of}: add it, or "
            f"leave {setting} out"
        )
    return found[0]


def as_class_map(found: NDArray[Any], classes: Classes, path: Path, t: int) -> ClassMap:
    """A frame (H, W) of class indices.

    Raises:
        InputError: it holds another value.
    """
    wrong = found[(found >= len(classes)) & (found != IGNORE_INDEX)]
    if wrong.size:
        raise InputError(
            f"frame {t} of {path} holds the value {wrong.flat[0]}, expected 0 to {len(classes) - 1} for the "
            f"classes {', '.join(classes.names)}: set classes=, or kind=instances where values number cells"
        )
    return found.astype(np.uint8)


def stored_frames(series: Series) -> Iterator[NDArray[Any]]:
    """The frames (H, W) of label images."""
    for t in range(series.shape[0]):
        yield series.frame(t)[0]


def in_order(found: NDArray[Any]) -> Labels:
    """Cell numbers 1, 2 and so on in the order of those found, 0 stays."""
    labels = np.unique(found, return_inverse=True)[1].reshape(found.shape)
    return labels + (0 if (found == 0).any() else 1)
