"""A split as it stands: which frames of which series are for what, and the table that says so."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal
from unicodedata import normalize

from hela_seg.system.errors import InputError, join_names
from hela_seg.system.files import from_cell, write_table

Part = Literal["train", "validation", "test"]
"""What frames are used for."""

PARTS: Mapping[str, Part] = {"train": "train", "validation": "validation", "test": "test"}
"""Every part by its name in tables, in the order in which they are shown."""

COLUMNS = ("series", "start", "stop", "part")
"""Header of the table that a split is written as."""


@dataclass(frozen=True)
class Block:
    """The frames ``start`` to ``stop - 1`` of the series with index ``series``, and their part."""

    series: int
    start: int
    stop: int
    part: Part

    def __post_init__(self) -> None:
        if not 0 <= self.start < self.stop:
            raise ValueError(f"a block from frame {self.start} to before frame {self.stop} holds none")


def write_split(path: Path, blocks: Sequence[Block], names: Sequence[str]) -> None:
    """Writes blocks as a CSV table with the columns series (its name), start, stop (exclusive) and part.

    Raises:
        InputError: it cannot be written there; a former table is then as it was.
    """
    write_table(path, rows_of_blocks(blocks, names), COLUMNS)


def read_split(path: Path, names: Sequence[str]) -> list[Block]:
    """Reads what :func:`write_split` wrote, for the series with these names.

    Raises:
        InputError: the table cannot be read, has other columns, a row that is no block, or a series that is
            not among ``names``.
    """
    rows = read_rows(path)
    if not rows or tuple(rows[0]) != COLUMNS:
        found = ",".join(rows[0]) if rows else "nothing"
        raise InputError(f"{path} begins with '{found}', expected the columns {','.join(COLUMNS)}")
    numbers = {name: number for number, name in enumerate(names)}
    return [_parse(path, number, row, numbers) for number, row in enumerate(rows[1:], start=1)]


def rows_of_blocks(blocks: Sequence[Block], names: Sequence[str]) -> list[dict[str, Any]]:
    """Blocks as checkpoints, records and JSON keep them.

    ``rows_of_blocks([Block(0, 2, 5, "test")], ["dish"])`` gives
    ``[{"series": "dish", "start": 2, "stop": 5, "part": "test"}]``; ``stop`` is exclusive.
    """
    return [{"series": names[b.series], "start": b.start, "stop": b.stop, "part": b.part} for b in blocks]


def blocks_of_rows(
    rows: Sequence[Mapping[str, Any]], names: Sequence[str], lengths: Sequence[int]
) -> list[Block]:
    """The blocks that `rows_of_blocks` gave, for series that may have got company since.

    Args:
        rows: the split that a checkpoint holds.
        names: names of the series that there are now.
        lengths: frames of each.

    Raises:
        InputError: a series is gone, or has lost frames of the split.
    """
    rows = [{**row, "series": normalize("NFC", row["series"])} for row in rows]
    number = {name: index for index, name in enumerate(names)}
    length_of = dict(zip(names, lengths, strict=True))
    gone = [str(row["series"]) for row in rows if int(row["stop"]) > length_of.get(row["series"], 0)]
    if gone:
        raise InputError(
            f"the series {join_names(gone)} of the checkpoint's split are no longer there "
            "in full, expected the data that it was trained on: name other data with data=... data.root=..."
        )
    return [Block(number[row["series"]], int(row["start"]), int(row["stop"]), row["part"]) for row in rows]


def read_rows(path: Path) -> list[list[str]]:
    """All rows of a CSV table, its header first; rows without any cell are left out.

    Cells are in Unicode's composed form, as `hela_seg.data.stacks.name_of` gives names.

    Raises:
        InputError: it cannot be read, or is no text in UTF-8.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:  # Excel begins UTF-8 with a mark
            return [[normalize("NFC", from_cell(cell)) for cell in row] for row in csv.reader(file) if row]
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}): check the path") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path} is no table ({error}), expected a CSV file in UTF-8") from None


def refuse_unfit(path: Path, blocks: Sequence[Block], lengths: Sequence[int], names: Sequence[str]) -> None:
    """Refuse a table of a split that was made for other recordings, or puts frames on two sides.

    Raises:
        InputError: a block that ends after its series, blocks of a series that overlap, or none to train on.
    """
    in_order = sorted(blocks, key=lambda block: (block.series, block.start))
    for block in in_order:
        if block.stop > lengths[block.series]:
            raise InputError(
                f"{path} has the frames {block.start} to {block.stop - 1} of '{names[block.series]}', which "
                f"holds {lengths[block.series]} frame(s): point data.root at the data of this split"
            )
    for earlier, later in pairwise(in_order):
        if earlier.series == later.series and later.start < earlier.stop:
            raise InputError(
                f"{path} has frame {later.start} of '{names[later.series]}' in two rows, expected every "
                "frame in one at most: correct the table"
            )
    if not any(block.part == "train" for block in blocks):
        raise InputError(f"{path} has no row for train, expected one or more: correct the table")


def quoted(names: Sequence[str]) -> str:
    """Names for a message, the first ten of them: ``'a', 'b' and 3 more``."""
    return join_names([f"'{name}'" for name in names])


def _parse(path: Path, number: int, row: Sequence[str], numbers: Mapping[str, int]) -> Block:
    try:
        name, start, stop, part = row
        block = Block(numbers.get(name, -1), int(start), int(stop), PARTS[part])
    except (ValueError, KeyError):
        raise InputError(
            f"{path}, row {number} is '{','.join(row)}', expected a series, its first frame, the frame after "
            f"its last, and one of {', '.join(PARTS)}"
        ) from None
    if block.series < 0:
        raise InputError(
            f"{path}, row {number} names the series '{name}', but the data hold {quoted(list(numbers))}: "
            "point data.root at the data of this split"
        )
    return block
