"""Files on disk as lazily read series of frames: the only room that knows file formats.

Reading; ``open_series`` reads a file's header and answers with a `Series`, pixels are read window by window:

- ``series``: what every series offers, whatever file it lies in; ``volume``: with Z; ``array``: in memory
- ``discovery``: which formats there are, the images of a folder, positions in a file, addresses on servers
- ``channels``: channels and planes of several files joined, some channels picked, colours made grey
- ``tiff``, ``png``, ``picture`` (JPEG, BMP), ``zarr``, ``numpy_file``, ``cellpose_seg``; ``microscope``: of
  microscopes; ``outlines``: cells drawn as polygons
- ``options``, ``axes``, ``calibration``, ``numbering``: what files or users say
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

from hela_seg.data.stacks.array import ArraySeries
from hela_seg.data.stacks.calibration import PixelSize
from hela_seg.data.stacks.discovery.formats import FOLDERS, SUFFIXES, known_format
from hela_seg.data.stacks.discovery.listing import ImageFile, find_files, images_in, is_image
from hela_seg.data.stacks.discovery.positions import Position
from hela_seg.data.stacks.discovery.remote import is_remote, joined, path_of
from hela_seg.data.stacks.numbering import numbered_sequence
from hela_seg.data.stacks.numpy_file import NumpySeries, is_numpy
from hela_seg.data.stacks.options import MAX_FRAME_PIXELS, ReadOptions, Z
from hela_seg.data.stacks.parts import EncodedFrame, Part, read_part, write_part
from hela_seg.data.stacks.series import FrameSequence, SelectedFrames, Series, name_of
from hela_seg.data.stacks.tiff.ome_tiff import write_ome_tiff
from hela_seg.data.stacks.write import write_tiff
from hela_seg.data.stacks.zarr.ome_zarr import write_ome_zarr
from hela_seg.data.stacks.zarr.reader import ZarrSeries
from hela_seg.system.errors import InputError

__all__ = [
    "MAX_FRAME_PIXELS",
    "SUFFIXES",
    "ArraySeries",
    "EncodedFrame",
    "FrameSequence",
    "ImageFile",
    "Part",
    "PixelSize",
    "Position",
    "ReadOptions",
    "SelectedFrames",
    "Series",
    "Z",
    "find_files",
    "images_in",
    "is_image",
    "is_remote",
    "joined",
    "name_of",
    "numbered_sequence",
    "open_series",
    "open_with",
    "path_of",
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
    position: str | None = None,
    soft: bool = False,
) -> Series:
    """Open one file as a series of frames, reading its header only.

    Symbolic links are followed wherever they lead: folders of links to a share are how recordings are
    gathered. Floating-point images may hold negative values but neither NaN nor infinity, which are refused
    when they are read.

    Args:
        path: a file of one of `hela_seg.data.stacks.discovery.formats.FORMATS`, a folder of Micro-Manager, or
            one of Zarr that ends in ``.zarr``, also by its address (``https://``, ``s3://``). A file with
            another ending is known by its first bytes.
        axes: order of the axes, slowest first, as letters T, C, Z, Y and X (H, W and S are taken for Y, X
            and C), e.g. ``"TYX"``. It counts before what a file itself states, where it has as many letters
            as the file has axes.
        assumed_axes: the same, but only for files that do not state their axes.
        labels: the file is a mask: it has no C in its axes, one channel is expected, and the colours in a
            PNG's colour table are left aside.
        z: the plane of a Z-stack to read (0 is the first), or ``"max"`` or ``"mean"`` over all planes.
        max_frame_pixels: most values of one frame, rows x columns x channels.
        fill_missing_chunks: chunks of Zarr that are not on disk hold the fill value, as the format has it,
            and are no damage.
        colours: the file is a mask painted in colours: a TIFF's colour table means colours, whatever program
            wrote it.
        position: name or number (0 is the first) of the position that is meant, of a file that holds several.
        soft: the file is a mask of which values above a threshold count, so that a lossy compression is none
            that would spoil it.

    Returns:
        The series, of shape (T, C, H, W).

    Raises:
        InputError: no such file, a format that is not read or whose library is not installed, a damaged or
            oversized file, a Z-stack without a z, several positions without a choice, or axes that cannot be
            known.
    """
    options = ReadOptions(
        axes, assumed_axes, labels, z, max_frame_pixels, fill_missing_chunks, colours, position, soft
    )
    return open_with(path_of(path), options)


def open_with(path: Path, options: ReadOptions) -> Series:
    """Open one file as `open_series` does, whose arguments the options are."""
    _refuse_unprintable(path)
    if is_remote(path):
        if path.suffix.lower() not in FOLDERS:
            raise InputError(
                f"{path} is no address of OME-Zarr, expected one that ends in .zarr: download other files"
            )
        return ZarrSeries(path, options)
    if is_numpy(path):
        return NumpySeries(path, options)
    _refuse_unfit(path)
    kind = known_format(path)
    if kind is None and path.is_dir():
        raise InputError(f"{path} is a folder, expected one file: give its files one by one")
    if kind is None:
        raise InputError(
            f"{path} ends in '{path.suffix}', expected one of {', '.join(SUFFIXES)}: convert it to TIFF"
        )
    return kind.open(path, options)


def _refuse_unprintable(path: Path) -> None:
    """Refuse names that break tables and messages: control characters, line ends, bytes that are no text."""
    if any(unicodedata.category(character) in {"Cc", "Cs", "Zl", "Zp"} for character in str(path)):
        raise InputError(
            f"{str(path)!a} has a line break or another character that cannot be printed in its name, "
            "expected none: rename it"
        )


def _refuse_unfit(path: Path) -> None:
    """Refuse what is not there, is empty, or is a file in the place of a folder or the other way round."""
    suffix = path.suffix.lower()
    try:
        size = path.stat().st_size
    except OSError as error:
        raise InputError(
            f"{path} is not there or cannot be read ({error.strerror}): check the path"
        ) from None
    if suffix in FOLDERS and not path.is_dir():
        raise InputError(f"{path} is no folder, expected one of Zarr: check the path")
    if suffix in SUFFIXES and suffix not in FOLDERS:
        if not path.is_file():
            raise InputError(f"{path} is no file, expected an image file: check the path")
        if size == 0:
            raise InputError(f"{path} is empty (0 bytes), expected an image: copy or export the file again")
