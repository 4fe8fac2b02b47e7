"""From ``resume=`` to all that was typed when the run or sweep that it names began."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hela_seg.cli.arguments import overrides
from hela_seg.cli.commands import COMMANDS, CONFIG
from hela_seg.cli.untrusted import refuse_untrusted, typed_trust
from hela_seg.runs import run_folder
from hela_seg.runs.sweep import folders
from hela_seg.system.errors import InputError
from hela_seg.system.files import whole_file
from hela_seg.system.ranks import MULTIRUN
from hela_seg.system.settings import flatten

_RUN = "hydra.run.dir"
_GROUPS = {"augment", "data", "loss", "model", "optimizer", "scheduler"}
"""Groups that a run goes on with as it began."""

_PATHS = {"ckpt_path", "start_from", "data.root", "data.split.table", "data.split.file"}
"""Keys whose values are paths, relative to the folder in which a run was begun."""

_CHANGED_DEFAULTS = ("data.normalise", "data.root", "optimizer.lr")
"""Settings within groups whose default is another one today, or here, than when or where a run was begun."""


def expand_resume_arguments(typed: Sequence[str]) -> list[str]:
    """Where a run or sweep is named to go on with, what was typed when it began, then what is typed now.

    ``resume=FOLDER`` is short for ``resume=true hydra.run.dir=FOLDER`` with all that the run in this folder
    was begun with, or the same for a sweep and ``hydra.sweep.dir``. A sweep with ``resume=true`` that names
    no folder goes on in that of the last one with the same settings.

    Args:
        typed: arguments of ``train``.

    Raises:
        InputError: no folder is named, or it holds no run of ``train``, or one that is no sweep is named for
            one; or its record holds what is not replayed, see `refuse_untrusted`.
    """
    given = folders.values_of(typed)
    resume, sweeping = given.get("resume", "false"), bool(MULTIRUN & set(typed))
    if resume.lower() == "false":
        return list(typed)
    by_switch = resume.lower() == "true"
    if by_switch and sweeping:
        return list(typed) if "hydra.sweep.dir" in given else _sweep_again(typed)
    folder = given.get(_RUN, "") if by_switch else resume
    if not folder:
        raise InputError("resume=true does not say which run, expected its folder: resume=FOLDER")
    now = [argument for argument in typed if folders.key_of(argument) != "resume"]
    if (Path(folder) / folders.SWEEP_RECORD).is_file():
        then = _replayed(Path(folder) / folders.SWEEP_RECORD, folders.typed_before(Path(folder)), given)
        return ["--multirun", *then, *(a for a in now if a not in MULTIRUN), *_again(folder, "sweep")]
    if sweeping:
        raise InputError(
            f"{folder} holds no sweep to go on with, expected a folder with {folders.SWEEP_RECORD}: name a "
            "sweep's"
        )
    before = Path(folder) / folders.JOB_RECORD
    if not before.is_file() and not by_switch:
        raise InputError(f"{folder} holds no run to go on with, expected a folder that hela_seg.train made")
    lines = [*_chosen(before), *folders.read_lines(before)] if before.is_file() else []
    then = _replayed(before, lines, given)
    return [*then, *now, *(["resume=true"] if by_switch else _again(folder, "run"))]


def _replayed(record: Path, lines: Iterable[str], given: Mapping[str, str]) -> list[str]:
    """The settings of a record that are not typed anew, with their paths as they were meant then."""
    kept = [line for line in lines if folders.key_of(line) not in given]
    command = _command_of(record)
    if command not in (None, "train"):
        raise InputError(
            f"{record} is of hela_seg.{command}, expected a folder that hela_seg.train made: check resume="
        )
    refuse_untrusted(record, kept, typed_trust(given))
    told = _noted(record, "runtime").get("cwd")
    began = Path(told) if isinstance(told, str) else Path()  # the present folder where nothing says so
    return [_as_meant(line, began) for line in kept]


def _chosen(record: Path) -> list[str]:
    """What a run was begun with, where this version has other defaults: the choices of groups, and values."""
    typed = {folders.key_of(line) for line in folders.read_lines(record)}
    choices = _noted(record, "runtime").get("choices")
    found = choices.items() if isinstance(choices, dict) else ()
    settings = record.with_name("config.yaml")
    plain = folders.read_plain(settings) if settings.is_file() else None
    values = flatten(plain) if isinstance(plain, dict) else {}
    changed = [
        f"{key}={values[key]}"
        for key in _CHANGED_DEFAULTS
        if key not in typed and re.fullmatch(r"[\w.+-]+", str(values.get(key, "")))
    ]
    return changed + [
        f"{group}={choice}"
        for group, choice in found
        if group in _GROUPS - typed and choice is not None and re.fullmatch(r"\w+", str(choice))
    ]


def _noted(record: Path, group: str) -> dict[str, Any]:
    """What Hydra noted of a run's start beside its record, in a group of its own settings."""
    beside = record.with_name("hydra.yaml") if record.name == folders.JOB_RECORD.name else record
    plain: Any = folders.read_plain(beside) if beside.is_file() else {}
    for key in ("hydra", group):
        plain = plain.get(key) if isinstance(plain, dict) else None
    return plain if isinstance(plain, dict) else {}


def _command_of(record: Path) -> str | None:
    """The command that a record is of; None where nothing says so."""
    return _noted(record, "job").get("config_name")


def _as_meant(line: str, began: Path) -> str:
    key, _, value = line.partition("=")
    path = value.strip("'\"")
    if key not in _PATHS or path in ("", "null") or Path(path).is_absolute() or began == Path.cwd():
        return line
    return f"{key}='{began / path}'"


def refuse_folder_of_another(command: str, typed: Sequence[str]) -> None:
    """Refuse a folder with the results of another command, whose scores, report and record would be replaced.

    Args:
        command: whose results are to go there.
        typed: its arguments.

    Raises:
        InputError: ``hydra.run.dir`` is such a folder.
    """
    folder = folders.values_of(typed).get(_RUN)
    other = None if folder is None else _command_of(Path(folder) / folders.JOB_RECORD)
    if other not in (None, command):
        raise InputError(
            f"{folder} holds the results of hela_seg.{other}, expected a folder of its own: choose another "
            "output_dir"
        )


@contextmanager
def record_kept(typed: Sequence[str]) -> Iterator[None]:
    """Leave a run's record of its settings as it was, where a command fails before it has trained its net.

    Hydra writes that record before anything looks at the settings, and `expand_resume_arguments` reads it:
    settings that were refused once would be refused ever after.

    Args:
        typed: arguments of the command, as `expand_resume_arguments` gives them.
    """
    given = folders.values_of(typed).get(_RUN)
    folder = Path(given or "")
    kept = () if given is None else folder.glob(f"{folders.JOB_RECORD.parent}/*")
    record = {path: path.read_bytes() for path in kept}
    trained = _written(folder)
    try:
        yield
    except Exception:
        if _written(folder) == trained:
            for path, content in record.items():
                with whole_file(path) as beside:
                    beside.write_bytes(content)
        raise


def _written(folder: Path) -> dict[str, int]:
    """When each checkpoint of a run was written, in nanoseconds."""
    kept = (folder / run_folder.CHECKPOINTS / name for name in run_folder.RESUMABLE)
    return {path.name: path.stat().st_mtime_ns for path in kept if path.exists()}


def _sweep_again(typed: Sequence[str]) -> list[str]:
    quoted = [argument for argument in overrides(COMMANDS["train"], typed) if not argument.startswith("-")]
    sweeps = sweeps_folder()
    folder = folders.last_sweep(quoted, sweeps)
    if folder is None:
        print(f"no sweep below {sweeps} was begun with these settings, so one begins", file=sys.stderr)
        return list(typed)
    print(f"going on with the sweep in {folder}", file=sys.stderr)
    return [*typed, f"hydra.sweep.dir={folder}"]


def sweeps_folder() -> Path:
    """The folder of sweeps that name none."""
    return Path(folders.read_plain(CONFIG / "train.yaml")["hydra"]["sweep"]["dir"]).parent


def _again(folder: str, kind: str) -> list[str]:
    return ["resume=true", f"hydra.{kind}.dir={folder}"]
