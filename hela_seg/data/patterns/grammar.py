"""A pattern of paths as one regular expression."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from unicodedata import normalize

from hela_seg.data.stacks import SUFFIXES
from hela_seg.data.stacks.numpy_file import is_numpy
from hela_seg.data.stacks.outlines import ENDINGS as OUTLINE_ENDINGS
from hela_seg.system.errors import InputError

NUMBERS = frozenset({"t", "z", "c"})
"""Wildcards that stand for digits, and are compared by value."""

FOLDERS = "folders"
"""Name of the wildcard ``**``."""

_WILDCARD = re.compile(r"(\*\*|\*|\{[A-Za-z_][A-Za-z0-9_]*\})")
_ENDING = re.compile(r"\.[A-Za-z][A-Za-z0-9]{0,7}")

Text = str | int
"""What a wildcard stands for: a text, or the value of a number."""


def is_pattern(given: object) -> bool:
    """Whether ``data.images`` or ``data.masks`` is more than the name of an image file or a folder."""
    if not isinstance(given, str):
        return True
    path = PurePosixPath(given)
    return bool(_WILDCARD.search(given)) or is_numpy(path) or path.suffix.lower() in OUTLINE_ENDINGS


class Pattern:
    """A path with wildcards; see `hela_seg.data.patterns`.

    Args:
        text: the pattern; it may be absolute.
        setting: where it comes from, for messages.

    Attributes:
        text: the pattern as given.
        names: names of the wildcards, in the order in which they come.
        folders: the leading folders without wildcards, joined by ``/``.
        array: name of the array that is meant in an archive, as in ``train.npz/X``.
        letters: letters of the last part that are no wildcards, its ending left out.
        is_many: several files may match with the same texts.

    Raises:
        InputError: braces without a word, wildcards next to each other, or ``**`` beside other characters.

    Example:
        ``Pattern("{series}/t{t}.tif", "data.images").texts("A/t07.tif") == {"series": "A", "t": 7}``
    """

    def __init__(self, text: str, setting: str) -> None:
        self.text, self.setting = text, setting
        parts = text.replace("\\", "/").split("/")
        archive = next((i for i, part in enumerate(parts[:-1]) if part.lower().endswith(".npz")), None)
        self.array = "/".join(parts[archive + 1 :]) if archive is not None else None
        parts = parts if archive is None else parts[: archive + 1]
        fixed = next((i for i, part in enumerate(parts[:-1]) if _WILDCARD.search(part)), len(parts) - 1)
        for part in parts[:fixed]:
            self._refuse_unclear(part, [part])
        self.folders = "/".join(parts[:fixed])
        parts = [normalize("NFC", part) for part in parts[fixed:]]
        suffix = PurePosixPath(_WILDCARD.sub("x", parts[-1])).suffix
        self.ending = suffix if _ENDING.fullmatch(suffix) else ""
        parts[-1] = parts[-1].removesuffix(self.ending)
        self.letters = len(_WILDCARD.sub("", parts[-1]))
        self.is_many = "*" in parts[-1] or "*" in parts
        self._names: list[str] = []
        pieces = [self._expression(part) for part in parts]
        self._depths = [None if part == "**" else re.compile(self._alone(part)) for part in parts[:-1]]
        joined = "".join(
            piece if part == "**" else piece + "/" for piece, part in zip(pieces, parts, strict=True)
        )
        ending = f"(?i:{re.escape(self.ending)})" if self.ending else ""
        self._regex = re.compile(joined.removesuffix("/") + ending)
        self.names: tuple[str, ...] = tuple(self._names)

    def texts(self, path: str) -> dict[str, Text] | None:
        """What the wildcards stand for in a path below `folders`; None where it does not match."""
        if not self.ending:
            stem, dot, ending = path.rpartition(".")
            if not dot or f".{ending.lower()}" not in SUFFIXES:
                return None
            path = stem.removesuffix(".ome")
        found = self._regex.fullmatch(path)
        if found is None:
            return None
        return {name: int(text) if name in NUMBERS else text for name, text in found.groupdict().items()}

    def may_hold(self, folder: str, depth: int) -> bool:
        """Whether files that match may lie in a folder of this name, ``depth`` folders below `folders`."""
        for level, expression in enumerate(self._depths[: depth + 1]):
            if expression is None:
                return True
            if level == depth:
                return expression.fullmatch(folder) is not None
        return False

    def _expression(self, part: str) -> str:
        """One part of the path, with a group for each wildcard that is named for the first time."""
        if part == "**":
            return self._group(FOLDERS, "(?:[^/]+/)*")
        pieces = _WILDCARD.split(part)
        self._refuse_unclear(part, pieces)
        texts = [re.escape(piece) for piece in pieces]
        for place in range(1, len(pieces), 2):
            followed = pieces[place + 1] == "" and place + 2 < len(pieces)
            # a text ends where the digits behind it begin
            text = "[^/]*[^/0-9]" if followed else "[^/]+"
            name = pieces[place].strip("{}")
            if name == "*":
                texts[place] = f"(?:{text})?"
            else:
                texts[place] = self._group(name, "[0-9]+" if name in NUMBERS else text)
        return "".join(texts)

    def _group(self, name: str, expression: str) -> str:
        if name in self._names:
            return f"(?P={name})"
        self._names.append(name)
        return f"(?P<{name}>{expression})"

    def _alone(self, part: str) -> str:
        """One part of the path whatever its wildcards stand for elsewhere."""
        return "".join(
            "[^/]*" if place % 2 else re.escape(piece) for place, piece in enumerate(_WILDCARD.split(part))
        )

    def _refuse_unclear(self, part: str, pieces: Sequence[str]) -> None:
        words = [word.strip("{}") for word in pieces[1::2]]
        beside = any(
            between == "" and (before in NUMBERS or after not in NUMBERS)
            for before, between, after in zip(words, pieces[2::2], words[1:], strict=False)
        )
        if "**" in words or beside or any(set("{}") & set(piece) for piece in pieces[::2]):
            raise InputError(
                f"{self.setting} has the part '{part}', expected wildcards such as {{name}}, {{t}} and *, "
                "with a letter or sign between two, and ** only as a whole folder: correct it"
            )


def patterns_of(given: str | Sequence[str] | Mapping[str, str], setting: str) -> dict[str, Pattern]:
    """The patterns that a setting names, each by the name of its channel or class; empty where it has none.

    Raises:
        InputError: see `Pattern`; or there is none.
    """
    if isinstance(given, str):
        return {"": Pattern(given, setting)}
    named = given if isinstance(given, Mapping) else {str(place): text for place, text in enumerate(given)}
    if not named:
        raise InputError(f"{setting} is empty, expected a pattern such as '{{name}}.tif'")
    return {name: Pattern(text, f"{setting}[{name}]") for name, text in named.items()}
