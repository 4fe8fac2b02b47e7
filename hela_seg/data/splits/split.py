"""Series and frames -> train, validation and test, without leaks.

Neighbouring frames of a recording are almost the same picture, so whole series are dealt out, or, where there
is one series alone, blocks of time with frames left out between them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np

from hela_seg.data.splits.folds import folds_of_time, part_of_fold, refuse_impossible, shuffled_folds
from hela_seg.data.splits.groups import read_groups
from hela_seg.data.splits.table import COLUMNS, Block, Part, quoted, read_split, refuse_unfit, write_split
from hela_seg.system.errors import InputError
from hela_seg.system.settings import Count, Expected, NonNegative

__all__ = ["COLUMNS", "Block", "Part", "Request", "Split", "read_split", "write_split"]

Request = Annotated[float | int | Sequence[str], Expected("0, a share, a number or a list of names")]
"""How much a part gets: a share (float), a number (int), or the series by name."""


@dataclass(frozen=True)
class Split:
    """How series are dealt out to train, validation and test; one single series is cut into blocks of time.

    Two series or more go whole to one part each. A share of them is rounded to whole series, but is one at
    least; 0 gives a part none. Test series are drawn first, so that another share for validation leaves them
    as they are.

    One series becomes train, validation and test in the order of time, and ``gap`` frames between two parts
    go to neither; shares and numbers then mean frames. 20 frames with ``validation=0, test=4, gap=2`` give
    train the frames 0 to 13 and test 16 to 19.

    Args:
        validation: the series or frames for validation: a share between 0 and 1, a whole number, or a list
            of names; with ``folds``, 0 for none and anything else for one fold.
        test: the same for testing; not looked at with ``folds``, each of which is for testing once.
        gap: frames left out between two parts, where there is one series.
        seed: decides which series go where.
        column: heading of a column of ``table``: series with the same cell in it, say of one plate or one
            day, stay together. Shares, numbers and names then are those of the groups.
        table: path of a CSV table with the columns ``series`` and ``column``.
        folds: k, for cross-validation: series, or groups, are dealt out to k folds; one single series is cut
            into k spans of time.
        fold: which fold is for testing, from 0. The next one, in a circle, is for validation.
        file: path of a table that :func:`write_split` wrote, to be kept to; nothing else is looked at.

    Raises:
        InputError: settings that are no whole numbers, contradict each other, or come in pairs and lack the
            other one.
    """

    validation: Request = 0.15
    test: Request = 0.15
    gap: NonNegative = 2
    seed: NonNegative = 0
    column: str | None = None
    table: str | None = None
    folds: Count | None = None
    fold: NonNegative | None = None
    file: str | None = None

    def __post_init__(self) -> None:
        given = [name for name in ("column", "table", "folds", "fold") if getattr(self, name) is not None]
        if self.file is not None and given:
            raise InputError(
                f"data.split.file is given and data.split.{given[0]} too, expected one of them: the file "
                "says all of the split"
            )
        for one, other in (("column", "table"), ("table", "column"), ("folds", "fold"), ("fold", "folds")):
            if one in given and other not in given:
                raise InputError(
                    f"data.split.{one} is given without data.split.{other}, expected both: add the other one"
                )

    def blocks(
        self, lengths: Sequence[int], names: Sequence[str], groups: Sequence[str] | None = None
    ) -> list[Block]:
        """The blocks of all parts, in the order of the series and of time.

        Args:
            lengths: number of frames of each series.
            names: name of each series.
            groups: of each series, where the data themselves state them; a table counts before these.

        Raises:
            InputError: too few series or frames, a name that no series has, a name in both parts, or a share
                or number that is negative or leaves nothing to train on; folds that cannot be made; a table
                that cannot be read or does not fit.
        """
        if self.file is not None:
            path = Path(self.file)
            blocks = read_split(path, names)
            refuse_unfit(path, blocks, lengths, names)
            return blocks
        if self.column is not None and self.table is not None and len(names) > 1:
            groups = read_groups(Path(self.table), self.column, names)
        if len(lengths) == 1:
            return self._blocks_of_time(lengths[0], names[0])
        units = range(len(names)) if groups is None else _numbered(groups)
        unit_names = names if groups is None else list(dict.fromkeys(groups))
        what = "series" if groups is None else "groups of series"
        parts = self._drawn(unit_names, what) if self.folds is None else self._folded(len(unit_names), what)
        return [Block(index, 0, lengths[index], parts[unit]) for index, unit in enumerate(units)]

    def _folded(self, available: int, what: str) -> list[Part]:
        """The part of each series, or group, in cross-validation."""
        folds, fold, validated = self._checked_folds(available, what)
        numbers = shuffled_folds(available, folds, self.seed)
        return [part_of_fold(number, folds, fold, validated=validated) for number in numbers]

    def _checked_folds(self, available: int, what: str) -> tuple[int, int, bool]:
        """How many folds there are, which one is for testing, and whether another is for validation."""
        if not isinstance(self.validation, int | float):
            raise InputError(
                "data.split.validation names series, expected a number with data.split.folds: 0 for none, "
                "anything else for one fold"
            )
        folds, fold, validated = self.folds or 0, self.fold or 0, self.validation > 0
        refuse_impossible(folds, fold, available, what, validated=validated)
        return folds, fold, validated

    def _drawn(self, names: Sequence[str], what: str) -> list[Part]:
        """The part of each series, or group: those asked for by name, then others at random."""
        wishes: dict[Part, Request] = {"test": self.test, "validation": self.validation}
        dealt = {part: _indices(part, wish, names) for part, wish in wishes.items()}
        _refuse_shared(dealt, names)
        named = {index for indices in dealt.values() for index in indices}
        amounts = {part: wish for part, wish in wishes.items() if isinstance(wish, int | float)}
        counts = {part: _amount(part, wish, len(names)) for part, wish in amounts.items()}
        taken = {part: counts.get(part, len(dealt[part])) for part in wishes}
        needed = sum(taken.values())
        if needed >= len(names):
            enough = [f"data.split.{part}=0" for part in taken if needed - taken[part] < len(names)]
            cure = " or ".join(enough) or "data.split.validation=0 data.split.test=0"
            raise InputError(
                f"found {len(names)} {what} ({quoted(names)}), but validation and test take {needed} and "
                f"training needs 1 or more: add {what}, or set {cure}"
            )
        order = np.random.default_rng(self.seed).permutation(len(names)).tolist()
        free = [index for index in order if index not in named]
        for part, count in counts.items():
            dealt[part], free = free[:count], free[count:]
        part_of = {index: part for part, indices in dealt.items() for index in indices}
        return [part_of.get(index, "train") for index in range(len(names))]

    def _blocks_of_time(self, length: int, name: str) -> list[Block]:
        """Train first, then validation and test after a gap each; or the folds."""
        if self.folds is not None:
            folds, fold, validated = self._checked_folds(length, "frames")
            return folds_of_time(length, folds, fold, self.gap, validated=validated)
        wishes: dict[Part, Request] = {"validation": self.validation, "test": self.test}
        held_out: dict[Part, int] = {}
        for part, wish in wishes.items():
            if not isinstance(wish, int | float):
                raise InputError(
                    f"data.split.{part} names series, but there is only one ('{name}'), which is split by "
                    "time: give a share such as 0.15 or a number of frames"
                )
            if count := _amount(part, wish, length):
                held_out[part] = count
        needed = sum(held_out.values()) + self.gap * len(held_out)
        if needed >= length:
            raise InputError(
                f"the only series ('{name}') has {length} frame(s), but validation and test with gaps of "
                f"{self.gap} take {needed} and training needs 1 or more: add series, or set "
                "data.split.validation=0 data.split.test=0, which trains on all frames and scores none"
            )
        blocks = [Block(0, 0, length - needed, "train")]
        for part, count in held_out.items():
            start = blocks[-1].stop + self.gap
            blocks.append(Block(0, start, start + count, part))
        return blocks


def _numbered(groups: Sequence[str]) -> list[int]:
    """Groups as numbers, in the order in which they come up: ``["P2", "P1", "P2"]`` gives ``[0, 1, 0]``."""
    number = {group: index for index, group in enumerate(dict.fromkeys(groups))}
    return [number[group] for group in groups]


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
            f"data.split.{part} names the series {quoted(unknown)}, but the data hold {quoted(names)}"
        )
    return [names.index(name) for name in asked]


def _refuse_shared(dealt: Mapping[Part, Sequence[int]], names: Sequence[str]) -> None:
    shared = set(dealt["test"]) & set(dealt["validation"])
    if shared:
        found = quoted([names[index] for index in sorted(shared)])
        raise InputError(
            f"data.split.validation and data.split.test both name {found}: each goes to one of them"
        )
