"""Output files that appear whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hela_seg.errors import InputError


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
        _to_disk(part)
        part.replace(path)
    except OSError as error:
        raise InputError(
            f"cannot write {path}: {error.strerror or error}; "
            "choose a folder that you may write to, with space left"
        ) from error
    finally:
        _forget(part)


def _to_disk(path: Path) -> None:
    # Renaming first and losing power before the bytes are down would leave an empty file of the final name.
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _forget(part: Path) -> None:
    # Where a parent is a file or the folder may not be entered, there is no partial file either.
    try:
        part.unlink(missing_ok=True)
    except OSError:
        return


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
