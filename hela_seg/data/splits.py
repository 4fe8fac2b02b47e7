"""Series and frames -> train, validation and test, without leaks.

Neighbouring frames of a recording are almost the same picture, so whole series are dealt out, or, where there
is one series alone, blocks of time with frames left out between them.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from hela_seg.errors import InputError
from hela_seg.files import whole_file

Part = Literal["train", "validation", "test"]
"""What frames are used for."""

Request = float | int | Sequence[str]
"""How much a part gets: a share (float), a number (int), or the series by name."""

_PARTS: Mapping[str, Part] = {"train": "train", "validation": "validation", "test": "test"}

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


@dataclass(frozen=True)
class Split:
    """How series are split; the arguments are those of :func:`split_series`."""

    validation: Request = 0.15
    test: Request = 0.15
    gap: int = 2
    seed: int = 0

    def blocks(self, lengths: Sequence[int], names: Sequence[str]) -> list[Block]:
        """The blocks of all parts, in the order of the series and of time."""
        return split_series(lengths, names, self.validation, self.test, self.gap, self.seed)


def split_series(
    lengths: Sequence[int],
    names: Sequence[str],
    validation: Request,
    test: Request,
    gap: int = 2,
    seed: int = 0,
) -> list[Block]:
    """Deals series out to train, validation and test; one single series is cut into blocks of time.

    Two series or more go whole to one part each. A share of them is rounded to whole series, but is one at
    least; 0 gives a part none. Test series are drawn first, so that another share for validation leaves them
    as they are.

    One series becomes train, validation and test in the order of time, and ``gap`` frames between two parts
    go to neither; shares and numbers then mean frames. 20 frames with ``validation=0, test=4, gap=2`` give
    train the frames 0 to 13 and test 16 to 19.

    Args:
        lengths: number of frames of each series.
        names: name of each series.
        validation: what validation gets: a share between 0 and 1, a whole number, or a list of names.
        test: what test gets.
        gap: frames left out between two blocks of time.
        seed: decides which series go where.

    Returns:
        Blocks in the order of the series and of time.

    Raises:
        InputError: too few series or frames, a name that no series has, a name in both parts, or a share or
            number that is negative or leaves nothing to train on.
    """
    if len(lengths) == 1:
        return _blocks_of_time(lengths[0], names[0], {"validation": validation, "test": test}, gap)
    dealt = _deal(names, {"test": test, "validation": validation}, seed)
    part_of = {index: part for part, indices in dealt.items() for index in indices}
    return [Block(index, 0, length, part_of.get(index, "train")) for index, length in enumerate(lengths)]


def write_split(path: Path, blocks: Sequence[Block], names: Sequence[str]) -> None:
    """Writes blocks as a CSV table with the columns series (its name), start, stop (exclusive) and part.

    The file appears under its name only when it is whole.

    Raises:
        InputError: it cannot be written there.
    """
    with whole_file(path) as unfinished, unfinished.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(COLUMNS)
        table.writerows((names[b.series], b.start, b.stop, b.part) for b in blocks)


def read_split(path: Path, names: Sequence[str]) -> list[Block]:
    """Reads what :func:`write_split` wrote, for the series with these names.

    Raises:
        InputError: the table has other columns, a row that is no block, or a series that is not among
        ``names``.
    """
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))
    if not rows or tuple(rows[0]) != COLUMNS:
        found = ",".join(rows[0]) if rows else "nothing"
        raise InputError(f"{path} begins with '{found}', expected the columns {','.join(COLUMNS)}")
    return [_parse(path, number, row, names) for number, row in enumerate(rows[1:], start=1)]


def _parse(path: Path, number: int, row: Sequence[str], names: Sequence[str]) -> Block:
    try:
        name, start, stop, part = row
        block = Block(names.index(name) if name in names else -1, int(start), int(stop), _PARTS[part])
    except (ValueError, KeyError):
        raise InputError(
            f"{path}, row {number} is '{','.join(row)}', expected a series, its first frame, the frame after "
            f"its last, and one of {', '.join(_PARTS)}"
        ) from None
    if block.series < 0:
        raise InputError(
            f"{path}, row {number} names the series '{name}', but the data hold {_quoted(names)}: "
            "point data.root at the data of this split"
        )
    return block


def _deal(names: Sequence[str], wishes: Mapping[Part, Request], seed: int) -> dict[Part, list[int]]:
    """For each part the indices of its series: those asked for by name, then others at random."""
    dealt = {part: _indices(part, wish, names) for part, wish in wishes.items()}
    _refuse_shared(dealt, names)
    named = {index for indices in dealt.values() for index in indices}
    amounts = {part: wish for part, wish in wishes.items() if isinstance(wish, int | float)}
    counts = {part: _amount(part, wish, len(names)) for part, wish in amounts.items()}
    needed = len(named) + sum(counts.values())
    if needed >= len(names):
        raise InputError(
            f"found {len(names)} series ({_quoted(names)}), but validation and test take {needed} and "
            "training needs 1 or more: add series, or set data.split.validation=0 or data.split.test=0"
        )
    order = np.random.default_rng(seed).permutation(len(names)).tolist()
    free = [index for index in order if index not in named]
    for part, count in counts.items():
        dealt[part], free = free[:count], free[count:]
    return dealt


def _blocks_of_time(length: int, name: str, wishes: Mapping[Part, Request], gap: int) -> list[Block]:
    """Train first, then each part of ``wishes`` after a gap."""
    if gap < 0:
        raise InputError(f"data.split.gap is {gap}, expected 0 or more frames")
    held_out: dict[Part, int] = {}
    for part, wish in wishes.items():
        if not isinstance(wish, int | float):
            raise InputError(
                f"data.split.{part} names series, but there is only one ('{name}'), which is split by time: "
                "give a share such as 0.15 or a number of frames"
            )
        if count := _amount(part, wish, length):
            held_out[part] = count
    needed = sum(held_out.values()) + gap * len(held_out)
    if needed >= length:
        raise InputError(
            f"the only series ('{name}') has {length} frames, but validation and test with gaps of {gap} "
            f"take {needed} and training needs 1 or more: lower data.split.validation, data.split.test or "
            "data.split.gap"
        )
    blocks = [Block(0, 0, length - needed, "train")]
    for part, count in held_out.items():
        start = blocks[-1].stop + gap
        blocks.append(Block(0, start, start + count, part))
    return blocks


def _amount(part: Part, wish: float, available: int) -> int:
    """How many of the available series or frames a share or a whole number means."""
    if wish < 0 or (isinstance(wish, float) and wish >= 1):
        raise InputError(
            f"data.split.{part} is {wish}, expected a share from 0 to below 1, a whole number or names of "
            "series"
        )
    if isinstance(wish, int):
        return wish
    return max(1, round(wish * available)) if wish else 0


def _indices(part: Part, wish: Request, names: Sequence[str]) -> list[int]:
    """Indices of the series that are asked for by name."""
    if isinstance(wish, int | float):
        return []
    asked = [wish] if isinstance(wish, str) else list(wish)
    unknown = [name for name in asked if name not in names]
    if unknown:
        raise InputError(
            f"data.split.{part} names the series {_quoted(unknown)}, but the data hold {_quoted(names)}"
        )
    return [names.index(name) for name in asked]


def _refuse_shared(dealt: Mapping[Part, Sequence[int]], names: Sequence[str]) -> None:
    shared = set(dealt["test"]) & set(dealt["validation"])
    if shared:
        found = _quoted([names[index] for index in sorted(shared)])
        raise InputError(
            f"data.split.validation and data.split.test both name {found}: each goes to one of them"
        )


def _quoted(names: Sequence[str]) -> str:
    more = f" and {len(names) - 10} more" if len(names) > 10 else ""
    return ", ".join(f"'{name}'" for name in names[:10]) + more
