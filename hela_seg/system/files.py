"""Output files that appear whole or not at all."""

from __future__ import annotations

import csv
import hashlib
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from hela_seg.system.errors import InputError

HALVES = ".*.[0-9]*.part"
"""Matches what `whole_file` hands out, and what a process that is killed leaves of it."""


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Hand out a path beside ``path`` to write to; it gets its final name when the block ends well.

    Whoever reads ``path`` sees the former file or the new one, never half of either, and nothing is left
    behind when writing fails. Missing parent folders are made.

    Args:
        path: where the file shall be in the end.

    Yields:
        A path in the same folder, hidden and unique to this process, for the block to write.

    Raises:
        InputError: the operating system refuses to write there (no rights, no space, a file in a
            folder's place).
    """
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield part
        with part.open("rb+") as file:  # Windows flushes only files that are open for writing
            # renaming first and losing power before the bytes are down would leave an empty file
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        raise InputError(
            f"cannot write {path}: {error.strerror or error}; "
            "choose a folder that you may write to, with space left"
        ) from error
    finally:
        with suppress(OSError):  # where a parent is a file or may not be entered, there is none
            part.unlink(missing_ok=True)


def write_whole(path: Path, text: str) -> None:
    """Write a text file, in UTF-8; see `whole_file` for how it appears and what is raised."""
    with whole_file(path) as part:
        part.write_text(text, encoding="utf-8")


_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""Beginnings of cells that spreadsheets compute."""

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")


def write_table(path: Path, rows: Sequence[Mapping[str, Any]], columns: Sequence[str] = ()) -> None:
    """Write a CSV table with a header; the file appears whole or not at all.

    Args:
        path: where to.
        rows: by column; the columns stand in the order in which they first occur, and what a row lacks is
            left empty.
        columns: that stand first, and are there without any rows.

    Raises:
        InputError: it cannot be written there.
    """
    found = (column for row in rows for column in row)
    with whole_file(path) as part, part.open("w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, list(dict.fromkeys([*columns, *found])), lineterminator="\n")
        table.writeheader()
        table.writerows({column: as_cell(value) for column, value in row.items()} for row in rows)


def as_cell(value: Any) -> Any:
    """A value for a cell of a CSV table; text that spreadsheets would compute gets a ``'`` in front.

    Example:
        ``as_cell("=1+1") == "'=1+1"``, and numbers stay as they are
    """
    if not isinstance(value, str) or not value.startswith(_FORMULA) or _NUMBER.fullmatch(value):
        return value
    return f"'{value}"


def from_cell(text: str) -> str:
    """The text that `as_cell` made a cell of."""
    return text[1:] if text.startswith("'") and text[1:].startswith(_FORMULA) else text


def refuse_existing(path: Path, *, overwrite: bool) -> None:
    """Make sure that no file of the user is written over unasked.

    Raises:
        InputError: something is there, and ``overwrite`` is not set.
    """
    if path.exists() and not overwrite:
        raise InputError(f"{path} is already there: choose another output=, or set overwrite=true")


def make_folder(folder: Path) -> Path:
    """Make a folder and its parents, where missing, and make sure that files can be written there.

    Raises:
        InputError: it cannot be made or written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"{folder} cannot be made ({error.strerror}): choose another output folder"
        ) from None
    if not os.access(folder, os.W_OK | os.X_OK):
        raise InputError(f"{folder} cannot be written: choose another one or change its permissions")
    return folder


@contextmanager
def results_folder(folder: Path) -> Iterator[Path]:
    """`make_folder` for a block that writes results; empty folders that it made go again if the block fails.

    Raises:
        InputError: it cannot be made or written.
    """
    made = [path for path in (folder, *folder.parents) if not path.exists()]
    try:
        yield make_folder(folder)
    except BaseException:
        for path in made:
            with suppress(OSError):  # something was written
                path.rmdir()
        raise


def digest(paths: Iterable[Path]) -> str:
    """SHA-256 in hexadecimal: of one file its own; of several, or of folders, that of the list of their sums.

    Files of a folder stand in that list by name, with their names inside of the folder. Names of files that
    are given by themselves, and of the folders, make no difference.

    Raises:
        InputError: a file that cannot be read.
    """
    found = []
    for path in paths:
        inside = sorted(entry for entry in path.rglob("*") if entry.is_file()) if path.is_dir() else [path]
        for file in inside:
            name = file.relative_to(path).as_posix() if path.is_dir() else ""
            found.append((name, _sha256(file)))
    if len(found) == 1:
        return found[0][1]
    return hashlib.sha256("".join(f"{name} {value}\n" for name, value in found).encode()).hexdigest()


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}): check the path and its rights") from None
