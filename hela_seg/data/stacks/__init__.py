"""Files on disk as lazily read series of frames: the only room that knows file formats.

Reading; ``open_series`` reads a file's header and answers with a `Series`, pixels are read window by window:

- ``series``: what every series offers, whatever file it lies in; ``volume``: those that may have Z
- ``tiff``, ``png``, ``zarr``: one each for a format
- ``options``, ``axes``, ``calibration``, ``numbering``: what files say, or users, of order, size and time
- ``ome`` and ``multiscales``: the metadata of OME-TIFF and OME-Zarr
- ``segments`` and ``mapped``: windows from strips, tiles and chunks, or straight from the file
- ``damage`` and ``ifds``: what is wrong with a file, in one line

Writing:

- ``write``: whole stacks; ``parts``: some finished frames of a prediction
- ``ome_tiff``, ``ome_zarr``, ``video``: the files that others open
"""

from __future__ import annotations

import unicodedata
from pathlib import Path

from hela_seg.data.stacks.calibration import PixelSize
from hela_seg.data.stacks.numbering import by_value, numbered_sequence
from hela_seg.data.stacks.options import MAX_FRAME_PIXELS, ReadOptions, Z
from hela_seg.data.stacks.parts import EncodedFrame, Part, read_part, write_part
from hela_seg.data.stacks.png import PngSeries
from hela_seg.data.stacks.series import ArraySeries, FrameSequence, SelectedFrames, Series, name_of
from hela_seg.data.stacks.tiff.ome import is_ome_tiff, later_parts
from hela_seg.data.stacks.tiff.ome_tiff import write_ome_tiff
from hela_seg.data.stacks.tiff.reader import TiffSeries
from hela_seg.data.stacks.write import write_tiff
from hela_seg.data.stacks.zarr.ome_zarr import write_ome_zarr
from hela_seg.data.stacks.zarr.reader import ZarrSeries
from hela_seg.system.errors import InputError

SUFFIXES = (".tif", ".tiff", ".png", ".zarr")
"""File name endings that can be read, in lower case; the last one is of folders."""

__all__ = [
    "MAX_FRAME_PIXELS",
    "SUFFIXES",
    "ArraySeries",
    "EncodedFrame",
    "FrameSequence",
    "Part",
    "PixelSize",
    "SelectedFrames",
    "Series",
    "Z",
    "find_files",
    "name_of",
    "numbered_sequence",
    "open_series",
    "read_part",
    "write_ome_tiff",
    "write_ome_zarr",
    "write_part",
    "write_tiff",
]


def open_series(
    path: Path | str,
    axes: str | None = None,
    *,
    assumed_axes: str | None = None,
    labels: bool = False,
    z: Z = None,
    max_frame_pixels: int = MAX_FRAME_PIXELS,
    fill_missing_chunks: bool = False,
    colours: bool = False,
) -> Series:
    """Open one file as a series of frames, reading its header only.

    Symbolic links are followed wherever they lead: folders of links to a share are how recordings are
    gathered. Floating-point images may hold negative values but neither NaN nor infinity, which are refused
    when they are read.

    Args:
        path: a TIFF or PNG file, or a folder of Zarr that ends in ``.zarr``.
        axes: order of the axes, slowest first, as letters T, C, Z, Y and X (H, W and S are taken for Y, X
            and C), e.g. ``"TYX"``. It counts before what a file itself states, where it has as many letters
            as the file has axes.
        assumed_axes: the same, but only for files that do not state their axes.
        labels: the file is a mask: it has no C in its axes, one channel is expected, and the colours in a
            PNG's colour table are left aside.
        z: of Z-stacks, the plane that is seen (0 is the first), ``"max"`` or ``"mean"`` over all planes.
        max_frame_pixels: most values of one frame, rows x columns x channels.
        fill_missing_chunks: chunks of Zarr that are not on disk hold the fill value, as the format has it,
            and are no damage.
        colours: the file is a mask painted in colours: a TIFF's colour table means colours, whatever program
            wrote it.

    Returns:
        The series, of shape (T, C, H, W).

    Raises:
        InputError: no such file, a format that is not read, a damaged or oversized file, a Z-stack without a
            z, or axes that cannot be known.
    """
    path = Path(path)
    options = ReadOptions(axes, assumed_axes, labels, z, max_frame_pixels, fill_missing_chunks, colours)
    suffix = path.suffix.lower()
    _refuse_unprintable(path)
    _refuse_missing(path)
    if suffix not in SUFFIXES and path.is_dir():
        raise InputError(f"{path} is a folder, expected one file: give its files one by one")
    if suffix not in SUFFIXES:
        raise InputError(
            f"{path} ends in '{path.suffix}', expected one of {', '.join(SUFFIXES)}: convert it to TIFF"
        )
    _refuse_unfit(path, folder=suffix == ".zarr")
    if suffix == ".zarr":
        return ZarrSeries(path, options)
    return PngSeries(path, options) if suffix == ".png" else TiffSeries(path, options)


def find_files(folder: Path) -> list[Path]:
    """Readable images directly in a folder, files and folders of Zarr; hidden ones are left out.

    A recording spread over several OME-TIFF files is listed once, by the file with its first plane. Links
    that lead nowhere are listed, so that opening them says so.

    Returns:
        Paths in the order of their names, numbers in them by value: ``t2.tif`` comes before ``t10.tif``.

    Raises:
        InputError: the folder is not there or holds no such file.
    """
    if not folder.is_dir():
        raise InputError(f"{folder} is no folder, expected one with TIFF or PNG files: check the path")
    visible = [entry for entry in folder.iterdir() if not entry.name.startswith(".")]
    files = [entry for entry in visible if entry.suffix.lower() in SUFFIXES and _may_be_image(entry)]
    parts = frozenset[str]().union(*(later_parts(path) for path in files if is_ome_tiff(path)))
    files = [path for path in files if path.name not in parts]
    if not files:
        raise InputError(
            f"{folder} holds no image, expected files ending in {', '.join(SUFFIXES)}: check the path"
        )
    return sorted(files, key=by_value)


def _may_be_image(entry: Path) -> bool:
    if not entry.exists():
        return True  # a link that leads nowhere, or in a circle
    return entry.is_dir() if entry.suffix.lower() == ".zarr" else entry.is_file()


def _refuse_unprintable(path: Path) -> None:
    """Refuse names that break tables and messages: control characters, line ends, bytes that are no text."""
    if any(unicodedata.category(character) in {"Cc", "Cs", "Zl", "Zp"} for character in str(path)):
        raise InputError(
            f"{str(path)!a} has a line break or another character that cannot be printed in its name, "
            "expected none: rename it"
        )


def _refuse_missing(path: Path) -> None:
    try:
        path.stat()
    except OSError as error:
        raise InputError(
            f"{path} is not there or cannot be read ({error.strerror}): check the path"
        ) from None


def _refuse_unfit(path: Path, *, folder: bool) -> None:
    if folder and not path.is_dir():
        raise InputError(f"{path} is no folder, expected one of Zarr: check the path")
    if not folder and not path.is_file():
        raise InputError(f"{path} is no file, expected a TIFF or PNG file: check the path")
    if path.stat().st_size == 0 and not folder:
        raise InputError(f"{path} is empty (0 bytes), expected an image: copy or export the file again")
