"""The files below a folder that patterns may match, in one walk."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import NamedTuple
from unicodedata import normalize

from hela_seg.system.errors import InputError

DEEPEST = 32
"""Folders below each other that ``**`` goes through."""


class Entry(NamedTuple):
    """A file, or a folder of Zarr, below the folder that was walked.

    Attributes:
        path: below the folder, separated by ``/``, in Unicode's composed form (NFC).
        place: where it lies, to open it.
    """

    path: str
    place: str


def walk(folder: str, wanted: Callable[[str, int], bool]) -> Iterator[Entry]:
    """All entries below a folder, hidden ones left out.

    Symbolic links are followed wherever they lead, but not round in a circle.

    Args:
        folder: to begin with.
        wanted: whether to go into a folder of some name, so many folders below the first.

    Raises:
        InputError: a folder that is not there or cannot be read.
    """
    waiting = [("", folder, 0)]
    while waiting:
        below, here, depth = waiting.pop()
        try:
            with os.scandir(here) as found:
                visible = (entry for entry in found if not entry.name.startswith("."))
                entries = sorted(visible, key=lambda entry: entry.name)
        except OSError as error:
            raise InputError(
                f"{here} is no folder or cannot be read ({error.strerror}), expected one with images and "
                "masks: set data.root, data.images and data.masks"
            ) from None
        for entry in entries:
            name = entry.name if entry.name.isascii() else normalize("NFC", entry.name)
            if not entry.is_dir() or name.lower().endswith(".zarr"):
                yield Entry(below + name, entry.path)
            elif depth < DEEPEST and wanted(name, depth) and not _leads_back(entry):
                waiting.append((f"{below}{name}/", entry.path, depth + 1))


def _leads_back(entry: os.DirEntry[str]) -> bool:
    """Whether a folder is a link to one that it lies in."""
    if not entry.is_symlink():
        return False
    leads_to, here = os.path.realpath(entry.path), os.path.realpath(os.path.dirname(entry.path))  # noqa: PTH120
    return f"{here}{os.sep}".startswith(f"{leads_to}{os.sep}")
