"""Recordings spread over several TIFF files, of which one stands for all of them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Set
from pathlib import Path

import tifffile

from hela_seg.data.stacks.damage import damage_is_reported
from hela_seg.data.stacks.tiff.ome import later_files
from hela_seg.system.errors import InputError

NDTIFF_INDEX = "NDTiff.index"
"""In Micro-Manager's folders, the file that names the files of a recording."""

_MICROMANAGER = re.compile(r".*_(MMStack|NDTiffStack).*\.tiff?", re.IGNORECASE)
"""Names that Micro-Manager gives to files: those of a recording end in positions or numbers."""


def later_parts(paths: Iterable[Path]) -> set[Path]:
    """The files among these that are not read by themselves, since another one opens the whole recording.

    Each file of a recording would else be taken for all of it.
    """
    later: set[Path] = set()
    for path in sorted(paths, key=lambda path: (len(path.name), path)):  # a.tif before a_1.tif
        if is_ome_tiff(path) or (path not in later and _MICROMANAGER.fullmatch(path.name)):
            later |= {path.with_name(name) for name in _later_files(path)}
    return later


def is_ome_tiff(path: Path) -> bool:
    """Whether the name ends as those of all files of an OME-TIFF do."""
    return path.name.lower().endswith((".ome.tif", ".ome.tiff"))


def _later_files(path: Path) -> Set[str]:
    """The other files of a recording, by OME-TIFF's own statement or as tifffile opens them."""
    try:
        with damage_is_reported(path), tifffile.TiffFile(path) as file:
            if is_ome_tiff(path):
                return later_files(path.name, file.ome_metadata)
            pages = [page for page in file.series[0].pages if page is not None]
            return {Path(page.parent.filehandle.path).name for page in pages} - {path.name}
    except InputError:
        return set()  # opening it says what is wrong
