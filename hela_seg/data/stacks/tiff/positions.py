"""Several positions of the stage in one TIFF: images of an OME-TIFF, or an axis of microscopes' own files.

Micro-Manager's stacks, NDTiff and Zeiss's LSM have such an axis.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import tifffile

from hela_seg.data.stacks.damage import damage_is_reported
from hela_seg.data.stacks.discovery.positions import chosen, position_names
from hela_seg.data.stacks.tiff.ifds import first_description
from hela_seg.data.stacks.tiff.ome import image_names
from hela_seg.data.stacks.tiff.shaped import open_tiff
from hela_seg.system.errors import InputError

_AXES: Mapping[str, str] = {"mmstack": "R", "ndtiff": "R", "lsm": "PM"}
"""Letters of tifffile for axes of positions, by the kind of a file: positions, and tiles of a mosaic."""

SLIDES = {"svs", "qpi"}
"""Kinds of files with one picture at several resolutions, the full one first, and a thumbnail."""

_MICROMANAGER = {struct.pack(f"{order}I", number) for number in (54773648, 483729) for order in "<>"}
"""What Micro-Manager's stacks and NDTiff have behind the first 8 bytes."""


class Place(NamedTuple):
    """Where a position lies in a file.

    Attributes:
        series: number of the series, as tifffile counts them.
        number: of the position.
        name: of the position; None where the file has one alone.
        indices: along each axis of positions, by its letter.
    """

    series: int = 0
    number: int = 0
    name: str | None = None
    indices: Mapping[str, int] = {}


def positions_of(path: Path) -> list[str]:
    """Names of the positions in a file; one where it holds a single one.

    Raises:
        InputError: the file is damaged.
    """
    with damage_is_reported(path):
        if path.suffix.lower() == ".lsm" or _is_micromanager(path):
            with open_tiff(path) as file:
                return _names_along_axes(file) or [""]
        if b"<OME" not in first_description(path):
            return [""]
        with tifffile.TiffFile(path) as file:
            return position_names(image_names(file.ome_metadata)) or [""]


def chosen_place(file: tifffile.TiffFile, path: Path, position: str | None) -> Place:
    """The position that is read, and where it lies.

    Thumbnails and smaller copies are left out. tifffile makes a series of each size that it finds: in other
    files than OME-TIFF, a frame of another size would be lost in silence.

    Raises:
        InputError: several positions without a choice, none of this name, or images of several sizes.
    """
    if names := _names_along_axes(file):
        number, lengths = chosen(names, position, path), _lengths(file.series[0])
        index = np.unravel_index(number, tuple(lengths.values()))
        return Place(0, number, names[number], dict(zip(lengths, map(int, index), strict=True)))
    whole = [n for n, series in enumerate(file.series) if not series.keyframe.is_reduced]
    if len(whole) < 2 or file.series[0].kind in SLIDES:
        return Place()
    names = position_names(image_names(file.ome_metadata))
    if len(names) == len(file.series):
        number = chosen(names, position, path)
        return Place(number, number, names[number])
    sizes = ", ".join("x".join(map(str, file.series[n].shape)) for n in whole[:5])
    raise InputError(
        f"{path} holds {len(whole)} images (of {sizes}), expected one recording of frames of one size: save "
        "each to a file of its own"
    )


def _is_micromanager(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(12)[8:] in _MICROMANAGER


def _lengths(series: tifffile.TiffPageSeries) -> dict[str, int]:
    """The axes of positions of a series, and how many each has."""
    letters = _AXES.get(series.kind, "")
    return {axis: int(n) for axis, n in zip(series.axes, series.shape, strict=True) if axis in letters}


def _names_along_axes(file: tifffile.TiffFile) -> list[str]:
    """Names of the positions along axes of the first series; empty where there are fewer than two."""
    count = math.prod(_lengths(file.series[0]).values())
    if count < 2:
        return []
    for names in (_labels(file), image_names(file.ome_metadata)):
        if len(names) == count:
            return position_names(names)
    return [str(number) for number in range(count)]


def _labels(file: tifffile.TiffFile) -> Sequence[str]:
    """What Micro-Manager calls the positions of a stack, 1.4 and 2.0 in lists of different names."""
    summary = (file.micromanager_metadata or {}).get("Summary", {})
    listed = summary.get("StagePositions") or summary.get("InitialPositionList") or ()
    return [str(one.get("Label", "")) for one in listed if isinstance(one, dict)]
