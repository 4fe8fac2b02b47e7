"""The chain of directories (IFDs) in a TIFF file, one a page, walked before tifffile follows it.

tifffile goes round in loops of many IFDs, and of a chain that is cut it reads what is left and tells its
logger alone, which a program around this one may have silenced.
"""

from __future__ import annotations

import os
import struct
from pathlib import Path
from typing import BinaryIO, NamedTuple

import tifffile


class _Format(NamedTuple):
    """How a TIFF or a BigTIFF writes an IFD: its count of entries, the size of one, the next IFD's offset."""

    counter: str
    entry: int
    offset: str


_FORMATS = {42: _Format("H", 12, "I"), 43: _Format("Q", 20, "Q")}


_IMAGE_DESCRIPTION = 270
_START = 1024
"""Bytes of a description that tell what kind it is."""


def refuse_broken_chain(path: Path) -> None:
    """Refuse a file whose IFDs lead back to one of them, or beyond its end.

    Other damage is left to tifffile, which has better words for it.

    Raises:
        tifffile.TiffFileError: an IFD is met twice, or the file ends before or inside of one.
    """
    with path.open("rb") as file:
        header = _read_header(file)
        if header is not None:
            _walk(file, *header)


def first_description(path: Path) -> bytes:
    """How the tag ImageDescription of a file's first page begins; empty where it has none.

    It takes a few reads, so that a folder of 100,000 files can be looked through.
    """
    with path.open("rb") as file:
        header = _read_header(file)
        if header is None:
            return b""
        offset, order, kind = header
        entries = _number(file, offset, order + kind.counter) or 0
        directory = file.read(min(entries, 4096) * kind.entry)
        for at in range(0, len(directory) - kind.entry + 1, kind.entry):
            if struct.unpack_from(order + "H", directory, at)[0] == _IMAGE_DESCRIPTION:
                # what is no longer than an offset lies in the entry itself, and is no description of ours
                end = at + kind.entry - struct.calcsize(kind.offset)
                file.seek(struct.unpack_from(order + kind.offset, directory, end)[0])
                return file.read(_START)
    return b""


def _read_header(file: BinaryIO) -> tuple[int, str, _Format] | None:
    """Where the first IFD lies, the order of bytes and the format; None of a file that is no TIFF."""
    header = file.read(16)
    order = {b"II": "<", b"MM": ">"}.get(header[:2])
    if order is None or len(header) < 16:
        return None
    kind = _FORMATS.get(struct.unpack(order + "H", header[2:4])[0])
    if kind is None:
        return None
    (offset,) = struct.unpack_from(order + kind.offset, header, 4 if kind.offset == "I" else 8)
    return offset, order, kind


def _walk(file: BinaryIO, offset: int, order: str, kind: _Format) -> None:
    seen: set[int] = set()
    size = os.fstat(file.fileno()).st_size
    while offset:
        if offset >= size:
            raise tifffile.TiffFileError(f"invalid page offset {offset}")  # as tifffile says it
        if offset in seen:
            raise tifffile.TiffFileError(f"its IFDs form a loop at {offset}")
        seen.add(offset)
        entries = _number(file, offset, order + kind.counter)
        end = offset + struct.calcsize(order + kind.counter) + (entries or 0) * kind.entry
        following = None if entries is None else _number(file, end, order + kind.offset)
        if following is None:
            raise tifffile.TiffFileError(f"it ends after {size} bytes, inside of page {len(seen) - 1}")
        offset = following


def _number(file: BinaryIO, offset: int, code: str) -> int | None:
    file.seek(offset)
    content = file.read(struct.calcsize(code))
    return int(struct.unpack(code, content)[0]) if len(content) == struct.calcsize(code) else None
