"""Files on disk as lazily read series of frames: the only room that knows file formats.

``open_series`` reads a file's header and answers with a `Series`; pixels are read window by window. ``write_tiff``
writes stacks, and ``LabelWriter`` writes label maps frame by frame.
"""

from __future__ import annotations

from pathlib import Path

from hela_seg.data.stacks.png import PngSeries
from hela_seg.data.stacks.series import ArraySeries, FrameSequence, Series
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
    "open_series",
    "write_png",
    "write_tiff",
]


def open_series(path: Path | str, axes: str | None = None, *, labels: bool = False) -> Series:
    """Open one file as a series of frames, reading its header only.

    Args:
        path: a TIFF or PNG file.
        axes: order of the axes, slowest first, as letters T, C, Y and X (S for the samples of RGB; H and W are
            taken for Y and X). Needed where the file does not state its axes, e.g. ``"TYX"``.
        labels: the file is a mask: one channel is expected, and the colour table of a PNG is left aside.

    Returns:
        The series, of shape (T, C, H, W).

    Raises:
        InputError: no such file, a format that is not read, a damaged file, or axes that cannot be known.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path} is not there, expected a TIFF or PNG file: check the path")
    if path.stat().st_size == 0:
        raise InputError(f"{path} is empty (0 bytes), expected an image: copy or save the file again")
    suffix = path.suffix.lower()
    if suffix == ".png":
        return PngSeries(path, labels=labels)
    if suffix in SUFFIXES:
        return TiffSeries(path, axes, labels=labels)
    raise InputError(f"{path} ends in '{path.suffix}', expected one of {', '.join(SUFFIXES)}: convert it to TIFF")


def find_files(folder: Path) -> list[Path]:
    """Readable image files directly in a folder, sorted by name; hidden files are left out.

    Raises:
        InputError: the folder is not there or holds no such file.
    """
    if not folder.is_dir():
        raise InputError(f"{folder} is no folder, expected one with TIFF or PNG files: check the path")
    entries = (entry for entry in folder.iterdir() if not entry.name.startswith("."))
    files = sorted(entry for entry in entries if entry.suffix.lower() in SUFFIXES and entry.is_file())
    if not files:
        raise InputError(f"{folder} holds no image, expected files ending in {', '.join(SUFFIXES)}: check the path")
    return files
