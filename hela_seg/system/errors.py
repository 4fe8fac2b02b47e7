"""Exceptions that say something to the user instead of to us, and the words that they share."""

from __future__ import annotations

import re
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

EXAMPLES = 3
"""Names in a line for several faults of one kind."""

_NAME = re.compile(r"""'([^']*)'|"([^"]*)"|((?:[A-Za-z]:)?[\\/].*?\.\w{1,8}(?=[\s,:;)]|$))""")
_MORE_FRAMES = re.compile(r"\(and \d+ more frame\(s\) of it\)$")

LISTED = 5
"""Kinds of faults in one line."""


class InputError(Exception):
    """Something that the user handed over cannot be used: a file, a folder, a setting.

    Commands print its message as one line and exit with status 2, without a traceback. The message says what
    was found, where, what was expected and what to do.
    """


class PartialResultError(Exception):
    """The work is done, but some of the input could not be used and was left out, as the user allowed.

    Commands print its message as one line and exit with status 3.
    """


class Interrupted(BaseException):
    """A signal ended the work: Ctrl+C, or what a scheduler and ``kill`` send.

    It is no `Exception`, so that nothing on its way takes it for a fault. Commands say in one line that they
    were interrupted and exit as a shell counts processes that a signal ended: with 128 and its number.

    Args:
        number: of the signal.
        goes_on: how the work goes on; empty where it begins anew.
    """

    def __init__(self, number: int, goes_on: str = "") -> None:
        super().__init__(goes_on)
        self.status = 128 + number


def not_installed(what: str, package: str, extra: str, otherwise: str = "") -> InputError:
    """What to say of a package that is not there; in double quotes, which all shells know.

    Args:
        what: asks for it.
        package: its name.
        extra: of this program that brings it.
        otherwise: what else the user may do.
    """
    cure = f'run pip install "hela-seg[{extra}]"' + (f", or {otherwise}" if otherwise else "")
    return InputError(f"{what} needs the package {package}, which is not installed: {cure}")


def import_extra(*packages: str, what: str, extra: str) -> Any:
    """Import packages that not every installation has; gives the first of them.

    Args:
        packages: names to import, all of which must be there.
        what: asks for them, as in `not_installed`.
        extra: of this program that brings them.

    Raises:
        InputError: one of them is not installed.
    """
    try:
        first, *_ = map(import_module, packages)
    except ImportError as error:
        raise not_installed(what, str(error.name), extra) from None
    return first


def join_names(items: Sequence[str], most: int = 10, between: str = ", ") -> str:
    """Names or sentences for a message, of many the first few.

    Args:
        items: to be named.
        most: so many are.
        between: stands between two; ``"; "`` between sentences.

    Example:
        ``listed(["a", "b", "c"], most=2) == "a, b and 1 more"``, and of sentences ``"a; b; and 1 more"``
    """
    left = len(items) - most
    rest = f"{between.strip(', ')} and {left} more" if left > 0 else ""
    return between.join(items[:most]) + rest


def lines_by_kind(lines: Sequence[str]) -> list[str]:
    """A line for each kind: the first of it, and how many others there are, with the names of two.

    Lines are of one kind if they have the same words but for names in quotes, paths and numbers.

    Example:
        Of four files, ``/a/w.tif is empty`` and so on give ``4 times: /a/w.tif is empty (x.tif, y.tif and 1
        more likewise)``.
    """
    kinds: dict[frozenset[str], list[str]] = {}
    for line in lines:
        words = re.findall(r"[^\W\d_]+", _NAME.sub("", _MORE_FRAMES.sub("", line)).lower())
        kinds.setdefault(frozenset(word.rstrip("s") for word in words), []).append(line)
    return [_in_one_line(of_kind) for of_kind in kinds.values()]


def _in_one_line(lines: Sequence[str]) -> str:
    first, *others = lines
    if not others:
        return first
    found = [_NAME.search(line) for line in others]
    names = [Path(next(filter(None, match.groups()), "")).name if match else "" for match in found]
    known = list(dict.fromkeys(name for name in names if name))
    examples = known[: EXAMPLES - 1]
    left = f"{len(others) - len(examples)} more" if len(others) > len(examples) else ""
    return f"{len(lines)} times: {first} ({' and '.join(filter(None, (', '.join(examples), left)))} likewise)"


def one_line(faults: Sequence[str]) -> str:
    """Faults in one line, those of one kind together, of many kinds the first few."""
    return join_names(lines_by_kind(faults), LISTED, between="; ")


def message_of(error: InputError) -> str:
    """What an error says, without the traceback that PyTorch wraps it in on its way out of a worker process.

    A `DataLoader` raises a worker's error anew, with the same type and a message of many lines, of which the
    last names the type and says what the worker said.
    """
    said = str(error)
    if not said.startswith(f"Caught {InputError.__name__} in "):
        return said
    return said.rpartition(f"\n{InputError.__module__}.{InputError.__name__}: ")[2].rstrip("\n")
