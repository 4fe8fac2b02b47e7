"""From what is typed to a command's configuration and its exit status.

Hydra composes the configuration. Before it sees the arguments, positions and short options become overrides,
and paths are quoted, because Hydra's grammar refuses spaces, parentheses, commas and equal signs in bare
values.
"""

from __future__ import annotations

import logging
import os
import re
import signal
import sys
import traceback
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import hydra
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf, open_dict

from hela_seg.runs.start_from import expand_start_from
from hela_seg.runs.sweep import Sweep, expand_resume_arguments, jobs_in, record_kept, run_job
from hela_seg.runs.sweep.folders import key_of
from hela_seg.system.errors import InputError, Interrupted, PartialResultError
from hela_seg.system.faults import user_message
from hela_seg.system.ranks import MULTIRUN, RankInfo, overrides_for_rank
from hela_seg.system.settings import flatten

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
_GROUPS_OF_ONE_CLASS = ("data", "trainer")
"""Groups whose keys are read here too, so that another class has to take the same ones."""

_PATTERNS = frozenset({"data.images", "data.masks", "images"})
"""Keys whose values may be lists or mappings of patterns, whose braces and stars Hydra takes for its own."""

COMMANDS = {
    "train": Command(paths=_DATA_PATHS | {"ckpt_path", "start_from"}, inputs=("data.root", "ckpt_path")),
    "evaluate": Command(
        ("ckpt",),
        paths=_DATA_PATHS | {"ckpt", "labels", "name", "reading.files", "root"},
        inputs=("ckpt", "labels", "data.root", "root"),
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
        typed = _expanded(name, typed)
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


def call(name: str, arguments: Sequence[str], settings: Mapping[str, Any]) -> Any:
    """Run a command inside of a script or a notebook, without a command line.

    Handlers of logging's root stay as they are.

    Args:
        name: one of `COMMANDS`.
        arguments: as typed on the command line, such as ``model=unet``.
        settings: the same as values of Python, by their keys; mappings are settings of a group.

    Returns:
        What the command's function returns.

    Raises:
        InputError: what the command would end with status 2 for.
        KeyboardInterrupt: it was interrupted; its message says how it goes on.
    """
    option = next((argument for argument in arguments if argument.startswith("-")), None)
    if option is not None:
        raise InputError(f"'{option}' is an option of the command line, expected settings such as model=unet")
    failures: list[Exception] = []
    found: list[Any] = []
    typed_here = [*arguments, *(setting(key, value) for key, value in flatten(settings).items())]
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    try:
        typed = _expanded(name, typed_here)
        with record_kept(typed), initialize_config_dir(str(CONFIG), name, "1.3"):
            run_command = partial(_run_command, name, failures, found)
            hydra_here = GlobalHydra.instance().hydra
            if hydra_here is not None:
                hydra_here.run(name, run_command, overrides(COMMANDS[name], typed))
            if failures:
                raise failures[0]
    except Interrupted as end:
        raise KeyboardInterrupt(str(end)) from None
    except Exception as error:
        message = user_message(error)
        if message is None:
            raise
        raise InputError(message) from error
    finally:
        root.handlers[:], root.level = handlers, level
    return found[0]


def _expanded(name: str, typed: Sequence[str]) -> list[str]:
    """Arguments with those that follow from a checkpoint, an earlier run, or several processes."""
    if name == "train":
        # first, as a sweep to go on with is found by its settings
        typed = expand_start_from(typed, CONFIG)
        typed = expand_resume_arguments(typed, partial(overrides, COMMANDS[name]), _sweeps, CONFIG)
        return overrides_for_rank(RankInfo.here(), typed)
    if name == "evaluate" and not any(key_of(argument) == "data" for argument in typed):
        # of a checkpoint's own data nothing but their place may be said
        return [re.sub(r"^data\.root=", "root=", argument) for argument in typed]
    return list(typed)


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
    # of a class that the user names nobody knows the keys here, and so they may be new ones
    own = tuple(f"{group}." for group in _named_classes(result))
    return flags + [f"++{line}" if own and line.startswith(own) else line for line in result]


def _named_classes(typed: Sequence[str]) -> list[str]:
    """The groups whose class is typed: ``loss`` of ``loss._target_=my.Loss``."""
    paths = (key_of(line).rpartition(".") for line in typed)
    groups = [path for path, _, last in paths if last == "_target_"]
    return [path for path in groups if path and path.split(".")[0] not in _GROUPS_OF_ONE_CLASS]


def _without_defaults_of_others(config: DictConfig, typed: Sequence[str]) -> None:
    """Where the class of a group is typed, take the defaults of the class before it out of the group."""
    given = [key_of(line) for line in typed]
    for path in _named_classes(typed):
        group = OmegaConf.select(config, path)
        if not isinstance(group, DictConfig):
            continue  # switched off with null
        with open_dict(group):
            for name in [str(key) for key in group if not str(key).startswith("_")]:
                key = f"{path}.{name}"
                if not any(one == key or one.startswith(f"{key}.") for one in given):
                    del group[name]


def _run_command(name: str, failures: list[Exception], found: list[Any], config: DictConfig) -> Any:
    """Call a command's function with what was composed; without a sweep, what it raises is kept for later."""
    try:
        _without_defaults_of_others(config, HydraConfig.get().overrides.task)
        _refuse_missing(config, COMMANDS[name].found)
        OmegaConf.set_readonly(config, True)  # what a command reads is what was typed
        _refuse_absent(config, COMMANDS[name].inputs)
        _say_at_once(name, config)
        # imported only now, so that --help and a bad configuration answer without torch
        command = getattr(import_module(f"hela_seg.{name}"), name)
        if name == "train" and HydraConfig.get().mode == RunMode.MULTIRUN:
            return run_job(partial(command, config), user_message)
        found.append(command(config))
    except Exception as error:
        if HydraConfig.get().mode == RunMode.MULTIRUN:
            raise  # Hydra goes on with the other jobs, and says which one this was
        failures.append(error)


def _run_hydra(name: str, arguments: list[str]) -> None:
    failures: list[Exception] = []
    run_composed = partial(_run_command, name, failures, [])
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


def _quoted(key: str, value: str) -> str:
    return f"{key}={_in_quotes(value)}"


def _in_quotes(value: str) -> str:
    """Hydra's quoted string: quotes are escaped, and backslashes where a quote follows them."""
    escaped = re.sub(r"(\\*)(')", r"\1\1\\\2", value)
    escaped = re.sub(r"(\\+)$", r"\1\1", escaped)
    return f"'{escaped}'"
