"""The classes of a segmentation: index, name, colour and the values that stand for them in masks."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, groupby
from typing import Any

from hela_seg.system.errors import InputError

IGNORE_INDEX = 255
"""Label of pixels that count nowhere: not in a loss, not in a score."""

LARGEST_VALUE = 65535
"""Largest value of a mask that can stand for a class: the largest that a 16-bit image holds."""

LISTED_AS_RANGE = 8
"""Consecutive mask values from which on they are written as a range."""

MEAN = "mean"
"""What stands in a class's place in the tables of scores, for the mean over classes."""

BACKGROUND_COLOUR = "#202020"
FOREGROUND_COLOURS = ("#E69F00", "#56B4E9", "#009E73", "#F0E442", "#CC79A7", "#D55E00", "#0072B2")
"""Okabe and Ito's palette (2008), told apart by the colour-blind too."""


@dataclass(frozen=True)
class CellClass:
    """One class: its index in logits and label maps, name, colour (``#rrggbb``) and values in mask files."""

    index: int
    name: str
    colour: str
    values: tuple[int, ...]

    @property
    def rgb(self) -> tuple[int, int, int]:
        """The colour as three 8-bit numbers; ``#E69F00`` gives (230, 159, 0)."""
        red, green, blue = (int(self.colour[start : start + 2], 16) for start in (1, 3, 5))
        return red, green, blue


class Classes(Sequence[CellClass]):
    """All classes of a data set, in the order of their indices; index 0 is the background.

    Args:
        entries: one entry a class, either its name or a mapping with ``name`` and, where they differ from the
            defaults, ``colour`` (``#rrggbb``) and ``values`` (integers that stand for it in masks, or ranges
            of them such as ``"128..255"``, both ends included; by default the class's own index).

    Raises:
        InputError: fewer than two classes, more than 255, a name or mask value given twice, a class named
            `MEAN`, or an entry with unknown keys.

    Example:
        ``Classes(["background", {"name": "nucleus", "values": [255]}])[1].values == (255,)``
    """

    def __init__(self, entries: Sequence[str | Mapping[str, Any]]) -> None:
        if isinstance(entries, str) or not isinstance(entries, Sequence):
            raise InputError(f"data.classes is {entries}, expected a list of names, background first")
        if not 2 <= len(entries) <= IGNORE_INDEX:
            raise InputError(
                f"data.classes has {len(entries)} entries, expected 2 to {IGNORE_INDEX}: "
                "name every class, background first"
            )
        self._classes = tuple(_parse(index, entry) for index, entry in enumerate(entries))
        _refuse_repeats("name", [c.name for c in self._classes])
        if MEAN in self.names:
            raise InputError(
                f"data.classes names a class '{MEAN}', which in tables is the mean over classes: "
                "choose another name"
            )
        _refuse_repeats("mask value", [value for c in self._classes for value in c.values])

    def __getitem__(self, index: Any) -> Any:
        return self._classes[index]

    def __len__(self) -> int:
        return len(self._classes)

    @property
    def names(self) -> list[str]:
        """Names in the order of the indices."""
        return [c.name for c in self._classes]

    def to_plain(self) -> list[dict[str, Any]]:
        """The classes as lists, dicts and primitives, for checkpoints and JSON; ``Classes`` reads it back."""
        return [
            {"name": c.name, "colour": c.colour, "values": listed_values(c.values)} for c in self._classes
        ]


def _parse(index: int, entry: str | Mapping[str, Any]) -> CellClass:
    if not isinstance(entry, str | Mapping):
        raise InputError(f"data.classes[{index}] is {entry!r}, expected a name or a mapping with a name")
    given: dict[str, Any] = {"name": entry} if isinstance(entry, str) else dict(entry)
    unknown = sorted(set(given) - {"name", "colour", "values"})
    if unknown or "name" not in given:
        raise InputError(
            f"data.classes[{index}] is {given}, expected keys name, colour, values (only name is needed)"
        )
    default = FOREGROUND_COLOURS[(index - 1) % len(FOREGROUND_COLOURS)] if index else BACKGROUND_COLOUR
    colour = str(given.get("colour") or default)
    if not re.fullmatch(r"#[0-9a-fA-F]{6}", colour):
        raise InputError(
            f"data.classes[{index}].colour is '{colour}', expected six hexadecimal digits such as '#E69F00'"
        )
    values = given.get("values")
    values = [index] if values is None else list(values)
    ranges = [_range_of(value) for value in values]
    if not values or not all(ranges):
        raise InputError(
            f"data.classes[{index}].values is {values}, expected whole numbers as masks hold them, or ranges "
            "of them such as '128..255'"
        )
    return CellClass(index, str(given["name"]), colour, tuple(chain.from_iterable(ranges)))


def _range_of(value: Any) -> range:
    """The mask values that an entry stands for; none where it is neither a number nor a range."""
    if isinstance(value, int):
        return range(value, value + 1)
    ends = (
        re.fullmatch(r"\s*([0-9]{1,9})\s*\.\.\s*([0-9]{1,9})\s*", value) if isinstance(value, str) else None
    )
    return range(int(ends[1]), min(int(ends[2]), LARGEST_VALUE + 1) + 1) if ends else range(0)


def listed_values(values: Sequence[int]) -> list[int | str]:
    """Mask values as `Classes` takes them, many consecutive ones as a range.

    Example:
        ``listed_values([0, *range(128, 256)]) == [0, "128..255"]``
    """
    listed: list[int | str] = []
    for _, run in groupby(enumerate(values), lambda numbered: numbered[1] - numbered[0]):
        own = [value for _, value in run]
        listed += own if len(own) < LISTED_AS_RANGE else [f"{own[0]}..{own[-1]}"]
    return listed


def _refuse_repeats(what: str, items: Sequence[Any]) -> None:
    repeated = sorted(item for item, count in Counter(items).items() if count > 1)
    if repeated:
        raise InputError(
            f"data.classes gives the {what} {repeated[0]!r} to more than one class: each belongs to one"
        )


def is_reordered(names: Sequence[str], others: Sequence[str]) -> bool:
    """Whether a class that stands in two lists has another place in each."""
    return any(name in names and names.index(name) != place for place, name in enumerate(others))
