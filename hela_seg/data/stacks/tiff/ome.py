"""What the XML of an OME-TIFF says before its frames are looked up: how many, in which files."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from pathlib import Path
from xml.etree import ElementTree

from hela_seg.system.errors import InputError

MAX_PLANES = 2**22
"""Most planes that one OME-TIFF may state; tifffile keeps a place for each before it looks for any."""


def refuse_unfit(path: Path, metadata: str | None) -> None:
    """Refuse a part that leaves the metadata to another file, and numbers of planes that no file has.

    Raises:
        InputError: either of them, or parts in other folders.
        tifffile.TiffFileError: sizes that are no numbers.
    """
    root = parsed(metadata)
    elsewhere = root.find("{*}BinaryOnly")
    if elsewhere is not None:
        raise InputError(
            f"{path} is a part of the OME-TIFF {elsewhere.get('MetadataFile')}, expected the file that "
            "states the axes: open that one"
        )
    refuse_other_folders(path, (uuid.get("FileName", "") for uuid in root.iterfind(".//{*}UUID")))
    for pixels in root.iterfind(".//{*}Pixels"):
        planes = _planes(pixels)
        counts = [
            int(data.get("PlaneCount", data.get("NumPlanes", 1))) for data in pixels.iterfind("{*}TiffData")
        ]
        if max(planes, *counts) > MAX_PLANES:
            raise InputError(
                f"{path} states {max(planes, *counts)} planes, expected at most {MAX_PLANES}: export the "
                "file again"
            )


def refuse_other_folders(path: Path, names: Iterable[str]) -> None:
    """Refuse parts of a recording that lie in another folder than its first file.

    Whoever made a file decides what it names, and would so have any file of the user read as its frames.

    Args:
        path: the first file.
        names: of the files that it names.

    Raises:
        InputError: a name that leads to another folder.
    """
    for name in names:
        if name == ".." or re.search(r"[/\\:]", name):
            raise InputError(
                f"{path} names {name} as a part of it, expected files in its own folder: put them there and "
                "export it again, or convert it to one file"
            )


def later_files(own: str, metadata: str | None) -> frozenset[str]:
    """The files of an OME-TIFF that are not read by themselves; each file states all of them.

    Args:
        own: name of the file with the metadata, which may leave them to another file.
        metadata: of the file.
    """
    root = parsed(metadata)
    names = [uuid.get("FileName", "") for uuid in root.iterfind(".//{*}UUID")]
    leaves_them = root.find("{*}BinaryOnly") is not None
    return frozenset(names) - set(names[:1]) | ({own} if leaves_them else set())


def image_names(metadata: str | None) -> list[str]:
    """Names of the images in the metadata, one for each position of the stage; empty where one has none."""
    return [image.get("Name", "") for image in parsed(metadata).findall("{*}Image")]


def stated_planes(metadata: str | None, number: int) -> int:
    """How many planes (frames x channels x Z) the metadata state of an image; 0 where they state none."""
    images = parsed(metadata).findall("{*}Image/{*}Pixels")
    return _planes(images[number]) if number < len(images) else 0


def _planes(pixels: ElementTree.Element) -> int:
    return math.prod(max(int(pixels.get(key, 1)), 1) for key in ("SizeT", "SizeC", "SizeZ"))


def parsed(metadata: str | None) -> ElementTree.Element:
    """The XML of an OME-TIFF; an element with nothing in it where there is none, or none that can be read."""
    try:
        return ElementTree.fromstring(metadata or "<none/>")
    except ElementTree.ParseError:
        return ElementTree.Element("none")
