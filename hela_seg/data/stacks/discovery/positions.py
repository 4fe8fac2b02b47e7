"""Several positions in one file (scenes, images, fields of wells): their names, and which are meant."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from unicodedata import normalize

from hela_seg.system.errors import InputError, join_names

Position = str | int | Sequence[str | int] | None
"""Which positions of files that hold several are read: names or numbers; None for all."""


def position_names(found: Sequence[str]) -> list[str]:
    """Names of positions that can stand in file names, one each and all different.

    Characters that file systems refuse become hyphens. Where two names are the same or one is empty, all
    positions have numbers instead, from 0.

    Args:
        found: as the microscope's program calls them.

    Example:
        ``position_names(["Well A1", "Well A2"]) == ["Well-A1", "Well-A2"]``, and of ``["", ""]`` it is
        ``["0", "1"]``
    """
    names = [
        re.sub(r'[\s\\/:*?"<>|\x00-\x1f\x7f-\x9f\ud800-\udfff]+', "-", normalize("NFC", name)).strip("-.")
        for name in found
    ]
    different = all(names) and len({name.casefold() for name in names}) == len(names)
    return names if different else [str(number) for number in range(len(names))]


def picked(names: Sequence[str], wanted: Position) -> list[int]:
    """Numbers of the positions that are meant; a name counts before a number.

    Args:
        names: of all positions in a file.
        wanted: names or numbers; None for all. What is not in the file is left aside.
    """
    if wanted is None:
        return list(range(len(names)))
    number_of = {str(number): number for number in range(len(names))}
    number_of |= {name: number for number, name in enumerate(names)}
    items = [wanted] if isinstance(wanted, str | int) else wanted
    return sorted({number_of[str(item)] for item in items if str(item) in number_of})


def chosen(names: Sequence[str], wanted: str | None, path: Path) -> int:
    """Number of the one position of a file that is meant.

    Args:
        names: of all positions in the file.
        wanted: a name or number; it does not count where the file has one position only.
        path: of the file, for messages.

    Raises:
        InputError: the file has several positions and none is chosen, or has none of this name.
    """
    if not names:
        raise InputError(f"{path} holds no image, expected one or more: copy or export the file again")
    if len(names) == 1:
        return 0
    there = f"{path} holds {len(names)} positions ({join_names(names)})"
    if wanted is None:
        raise InputError(f"{there}, expected the choice of one: set data.position (position, to predict)")
    numbers = picked(names, wanted)
    if not numbers:
        raise InputError(
            f"{there} and none called {wanted}: set data.position (position, to predict) to names or numbers "
            f"from 0 to {len(names) - 1}"
        )
    return numbers[0]
