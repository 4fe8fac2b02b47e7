"""File names that hold frame numbers."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from hela_seg.system.errors import InputError

LISTED = 5
"""At most so many missing numbers are named in one message."""


def natural_order(text: str) -> tuple[list[tuple[int, str]], str]:
    """Sort key of names, numbers in them by value: ``t2`` comes before ``t10``."""
    parts = re.findall(r"[0-9]+|[^0-9]+", text)
    # equal values such as 1 and 01 are told apart by the name itself
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts], text


def by_value(path: Path) -> tuple[list[tuple[int, str]], str]:
    """Sort key of files by their names, see `natural_order`."""
    return natural_order(path.name)


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
    refuse_gaps(paths, numbers)
    return numbers


def refuse_gaps(paths: Sequence[Path | str], numbers: Sequence[int]) -> None:
    """Refuse frame numbers that do not go up in equal steps.

    Args:
        paths: of the frames, in the order of time.
        numbers: of each.

    Raises:
        InputError: a number twice, out of order, or a gap, which is named.
    """
    steps = [after - before for before, after in pairwise(numbers)]
    if not steps or min(steps) == max(steps) > 0:
        return
    for path, former, step in zip(paths[1:], paths, steps, strict=False):
        if step <= 0:
            raise InputError(
                f"{path} comes after {Path(former).name}, expected frame numbers that go up: give each frame "
                "its own number"
            )
    missing = [
        number
        for before, step in zip(numbers, steps, strict=False)
        for number in range(before + min(steps), before + step, min(steps))[: LISTED + 1]
    ]
    if missing:
        first, last = Path(paths[0]), Path(paths[-1])
        more = ", ..." if len(missing) > LISTED else ""
        raise InputError(
            f"{first.parent} lacks frame {', '.join(map(str, missing[:LISTED]))}{more} between "
            f"{first.name} and {last.name}, expected frame numbers without a gap: add what is missing, or "
            "make a series of each side"
        )


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
