"""Files on disk as lazily read series of frames: the only room that knows file formats.

``open_series`` reads a file's header and answers with a `Series`; pixels are read window by window.
``write_tiff`` writes stacks, and ``LabelWriter`` writes label maps frame by frame.
"""

from __future__ import annotations

import re
from pathlib import Path

from hela_seg.data.stacks.png import PngSeries
from hela_seg.data.stacks.series import ArraySeries, FrameSequence, Series, name_of
from hela_seg.data.stacks.tiff import TiffSeries
from hela_seg.data.stacks.write import LabelWriter, write_png, write_tiff
from hela_seg.errors import InputError

SUFFIXES = (".tif", ".tiff", ".png")
"""File name endings that can be read, in lower case."""

__all__ = [
    "SUFFIXES",
    "ArraySeries",
    "FrameSequence",
    "LabelWriter",
    "Series",
    "find_files",
    "name_of",
    "open_series",
    "write_png",
    "write_tiff",
]


def open_series(
    path: Path | str, axes: str | None = None, *, assumed_axes: str | None = None, labels: bool = False
) -> Series:
    """Open one file as a series of frames, reading its header only.

    Args:
        path: a TIFF or PNG file.
        axes: order of the axes, slowest first, as letters T, C, Y and X (H, W and S are taken for Y, X and
            C), e.g. ``"TYX"``. It counts before what a TIFF file itself states, where it has as many letters
            as the file has axes.
        assumed_axes: the same, but only for files that do not state their axes.
        labels: the file is a mask: it has no C in its axes, one channel is expected, and the colours in a
            PNG's colour table are left aside.

    Returns:
        The series, of shape (T, C, H, W).

    Raises:
        InputError: no such file, a format that is not read, a damaged file, or axes that cannot be known.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise InputError(
            f"{path} ends in '{path.suffix}', expected one of {', '.join(SUFFIXES)}: convert it to TIFF"
        )
    try:
        size = path.stat().st_size
    except OSError as error:
        raise InputError(
            f"{path} is not there or cannot be read ({error.strerror}): check the path"
        ) from None
    if not path.is_file():
        raise InputError(f"{path} is no file, expected a TIFF or PNG file: check the path")
    if size == 0:
        raise InputError(f"{path} is empty (0 bytes), expected an image: copy or export the file again")
    if suffix == ".png":
        return PngSeries(path, labels=labels)
    return TiffSeries(path, axes, assumed_axes=assumed_axes, labels=labels)


def find_files(folder: Path) -> list[Path]:
    """Readable image files directly in a folder; hidden files are left out.

    Returns:
        Paths in the order of their names, numbers in them by value: ``t2.tif`` comes before ``t10.tif``.

    Raises:
        InputError: the folder is not there or holds no such file.
    """
    if not folder.is_dir():
        raise InputError(f"{folder} is no folder, expected one with TIFF or PNG files: check the path")
    visible = (entry for entry in folder.iterdir() if not entry.name.startswith("."))
    files = [entry for entry in visible if entry.suffix.lower() in SUFFIXES and entry.is_file()]
    if not files:
        raise InputError(
            f"{folder} holds no image, expected files ending in {', '.join(SUFFIXES)}: check the path"
        )
    return sorted(files, key=_numbers_by_value)


def _numbers_by_value(path: Path) -> tuple[list[tuple[int, str]], str]:
    parts = re.findall(r"[0-9]+|[^0-9]+", path.name)
    # equal values such as 1 and 01 are told apart by the name itself
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts], path.name
