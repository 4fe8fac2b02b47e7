"""From what is typed to a command's configuration and its exit status.

Hydra composes the configuration. Before it sees the arguments, positions and short options become overrides,
and paths are quoted, because Hydra's grammar refuses spaces, parentheses, commas and equal signs in bare
values.
"""

from __future__ import annotations

import os
import re
import signal
import sys
import traceback
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from hela_seg.runs.start_from import expand_start_from
from hela_seg.runs.sweep import Sweep, expand_resume_arguments, jobs_in, record_kept, run_job
from hela_seg.runs.sweep.folders import key_of
from hela_seg.system.errors import InputError, Interrupted, PartialResultError
from hela_seg.system.faults import user_message
from hela_seg.system.ranks import MULTIRUN, RankInfo, overrides_for_rank

PACKAGE = Path(__file__).parent
CONFIG = next(folder for folder in (PACKAGE / "conf", PACKAGE.parent / "conf") if folder.is_dir())
"""The configuration files: inside an installed package, beside it in a source tree."""

USER_FAULT, OUR_FAULT, PARTIAL = 2, 1, 3

_HYDRA_FLAGS_WITH_VALUE = (
    *("--cfg", "-c", "--package", "-p", "--config-path", "-cp", "--config-name", "-cn"),
    *("--config-dir", "-cd", "--info", "-i", "--experimental-rerun"),
)


@dataclass(frozen=True)
class Command:
    """A command's own grammar.

    Attributes:
        positions: keys that arguments without a key stand for, in order.
        listed: key that all further such arguments stand for, as a list.
        options: options and the keys that they stand for.
        flags: options without a value, and what they stand for.
        paths: keys whose values are paths, or names that are taken as they are typed.
        inputs: those of them that are read, and so have to be there.
        found: keys that the command finds out itself where the user leaves them out.
        goes_on: how a command that was interrupted goes on, where it does not begin anew.
    """

    positions: tuple[str, ...] = ()
    listed: str | None = None
    options: dict[str, str] = field(default_factory=dict)
    flags: dict[str, str] = field(default_factory=dict)
    paths: frozenset[str] = frozenset()
    inputs: tuple[str, ...] = ()
    found: frozenset[str] = frozenset()
    goes_on: str = ""


_READ_LAYOUTS = ("folder", "timelapse", "dryad", "ctc", "auto")
"""Values of ``data.layout`` with which ``data.root`` has to be there."""

_DATA_PATHS = frozenset(
    {"data.root", "data.images", "data.masks", "data.split.table", "data.split.file"}
    | {"hydra.run.dir", "hydra.sweep.dir"}
)
_PATTERNS = frozenset({"data.images", "data.masks", "images"})
"""Keys whose values may be lists or mappings of patterns, whose braces and stars Hydra takes for its own."""

COMMANDS = {
    "train": Command(paths=_DATA_PATHS | {"ckpt_path", "start_from"}, inputs=("data.root", "ckpt_path")),
    "evaluate": Command(
        ("ckpt",),
        paths=_DATA_PATHS | {"ckpt", "labels", "name", "reading.files", "root", "tracks"},
        inputs=("ckpt", "labels", "data.root", "root", "tracks"),
        found=frozenset({"data.classes"}),
    ),
    "predict": Command(
        ("ckpt", "input"),
        options={"-o": "output"},
        flags={"-v": "verbose=true", "--verbose": "verbose=true"},
        paths=frozenset({"ckpt", "input", "output", "images"}),
        inputs=("ckpt", "input"),
        goes_on="the same command goes on where it stood",
    ),
    "track": Command(
        ("input",),
        options={"-o": "output"},
        paths=frozenset({"input", "output", "class_maps", "conditions", "images", "truth"}),
        inputs=("input", "class_maps", "conditions", "images", "truth"),
    ),
    "check": Command(paths=_DATA_PATHS),
    "compare": Command(listed="runs", paths=frozenset({"runs", "hydra.run.dir"}), inputs=("runs",)),
    "benchmark": Command(paths=_DATA_PATHS, inputs=("data.root",)),
    "convert": Command(
        ("weights",), options={"-o": "output"}, paths=frozenset({"weights", "output"}), inputs=("weights",)
    ),
    "export": Command(
        ("ckpt",), options={"-o": "output"}, paths=frozenset({"ckpt", "output"}), inputs=("ckpt",)
    ),
}


def main(name: str, arguments: Sequence[str] | None = None) -> int:
    """Run a command as from the shell: ``main("train", ["model=unet"])``.

    Args:
        name: one of `COMMANDS`.
        arguments: what was typed after the command; by default this process's own.

    Returns:
        Exit status: 0, 2 where the user must mend something, 3 where the work is done but for input that was
        left out, 130 after Ctrl+C and 143 where training is told to end, or 1 for a fault of ours, with its
        traceback.
    """
    typed = sys.argv[1:] if arguments is None else list(arguments)
    # Hydra would print its own report and leave with status 1
    os.environ["HYDRA_FULL_ERROR"] = "1"
    try:
        if name == "train":
            # first, as a sweep to go on with is found by its settings
            typed = expand_start_from(typed, CONFIG)
            typed = expand_resume_arguments(typed, partial(overrides, COMMANDS[name]), _sweeps, CONFIG)
            typed = overrides_for_rank(RankInfo.here(), typed)
        if name == "evaluate" and not any(key_of(argument) == "data" for argument in typed):
            # of a checkpoint's own data nothing but their place may be said
            typed = [re.sub(r"^data\.root=", "root=", argument) for argument in typed]
        with record_kept(typed) if name == "train" else nullcontext():
            _run_hydra(name, overrides(COMMANDS[name], typed))
    except PartialResultError as left_out:
        print(f"warning: {left_out}", file=sys.stderr)
        return PARTIAL
    except (KeyboardInterrupt, Interrupted) as end:
        if not isinstance(end, Interrupted):
            end = Interrupted(signal.SIGINT, COMMANDS[name].goes_on)
        print(": ".join(filter(None, ["interrupted", str(end)])), file=sys.stderr)
        return end.status
    except Exception as error:
        message = user_message(error)
        if message is None:
            traceback.print_exc()
            print(f"error: this is a fault of hela_seg, not of your input: {error}", file=sys.stderr)
            return OUR_FAULT
        print(f"error: {message}", file=sys.stderr)
        return USER_FAULT
    return 0


def overrides(command: Command, typed: Sequence[str]) -> list[str]:
    """Arguments as typed -> arguments that Hydra understands.

    Raises:
        InputError: more positions than the command has, or an option without value.

    Example:
        For ``predict``, ``best.ckpt "my film.tif" -o out`` becomes ``ckpt='best.ckpt' input='my film.tif'
        output='out'``.
    """
    multirun = bool(MULTIRUN & set(typed))
    positions, result, rest = list(command.positions), [], iter(typed)
    listed: list[str] = []
    flags: list[str] = []  # stand first, because Hydra takes no overrides on both sides of one
    for argument in rest:
        if argument in command.options:
            result.append(_quoted(command.options[argument], _value(argument, rest)))
        elif argument in command.flags:
            result.append(command.flags[argument])
        elif argument in _HYDRA_FLAGS_WITH_VALUE:
            flags += [argument, _value(argument, rest)]
        elif argument.startswith("-"):
            flags.append(argument)
        elif _is_position(argument, command):
            if positions:
                result.append(_quoted(positions.pop(0), argument))
            elif command.listed:
                listed.append(_in_quotes(argument))
            else:
                raise InputError(f"'{argument}' is one argument too many, expected key=value: see --help")
        else:
            key, equals, value = argument.partition("=")
            if equals and key.lstrip("+") in _PATTERNS and (several := _quoted_patterns(value)):
                result.append(f"{key}={several}")
                continue
            is_path = equals and key.lstrip("+") in command.paths and not _is_hydra_value(value, multirun)
            # a shell expands ~ in front of a word alone
            at_home = value if not is_path or _exists(value) else os.path.expanduser(value)  # noqa: PTH111
            result.append(_quoted(key, at_home) if is_path else argument)
    if listed:
        result.append(f"{command.listed}=[{','.join(listed)}]")
    return flags + result


def _run_hydra(name: str, arguments: list[str]) -> None:
    failures: list[Exception] = []

    def run_composed(config: DictConfig) -> Any:
        try:
            _refuse_missing(config, COMMANDS[name].found)
            OmegaConf.set_readonly(config, True)  # what a command reads is what was typed
            _refuse_absent(config, COMMANDS[name].inputs)
            _say_at_once(name, config)
            # imported only now, so that --help and a bad configuration answer without torch
            command = getattr(import_module(f"hela_seg.{name}"), name)
            if name == "train" and HydraConfig.get().mode == RunMode.MULTIRUN:
                return run_job(partial(command, config), user_message)
            return command(config)
        except Exception as error:
            if HydraConfig.get().mode == RunMode.MULTIRUN:
                raise  # Hydra goes on with the other jobs, and says which one this was
            failures.append(error)

    before = sys.argv
    sys.argv = [f"hela-seg {name}", *arguments]
    Sweep.begun.clear()
    try:
        hydra.main(version_base="1.3", config_path=str(CONFIG), config_name=name)(run_composed)()
    except Exception as error:
        if not Sweep.begun or not jobs_in(Sweep.begun[0]):
            raise
        failures.append(error)
    finally:
        sys.argv = before
    if Sweep.begun:
        # imported only now, because it takes seconds
        import_module("hela_seg.report.comparison.folders").end_sweep(Sweep.begun[0], failures)
    elif failures:
        raise failures[0]


def _sweeps() -> Path:
    """The folder of sweeps that name none."""
    written: Any = OmegaConf.to_container(OmegaConf.load(CONFIG / "train.yaml"), resolve=False)
    return Path(written["hydra"]["sweep"]["dir"]).parent


def _known_keys(name: str) -> set[str]:
    """Top-level keys and groups of a command's configuration."""
    written: Any = OmegaConf.to_container(OmegaConf.load(CONFIG / f"{name}.yaml"), resolve=False)
    groups = {group for entry in written["defaults"] if isinstance(entry, dict) for group in entry}
    return {*written, *groups}


def _refuse_missing(config: DictConfig, found: frozenset[str]) -> None:
    missing = sorted(OmegaConf.missing_keys(config) - found)
    if missing:
        needed = " ".join(f"{key}=..." for key in missing)
        raise InputError(f"{' and '.join(missing)} not given, expected a value for each: add {needed}")


def _refuse_absent(config: DictConfig, inputs: Sequence[str]) -> None:
    """Look at what is to be read before the imports that take seconds."""
    for key in inputs:
        named = OmegaConf.select(config, key)
        if key == "data.root" and OmegaConf.select(config, "data.layout") not in _READ_LAYOUTS:
            continue
        for path in named if isinstance(named, Sequence) and not isinstance(named, str) else [named]:
            if isinstance(path, str) and path and not _exists(path):
                raise InputError(f"{path} is not there, expected a file or folder to read: check {key}=")


def _say_at_once(name: str, config: DictConfig) -> None:
    """A line before the imports that take seconds: what begins, and where its files go."""
    if "torch" not in sys.modules and RankInfo.here().rank == 0:
        target = OmegaConf.select(config, "output") or OmegaConf.select(config, "output_dir")
        into = f" into {target}" if target else ""
        print(f"hela-seg {name}{into}", file=sys.stderr, flush=True)


def _is_position(argument: str, command: Command) -> bool:
    """Whether an argument is a path or name without its key; ``seed=0`` may also be the folder of a run."""
    if argument.startswith(("-", "+", "~")) or "=" not in argument:
        return not argument.startswith(("-", "+", "~"))
    if not (command.positions or command.listed) or not _exists(argument):
        return False
    key = re.split(r"[=.@/]", argument, maxsplit=1)[0]
    return not any(key in _known_keys(name) for name, known in COMMANDS.items() if known is command)


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
