"""The formats that are read: by which ending and which first bytes a file is known, and what opens it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from hela_seg.data.stacks.microscope.czi import CziReader
from hela_seg.data.stacks.microscope.ims import ImsReader
from hela_seg.data.stacks.microscope.lif import LifReader
from hela_seg.data.stacks.microscope.micromanager import MicroManagerReader, is_micromanager
from hela_seg.data.stacks.microscope.nd2 import Nd2Reader
from hela_seg.data.stacks.microscope.oif import OifReader
from hela_seg.data.stacks.microscope.reader import Reader
from hela_seg.data.stacks.microscope.series import MicroscopeSeries, positions_of
from hela_seg.data.stacks.microscope.video import VideoReader
from hela_seg.data.stacks.options import ReadOptions
from hela_seg.data.stacks.picture import PictureSeries
from hela_seg.data.stacks.png import PngSeries
from hela_seg.data.stacks.series import Series
from hela_seg.data.stacks.tiff.positions import positions_of as tiff_positions
from hela_seg.data.stacks.tiff.reader import TiffSeries
from hela_seg.data.stacks.zarr.reader import ZarrSeries
from hela_seg.data.stacks.zarr.reader import positions_of as zarr_positions
from hela_seg.system.errors import InputError

LFS_POINTER = b"version https://git-lfs"
"""What a file begins with whose content was left on a server of Git LFS."""

_LONGEST_START = 64


def _single(path: Path) -> list[str]:
    """Of a format whose files hold one position."""
    return [""]


class Format(NamedTuple):
    """A format of files, or of folders.

    Attributes:
        name: for messages.
        suffixes: endings of file names, in lower case.
        starts: what the files begin with, by which they are known where the ending is none of ours; none
            where the ending alone counts.
        open: makes the series of a file.
        positions: names of the positions in a file; one where it holds a single recording.
        is_lossy: its compression changes values, so that it holds no labels.
    """

    name: str
    suffixes: tuple[str, ...]
    starts: tuple[bytes, ...]
    open: Callable[[Path, ReadOptions], Series]
    positions: Callable[[Path], Sequence[str]] = _single
    is_lossy: bool = False


def _microscope(reader: type[Reader], suffixes: tuple[str, ...], starts: tuple[bytes, ...]) -> Format:
    return Format(
        reader.format_name,
        suffixes,
        starts,
        partial(MicroscopeSeries, reader=reader),
        partial(positions_of, kind=reader),
    )


_TIFF_SUFFIXES = (".tif", ".tiff", ".btf", ".tf2", ".tf8", ".lsm", ".stk", ".svs", ".qptiff", ".qpi")
"""BigTIFF of all names, Zeiss's LSM, MetaMorph's STK and slides of Aperio and Akoya are TIFF inside."""

FORMATS = (
    Format("TIFF", _TIFF_SUFFIXES, (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"), TiffSeries, tiff_positions),
    Format("PNG", (".png",), (b"\x89PNG\r\n\x1a\n",), PngSeries),
    Format("JPEG", (".jpg", ".jpeg"), (b"\xff\xd8\xff",), PictureSeries, is_lossy=True),
    Format("BMP", (".bmp",), (b"BM",), PictureSeries),
    Format("Zarr", (".zarr",), (), ZarrSeries, zarr_positions),
    _microscope(Nd2Reader, (".nd2",), (b"\xda\xce\xbe\n", b"\0\0\0\x0cjP  ")),
    _microscope(CziReader, (".czi",), (b"ZISRAWFILE",)),
    _microscope(LifReader, (".lif",), (b"p\0\0\0",)),
    _microscope(OifReader, (".oif", ".oib"), ()),
    _microscope(ImsReader, (".ims",), ()),
    _microscope(VideoReader, (".avi", ".mp4", ".mov"), ())._replace(is_lossy=True),
)
"""All formats; the ending counts before the content."""

MICROMANAGER = _microscope(MicroManagerReader, (), ())
"""Of folders, which are known by what lies in them."""

SUFFIXES = tuple(suffix for kind in FORMATS for suffix in kind.suffixes)
"""File name endings that can be read, in lower case; ``.zarr`` is of folders."""

LOSSLESS = tuple(suffix for kind in FORMATS if not kind.is_lossy for suffix in kind.suffixes)
"""The endings of files that may hold labels."""

FOLDERS = (".zarr",)
"""Those endings that are of folders."""


def format_by_ending(path: Path) -> Format | None:
    """The format that the ending of a name says; None where it says none. No file is opened."""
    suffix = path.suffix.lower()
    return next((kind for kind in FORMATS if suffix in kind.suffixes), None)


def known_format(path: Path) -> Format | None:
    """The format of a file by its ending, else by its first bytes; None for any other file or folder.

    Raises:
        InputError: the file is a pointer of Git LFS, or cannot be read.
    """
    suffix, found = path.suffix.lower(), format_by_ending(path)
    if suffix not in FOLDERS and path.is_dir():
        return MICROMANAGER if is_micromanager(path) else None
    if suffix in FOLDERS:
        return found
    start = _start(path)
    if start.startswith(LFS_POINTER):
        raise InputError(
            f"{path} is a pointer of Git LFS, which stands for a file that was not downloaded, expected the "
            "file itself: run 'git lfs pull' in its folder"
        )
    return found or next((kind for kind in FORMATS if kind.starts and start.startswith(kind.starts)), None)


def _start(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(_LONGEST_START)
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}): check the path and its rights") from None
