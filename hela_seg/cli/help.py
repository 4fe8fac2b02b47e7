"""What ``--help`` prints: the commands in a line each, and every key of one with its meaning."""

from __future__ import annotations

import os
import shutil
import sys
import textwrap
from collections.abc import Iterable, Iterator, Sequence

from hela_seg.cli.commands import COMMANDS, CONFIG
from hela_seg.cli.keys import Key, choices_of, groups_of, keys_of
from hela_seg.cli.nearest import did_you_mean
from hela_seg.system.errors import InputError

_COLUMN = 34
"""Where meanings begin."""


def print_answer(text: str) -> None:
    """Print to standard output, and say nothing where its reader has gone, as in ``--help | head -1``."""
    try:
        print(text, flush=True)
    except BrokenPipeError:
        # Python flushes once more as it ends, and would report that
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def overview() -> str:
    """The commands, a line each."""
    lines = ["usage: hela-seg COMMAND ...", ""]
    lines += [f"  {name:<10} {command.about}" for name, command in COMMANDS.items()]
    lines += [
        "",
        "hela-seg COMMAND --help          its keys, their defaults and what they mean",
        "hela-seg COMMAND --help WORD     the keys that have to do with a word",
        "hela-seg --version",
        "hela-seg --completion bash       what makes the Tab key work; or zsh",
    ]
    return "\n".join(lines)


def help_of(command: str, words: Sequence[str] = ()) -> str:
    """A command's keys by group, with defaults and meanings.

    Args:
        command: its name.
        words: without any, all keys of the choices that are the default; ``data=folder`` shows that choice in
            place of the default one, and other words leave the keys that have all of them in path, group or
            meaning.

    Raises:
        InputError: a choice that is not there, or words that are in no key.
    """
    chosen = dict(word.split("=", 1) for word in words if "=" in word)
    wanted = [word.lower() for word in words if "=" not in word]
    lines = list(_sections(command, chosen, wanted))
    if not lines:
        raise InputError(
            f"no key of hela-seg {command} has '{' '.join(wanted)}' in it: {did_you_mean(command, wanted[0])}"
        )
    return "\n".join([*([] if wanted else _head(command)), *lines]).rstrip()


def _head(command: str) -> Iterator[str]:
    about = COMMANDS[command]
    yield from (about.about, "", "Examples")
    yield from (f"  python -m hela_seg.{command} {typed}".rstrip() for typed in about.examples)
    yield from ("", "Keys, set with key=value, and what they mean (--help WORD: those of a word)")


def _sections(command: str, chosen: dict[str, str], wanted: Sequence[str]) -> Iterator[str]:
    groups = groups_of(command)
    named = next((group for group in groups if wanted == [group]), None)
    own = _having(keys_of(CONFIG / f"{command}.yaml"), wanted)
    if own and named is None:
        yield from (*_rows(own), "")
    for group, default in groups.items():
        choices = choices_of(group)
        choice = chosen.get(group, default)
        if choice is not None and choice not in choices:
            raise InputError(
                f"{group}={choice} is no choice, expected one of {', '.join(choices)}: correct it"
            )
        keys = keys_of(CONFIG / group / f"{choice}.yaml", f"{group}.") if choice else ()
        rows = _having(keys, [] if group == named else wanted)
        if group != named and (named is not None or (wanted and not rows)):
            continue
        here = f"(here {choice})" if choice else "(none by default)"
        yield from textwrap.wrap(f"{group}: {', '.join(choices)} {here}", _width(), subsequent_indent="    ")
        if group == named:
            yield from _wrapped((f"  {group}={name}", meaning) for name, meaning in choices.items())
        yield from (*_rows(rows), "")


def _width() -> int:
    return max(80, min(shutil.get_terminal_size((100, 24)).columns, 120))


def _having(keys: Iterable[Key], wanted: Sequence[str]) -> list[Key]:
    return [key for key in keys if all(word in f"{key.path} {key.meaning}".lower() for word in wanted)]


def _rows(keys: Iterable[Key]) -> Iterator[str]:
    return _wrapped(
        (f"  {key.path}={key.default}" if key.default else f"  {key.path}", key.meaning) for key in keys
    )


def _wrapped(rows: Iterable[tuple[str, str]]) -> Iterator[str]:
    """Two columns as wide as the terminal."""
    for left, right in rows:
        meaning = textwrap.wrap(right, _width() - _COLUMN) or [""]
        if len(left) + 2 > _COLUMN:
            yield left
        else:
            yield f"{left:<{_COLUMN}}{meaning.pop(0)}".rstrip()
        yield from (" " * _COLUMN + line for line in meaning if line)
