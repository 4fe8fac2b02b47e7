"""The shipped configuration files read as text: keys, defaults, and the meaning that comments give them.

Without Hydra and without a YAML parser, so that ``--help`` answers at once.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from hela_seg.cli.commands import CONFIG

_LINE = re.compile(r"(?P<indent> *)(?P<key>[A-Za-z]\w*):(?P<rest>(?:\s.*)?)$")
_DEFAULT = re.compile(r" +- /?(?P<group>[a-z]\w*): (?P<choice>\w+)")
_OWN_OF_HYDRA = ("defaults", "hydra", "_")


@dataclass(frozen=True)
class Key:
    """A setting.

    Attributes:
        path: as it is typed, such as ``data.split.gap``.
        default: as it stands in the file; empty for a key that only has keys below it, and for what Hydra
            finds when it starts.
        meaning: its comment.
    """

    path: str
    default: str
    meaning: str


@cache
def keys_of(file: Path, prefix: str = "") -> tuple[Key, ...]:
    """The keys of a configuration file, with those of the files that it builds on.

    Args:
        file: such as ``conf/data/ctc.yaml``.
        prefix: stands before each path, such as ``data.``.
    """
    text = file.read_text(encoding="utf-8")
    own = {key.path: key for key in _read(text, "" if "@package _global_" in text else prefix)}
    below = {key.path: key for base in _bases(text, file) for key in keys_of(base, prefix)}
    return tuple(
        key if key.meaning or path not in below else replace(key, meaning=below[path].meaning)
        for path, key in (below | own).items()
        if path.startswith(prefix)
    )


def groups_of(command: str) -> dict[str, str | None]:
    """The groups of a command's configuration and the choice that each has by default; None for no choice."""
    text = (CONFIG / f"{command}.yaml").read_text(encoding="utf-8")
    found = {match["group"]: match["choice"] for match in _DEFAULT.finditer(text.split("\n\n")[0])}
    return {group: None if choice == "null" else choice for group, choice in found.items()}


@cache
def choices_of(group: str) -> dict[str, str]:
    """The choices of a group, and what the first sentence of each file's comment says."""
    return {path.stem: about(path) for path in sorted((CONFIG / group).glob("*.yaml"))}


def about(file: Path) -> str:
    """What the comment at the head of a configuration file says."""
    lines = []
    for line in file.read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            break
        if not line.startswith("# @package"):
            lines.append(line.removeprefix("#").strip())
    return " ".join(lines).removeprefix("Purpose: ").split(" Command: ")[0]


def all_keys(command: str) -> Iterable[Key]:
    """Every key that can be typed after a command, whichever choices of its groups have it; each once."""
    found: dict[str, Key] = {}
    files = [(CONFIG / f"{command}.yaml", "")]
    for group, chosen in groups_of(command).items():
        choices = sorted(choices_of(group), key=lambda choice, chosen=chosen: choice != chosen)  # type: ignore[misc]
        files += [(CONFIG / group / f"{choice}.yaml", f"{group}.") for choice in choices]
    for file, prefix in files:
        for key in keys_of(file, prefix):
            found.setdefault(key.path, key)
    return found.values()


def _bases(text: str, file: Path) -> list[Path]:
    """The files of the same group that a file names in its defaults."""
    named = re.findall(r"^  - (\w+)(?:@\w+)?$", text.split("\n\n")[0], re.MULTILINE)
    return [file.with_name(f"{name}.yaml") for name in named if name != "_self_"]


def _read(text: str, prefix: str) -> Iterator[Key]:
    above: list[tuple[int, str]] = []  # the keys that the present one lies below, with their indentation
    hidden = -1
    for line in re.sub(r"\n[ \t]+#\s", " # ", text).splitlines():  # with comments that go on in the next line
        match = _LINE.match(line)
        indent = len(match["indent"]) if match else 0
        if match is None or 0 <= hidden < indent:
            continue
        above = [(depth, key) for depth, key in above if depth < indent]
        hidden = indent if match["key"].startswith(_OWN_OF_HYDRA) else -1
        if hidden < 0:
            value, *meaning = re.split(r"(?:^|\s+)#\s", re.sub(r"\$\{hydra:.*?\}", "", match["rest"]))
            path = ".".join([*(key for _, key in above), match["key"]])
            yield Key(prefix + path, value.strip(), " ".join(part.strip() for part in meaning))
            above.append((indent, match["key"]))
