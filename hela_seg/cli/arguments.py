"""What is typed -> what Hydra understands.

Positions and short options become overrides, and paths are quoted, because Hydra's grammar refuses spaces,
parentheses, commas and equal signs in bare values.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from hela_seg.cli.commands import COMMANDS, CONFIG, PATTERNS, READ_LAYOUTS, Command
from hela_seg.cli.keys import groups_of, keys_of
from hela_seg.cli.nearest import no_option, setting_of_folder
from hela_seg.system.errors import InputError
from hela_seg.system.ranks import MULTIRUN

_HYDRA_FLAGS_WITH_VALUE = (
    *("--cfg", "-c", "--package", "-p", "--config-path", "-cp", "--config-name", "-cn"),
    *("--config-dir", "-cd", "--info", "-i", "--experimental-rerun"),
)
_HYDRA_FLAGS = frozenset(
    {"--help", "-h", "--hydra-help", "--version", "--resolve", "--run", "-r", "--multirun", "-m"}
    | {"--shell-completion", "-sc"}
)

_GROUPS_OF_ONE_CLASS = ("data", "trainer")
"""Groups whose keys are read here too, so that another class has to take the same ones."""


def overrides(command: Command, typed: Sequence[str]) -> list[str]:
    """Arguments as typed -> arguments that Hydra understands.

    Raises:
        InputError: more positions than the command has, or an option without value.

    Example:
        For ``predict``, ``best.ckpt "my film.tif" -o out`` becomes ``ckpt='best.ckpt' input='my film.tif'
        output='out'``.
    """
    multirun = bool(MULTIRUN & set(typed))
    name = _name_of(command)
    positions, rest = list(command.positions), iter(typed)
    result: list[str] = []
    listed: list[str] = []
    flags: list[str] = []  # stand first, because Hydra takes no overrides on both sides of one
    for argument in rest:
        if result and _is_open(result[-1]):
            raise InputError(
                f"'{result[-1]} {argument}' is cut in two at its blank by the shell, expected one word: put "
                "quotes around the whole setting, or leave the blank out"
            )
        if argument in command.options:
            result.append(_quoted(command.options[argument], _value(argument, rest)))
        elif argument in command.flags:
            result.append(command.flags[argument])
        elif argument in _HYDRA_FLAGS_WITH_VALUE:
            flags += [argument, _value(argument, rest)]
        elif argument.startswith("-"):
            if name and argument.partition("=")[0] not in (*_HYDRA_FLAGS, *_HYDRA_FLAGS_WITH_VALUE):
                raise InputError(no_option(name, argument, next(rest, None)))
            flags.append(argument)
        elif _is_position(argument, command):
            if positions:
                key, is_list = positions.pop(0), _is_hydra_value(argument, multirun)
                result.append(f"{key}={argument}" if is_list else _quoted(key, argument))
            elif command.listed:
                listed.append(_in_quotes(argument))
            else:
                raise InputError(_one_too_many(argument, name, typed))
        else:
            key, equals, value = argument.partition("=")
            if equals and key.lstrip("+") in PATTERNS and (several := _quoted_patterns(value)):
                result.append(f"{key}={several}")
                continue
            is_path = equals and key.lstrip("+") in command.paths and not _is_hydra_value(value, multirun)
            # a shell expands ~ in front of a word alone
            at_home = value if not is_path or _exists(value) else os.path.expanduser(value)  # noqa: PTH111
            result.append(_quoted(key, at_home) if is_path else argument)
    if listed:
        result.append(f"{command.listed}=[{','.join(listed)}]")
    # of a class that the user names nobody knows the keys here, and so they may be new ones
    own = tuple(f"{group}." for group in named_classes(result))
    return flags + [f"++{line}" if own and line.startswith(own) else line for line in result]


def named_classes(typed: Sequence[str]) -> list[str]:
    """The groups whose class is typed: ``loss`` of ``loss._target_=my.Loss``."""
    groups = re.findall(r"^\+*([\w.]+)\._target_=", "\n".join(typed), re.MULTILINE)
    return [path for path in groups if path.split(".")[0] not in _GROUPS_OF_ONE_CLASS]


def setting(key: str, value: Any) -> str:
    """A setting with a value of Python, as it would be typed.

    Raises:
        InputError: the value is none that a setting can have.

    Example:
        ``setting("data.classes", ["background", "my cell"]) == "data.classes=['background','my cell']"``
    """
    if isinstance(value, str | Path):
        is_path = key == "resume" or any(key in command.paths for command in COMMANDS.values())
        is_choice = "." not in key and re.fullmatch(r"\w+", str(value))
        if is_path or is_choice:
            return f"{key}={value}"
    return f"{key}={_literal(key, value)}"


def _literal(key: str, value: Any) -> str:
    """A value of Python in Hydra's grammar.

    Raises:
        InputError: it is none that a setting can have.
    """
    if isinstance(value, str | Path):
        return _in_quotes(str(value))
    if value is None or isinstance(value, bool):
        return "null" if value is None else str(value).lower()
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{name}: {_literal(key, item)}" for name, item in value.items()) + "}"
    if isinstance(value, Sequence):
        return f"[{','.join(_literal(key, item) for item in value)}]"
    raise InputError(
        f"{key} is a {type(value).__name__}, expected a word, a number, or a list or dict of them: objects "
        "of your own go into SegmentationTask and pytorch_lightning.Trainer, see docs/python.md"
    )


def _one_too_many(argument: str, name: str | None, typed: Sequence[str]) -> str:
    """What to say of a word that is neither a setting nor a position of the command."""
    first = " and ".join(COMMANDS[name].positions) if name else ""
    expected = f"{first}, and then key=value" if first else "key=value"
    begin = max(typed.index(argument) - 1, 0)
    parts = (" ".join(typed[begin:end]) for end in range(begin + 2, len(typed) + 1))
    whole = next((part for part in parts if _exists(part.partition("=")[2] or part)), None)
    if whole is None and name is not None and "data" in groups_of(name) and os.path.isdir(argument):  # noqa: PTH112
        whole = setting_of_folder(argument)
    elif whole is not None:
        whole = shlex.quote(whole)
    cure = f"did you mean {whole}?" if whole else "see --help"
    return f"'{argument}' is one argument too many, expected {expected}: {cure}"


def _is_open(argument: str) -> bool:
    """Whether a list or mapping begins in an argument and does not end in it."""
    value = argument.partition("=")[2]
    closing = {"[": "]", "{": "}"}.get(value[:1])
    return closing is not None and value.count(value[0]) > value.count(closing)


def refuse_absent_paths(command: Command, arguments: Sequence[str]) -> None:
    """Look at the paths to read that stand in plain sight, before anything that takes time is imported.

    Args:
        command: the command.
        arguments: what `overrides` made of what was typed.

    Raises:
        InputError: there is no such file or folder.
    """
    if MULTIRUN & set(arguments):
        return  # values may be lists
    given = dict(re.findall(r"^([\w.]+)=(.*)$", "\n".join(arguments), re.MULTILINE))
    for key in command.inputs:
        quoted = re.fullmatch(r"'[^'\\]+'|\[('[^'\\]+',?)+\]", given.get(key, ""))
        if quoted and (key != "data.root" or given.get("data") in READ_LAYOUTS):
            for path in re.findall(r"'([^']+)'", quoted[0]):
                refuse_absent(path, key)


def refuse_absent(path: str, key: str) -> None:
    """Refuse a path to read that is not there.

    Raises:
        InputError: there is no such file or folder.
    """
    if not _exists(path):
        folder, name = os.path.split(path)
        there = os.listdir(folder or ".") if os.path.isdir(folder or ".") else []  # noqa: PTH112, PTH208
        near = get_close_matches(name, there, 1)
        cure = f"did you mean {os.path.join(folder, near[0])}?" if near else f"check {key}="  # noqa: PTH118
        raise InputError(f"{path} is not there, expected a file or folder to read as {key}: {cure}")


def _is_position(argument: str, command: Command) -> bool:
    """Whether an argument is a path or name without its key; ``seed=0`` may also be the folder of a run."""
    if argument.startswith(("-", "+", "~")) or "=" not in argument:
        return not argument.startswith(("-", "+", "~"))
    if not (command.positions or command.listed) or not _exists(argument):
        return False
    key = re.split(r"[=.@/]", argument, maxsplit=1)[0]
    name = _name_of(command)
    return name is None or key not in {
        *groups_of(name),
        *(known.path.partition(".")[0] for known in keys_of(CONFIG / f"{name}.yaml")),
        "hydra",
    }


def _name_of(command: Command) -> str | None:
    """The name of a command; None for one that is not among `COMMANDS`."""
    return next((name for name, known in COMMANDS.items() if known is command), None)


def _exists(path: str) -> bool:
    """Whether there is such a file or folder; `Path.exists` fails where a long list is no path."""
    return os.path.exists(path)  # noqa: PTH110


def _value(option: str, rest: Any) -> str:
    value = next(rest, None)
    if value is None:
        raise InputError(f"{option} stands last, expected a value after it")
    return str(value)


def _is_hydra_value(value: str, multirun: bool) -> bool:
    """Whether a path's value is meant in Hydra's grammar: quoted, a list, nothing at all, or a sweep."""
    if _exists(value):
        return value == ""  # the empty path is the working folder, and always there
    quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "'\""
    listed = value.startswith("[") and value.endswith("]")
    return value in {"", "null", "???"} or quoted or listed or (multirun and "," in value)


def _quoted_patterns(value: str) -> str | None:
    """A list or mapping of patterns as Hydra reads it; None where it is neither, or has quotes of its own.

    Example:
        ``[{name}_a.tif,{name}_b.tif]`` becomes ``['{name}_a.tif','{name}_b.tif']``.
    """
    inside = value[1:-1]
    is_list, is_mapping = (value[:1] + value[-1:] == pair for pair in ("[]", "{}"))
    if _exists(value) or set("'\"") & set(value) or not inside:
        return None
    if is_list:
        return f"[{','.join(_in_quotes(item.strip()) for item in inside.split(','))}]"
    pairs = [item.partition(":") for item in inside.split(",")]
    if not is_mapping or not all(colon for _, colon, _ in pairs):
        return None
    return "{" + ",".join(f"{name.strip()}: {_in_quotes(text.strip())}" for name, _, text in pairs) + "}"


def _quoted(key: str, value: str) -> str:
    return f"{key}={_in_quotes(value)}"


def _in_quotes(value: str) -> str:
    """Hydra's quoted string: quotes are escaped, and backslashes where a quote follows them."""
    escaped = re.sub(r"(\\*)(')", r"\1\1\\\2", value)
    escaped = re.sub(r"(\\+)$", r"\1\1", escaped)
    return f"'{escaped}'"
