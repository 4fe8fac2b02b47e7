"""The images of a folder, and the positions in each file."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from hela_seg.data.stacks.discovery.formats import FOLDERS, LOSSLESS, SUFFIXES, format_by_ending, known_format
from hela_seg.data.stacks.discovery.positions import Position, picked
from hela_seg.data.stacks.microscope.micromanager import is_micromanager
from hela_seg.data.stacks.numbering import by_value
from hela_seg.data.stacks.series import named
from hela_seg.data.stacks.tiff.several_files import later_parts
from hela_seg.system.errors import InputError, join_names


class ImageFile(NamedTuple):
    """A recording on disk that is not opened yet: a file, or one position of it.

    Attributes:
        path: of the file.
        position: its name; None where the file holds one recording only.
    """

    path: Path
    position: str | None = None

    @property
    def name(self) -> str:
        """File name without its ending, with the position behind it: ``dish_A1`` for A1 in ``dish.nd2``."""
        return named(self.path, self.position)


def images_in(paths: Iterable[Path], wanted: Position = None) -> list[ImageFile]:
    """The recordings in some files: one each, or one for each position of a file that holds several.

    Args:
        paths: of the files.
        wanted: names or numbers of the positions that are meant; None for all. Files of one recording are
            listed in any case. A file that cannot be opened is listed once, so that opening it says why.

    Raises:
        InputError: no file has a position that is meant, or a name that is asked for is in none of them.
    """
    found: list[ImageFile] = []
    there: dict[str, None] = {}
    for path in paths:
        names = _positions(path)
        if len(names) < 2:
            found.append(ImageFile(path))
            continue
        there |= dict.fromkeys([*names, *map(str, range(len(names)))])
        found += [ImageFile(path, names[number]) for number in picked(names, wanted)]
    items = [] if wanted is None else [wanted] if isinstance(wanted, str | int) else wanted
    missing = [str(item) for item in items if there and str(item) not in there]
    if missing:
        raise InputError(
            f"no file has the position {join_names(missing)}, expected one of {join_names(list(there))}: set "
            "data.position (position, to predict)"
        )
    return found


def is_image(path: Path) -> bool:
    """Whether a path is one image, a file or a folder of Zarr or Micro-Manager, and no folder of images."""
    return path.suffix.lower() in FOLDERS or path.is_file() or is_micromanager(path)


def _positions(path: Path) -> list[str]:
    try:
        kind = format_by_ending(path) or known_format(path)
        return [] if kind is None else list(kind.positions(path))
    except InputError:
        return []  # opening it says what is wrong


def find_files(folder: Path, *, labels: bool = False) -> list[Path]:
    """Readable images directly in a folder, files and folders of Zarr; hidden ones are left out.

    Files without an ending are known by their first bytes.

    A recording spread over several files, OME-TIFF or Micro-Manager's, is listed once, by the one with its
    first plane. Links that lead nowhere are listed, so that opening them says so.

    Args:
        folder: the folder.
        labels: files are left out whose compression changes values, such as JPEG.

    Returns:
        Paths in the order of their names, numbers in them by value: ``t2.tif`` comes before ``t10.tif``.

    Raises:
        InputError: the folder is not there or holds no such file.
    """
    if not folder.is_dir():
        raise InputError(f"{folder} is no folder, expected one with image files: check the path")
    visible = [entry for entry in folder.iterdir() if not entry.name.startswith(".")]
    suffixes = LOSSLESS if labels else SUFFIXES
    files = [entry for entry in visible if _may_be_image(entry, suffixes)]
    parts = later_parts(files)
    files = [path for path in files if path not in parts]
    if not files:
        raise _no_image(folder, visible, suffixes)
    return sorted(files, key=by_value)


def _no_image(folder: Path, entries: Sequence[Path], suffixes: Sequence[str]) -> InputError:
    inner = sorted(entry.name for entry in entries if entry.is_dir())
    if inner:
        return InputError(
            f"{folder} holds no image but the folder(s) {join_names(inner)}, expected images directly in it: "
            "name one of these, or set data.images (images, to predict) to a pattern as '{folder}/{name}'"
        )
    return InputError(
        f"{folder} holds no image, expected files ending in {', '.join(suffixes)}: check the path"
    )


def _may_be_image(entry: Path, suffixes: Collection[str]) -> bool:
    suffix = entry.suffix.lower()
    if not entry.exists():
        return suffix in suffixes  # a link that leads nowhere, or in a circle
    if entry.is_dir():
        return suffix in FOLDERS or is_micromanager(entry)
    if not suffix:
        kind = known_format(entry)
        return kind is not None and (kind.suffixes[0] in suffixes)
    return suffix in suffixes and suffix not in FOLDERS
