"""File names that hold frame numbers."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from hela_seg.system.errors import InputError

LISTED = 5
"""At most so many missing numbers are named in one message."""


def by_value(path: Path) -> tuple[list[tuple[int, str]], str]:
    """Sort key of file names, numbers in them by value: ``t2.tif`` comes before ``t10.tif``."""
    parts = re.findall(r"[0-9]+|[^0-9]+", path.name)
    # equal values such as 1 and 01 are told apart by the name itself
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts], path.name


def numbered_sequence(paths: Sequence[Path]) -> list[int]:
    """The frame numbers in the names of single-frame files, of which none may be missing.

    The running number is the one group of digits in which the names differ: 7 in ``dish2_t007.tif`` beside
    ``dish2_t008.tif``. It may start anywhere and go up in equal steps. A file by itself has its last number.

    Args:
        paths: in the order of time.

    Returns:
        One number a path.

    Raises:
        InputError: names without one running number, a number twice, out of order, or a gap, which is named.
    """
    numbers = _running_numbers(paths)
    steps = [after - before for before, after in pairwise(numbers)]
    for path, former, step in zip(paths[1:], paths, steps, strict=False):
        if step <= 0:
            raise InputError(
                f"{path} comes after {former.name}, expected frame numbers that go up: give each frame its "
                "own number"
            )
    missing = [
        number
        for before, step in zip(numbers, steps, strict=False)
        for number in range(before + min(steps), before + step, min(steps))[: LISTED + 1]
    ]
    if missing:
        more = ", ..." if len(missing) > LISTED else ""
        raise InputError(
            f"{paths[0].parent} lacks frame {', '.join(map(str, missing[:LISTED]))}{more} between "
            f"{paths[0].name} and {paths[-1].name}, expected frame numbers without a gap: add what is "
            "missing, or make a series of each side"
        )
    return numbers


def _running_numbers(paths: Sequence[Path]) -> list[int]:
    groups = [re.findall(r"[0-9]+", path.stem) for path in paths]
    if not groups[0] or len({len(group) for group in groups}) > 1:
        raise _unnumbered(paths)
    columns = [[int(digits) for digits in column] for column in zip(*groups, strict=True)]
    running = [column for column in columns if len(set(column)) > 1] or columns[-1:]
    if len(running) > 1:
        raise _unnumbered(paths)
    return running[0]


def _unnumbered(paths: Sequence[Path]) -> InputError:
    return InputError(
        f"{paths[0].parent} holds {paths[0].name} to {paths[-1].name}, expected names that differ in one "
        "frame number: rename them to t000, t001 and so on"
    )
