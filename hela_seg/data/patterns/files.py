"""Each file of a folder goes to the one pattern that says most of its name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from itertools import islice
from pathlib import Path
from unicodedata import normalize

from hela_seg.data.patterns.grammar import Pattern, Text
from hela_seg.data.patterns.listing import Entry, walk
from hela_seg.data.stacks.tiff.several_files import later_parts
from hela_seg.system.errors import InputError, join_names

LOOKED_AT = 2000
"""Files whose names are compared with a pattern that matches none."""

Key = tuple[Text, ...]
"""What the wildcards of a pattern stand for in a path."""


class PatternFiles:
    """The files that the patterns of images, or of masks, match: by pattern, and by what wildcards mean.

    Args:
        patterns: by name of their channel or class.
        several: ``*`` means one mask out of several files.
    """

    def __init__(self, patterns: Mapping[str, Pattern], *, several: bool = False) -> None:
        self.patterns, self._several = patterns, several
        first = next(iter(patterns.values()), None)
        self.names = () if first is None else first.names
        self._twice: list[str] = []
        for pattern in patterns.values():
            if set(pattern.names) != set(self.names):
                raise InputError(
                    f"{pattern.setting} is '{pattern.text}', expected the same wildcards as in "
                    f"'{first.text if first else ''}': give all patterns of a list the same"
                )
        self.found: dict[str, dict[Key, list[str]]] = {name: {} for name in patterns}

    def add(self, name: str, texts: Mapping[str, Text], place: str) -> None:
        """A file that belongs to a pattern."""
        key = tuple([texts[wildcard] for wildcard in self.names])
        files = self.found[name].setdefault(key, [])
        if files and not (self._several and self.patterns[name].is_many):
            said = "" if self._twice else f" ({self.patterns[name].setting}='{self.patterns[name].text}')"
            self._twice.append(f"{files[0]} and {Path(place).name}{said}")
            return
        files.append(place)

    def places(self) -> set[str]:
        """All files that were found."""
        return {place for by_key in self.found.values() for files in by_key.values() for place in files}

    def any_of(self, key: Key) -> str:
        """A file with these texts."""
        return next(by_key[key][0] for by_key in self.found.values() if key in by_key)

    def faults(self) -> list[str]:
        """A line where files that are to be told apart have the same texts."""
        if not self._twice:
            return []
        return [
            f"{join_names(self._twice, 3)} match one pattern with the same texts, expected one file for "
            "each: move one away, or let the pattern say more, such as its ending"
        ]

    def leave_out_later_parts(self) -> None:
        """Of a recording in several files, which all open the whole, leave the one with the first plane."""
        tiffs = [Path(place) for place in self.places() if place.lower().endswith((".tif", ".tiff"))]
        later = set(map(str, later_parts(tiffs)))
        for by_key in self.found.values() if later else ():
            for key in [key for key, (place, *_) in by_key.items() if place in later]:
                del by_key[key]

    def refuse_empty(self, root: Path) -> None:
        """Refuse a pattern that no file matches; names that are there are named."""
        for name, pattern in self.patterns.items():
            if not self.found[name]:
                raise _nothing(root, pattern)


def assign(root: Path, images: PatternFiles, masks: PatternFiles) -> None:
    """Walk over the folder once, and give each file to the pattern that says most of its name."""
    roles = [(files, name, pattern) for files in (masks, images) for name, pattern in files.patterns.items()]
    roles.sort(key=lambda role: -role[2].letters)
    bases = [root / pattern.folders for _, _, pattern in roles]
    tops = {base for base in bases if not any(other in base.parents for other in bases)}
    for top in tops:
        if root.is_dir() and not top.is_dir():
            continue  # what is there instead will be named
        own = [
            (*role, normalize("NFC", base.relative_to(top).as_posix()))
            for role, base in zip(roles, bases, strict=True)
            if base.is_relative_to(top)
        ]
        below = [(files, name, pattern, "" if at == "." else at + "/") for files, name, pattern, at in own]
        for entry in _entries(top, below):
            for files, name, pattern, at in below:
                texts = pattern.texts(entry.path[len(at) :]) if entry.path.startswith(at) else None
                if texts is not None:
                    files.add(name, texts, entry.place + (f"/{pattern.array}" if pattern.array else ""))
                    if not pattern.array:  # several patterns may mean arrays of one archive
                        break


def _entries(top: Path, below: Sequence[tuple[PatternFiles, str, Pattern, str]]) -> Iterator[Entry]:
    ways = [(at.split("/")[:-1], pattern) for _, _, pattern, at in below]

    def wanted(folder: str, depth: int) -> bool:
        """Whether a folder so far below the top may hold files that any pattern matches."""
        return any(
            fixed[depth] == folder if depth < len(fixed) else pattern.may_hold(folder, depth - len(fixed))
            for fixed, pattern in ways
        )

    return walk(str(top), wanted)


def _nothing(root: Path, pattern: Pattern) -> InputError:
    """What to say of a pattern that no file matches."""
    top = root / pattern.folders
    while not top.is_dir() and top != top.parent:
        top = top.parent
    sought = (root / pattern.text).as_posix().removeprefix(top.as_posix()).strip("/")
    names = [entry.path for entry in islice(walk(str(top), lambda folder, depth: depth < 3), LOOKED_AT)]
    near = get_close_matches(sought, names, 3, 0)
    there = f"the nearest names there are {', '.join(near)}" if near else "no file is there"
    folder = "input" if pattern.setting == "images" else "data.root"  # of a prediction, or of data
    return InputError(
        f"{pattern.setting} is '{pattern.text}', which no file below {top} matches: {there}; correct the "
        f"pattern or {folder}"
    )
