"""From ``resume=`` to all that was typed when the run or sweep that it names began."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from hela_seg.runs import run_folder
from hela_seg.runs.sweep.folders import JOB_RECORD, SWEEP_RECORD, key_of, last_sweep, typed_before
from hela_seg.system.errors import InputError
from hela_seg.system.files import whole_file
from hela_seg.system.ranks import MULTIRUN

_RUN = "hydra.run.dir"
_PATHS = {"ckpt_path", "output_dir", "resume"}
"""Keys without a group whose values are paths."""


def expand_resume_arguments(
    typed: Sequence[str], quoted: Callable[[Sequence[str]], list[str]], sweeps: Callable[[], Path]
) -> list[str]:
    """Where a run or sweep is named to go on with, what was typed when it began, then what is typed now.

    ``resume=FOLDER`` is short for ``resume=true hydra.run.dir=FOLDER`` with all that the run in this folder
    was begun with, or the same for a sweep and ``hydra.sweep.dir``. A sweep with ``resume=true`` that names
    no folder goes on in that of the last one with the same settings.

    Args:
        typed: arguments of the command.
        quoted: turns such arguments into Hydra's overrides.
        sweeps: reads from the configuration in which folder sweeps lie that name none.

    Raises:
        InputError: no folder is named, or it holds no run, or one that is no sweep is named for one.
    """
    given = {key_of(argument): argument.partition("=")[2].strip("'\"") for argument in typed}
    resume, sweeping = given.get("resume", "false"), bool(MULTIRUN & set(typed))
    if resume.lower() == "false":
        return list(typed)
    by_switch = resume.lower() == "true"
    if by_switch and sweeping:
        return _sweep_again(typed, given, quoted, sweeps())
    folder = given.get(_RUN, "") if by_switch else resume
    if not folder:
        raise InputError("resume=true does not say which run, expected its folder: resume=FOLDER")
    now = [argument for argument in typed if key_of(argument) != "resume"]
    if (Path(folder) / SWEEP_RECORD).is_file():
        record = typed_before(Path(folder))
        _refuse_other_folders(Path(folder) / SWEEP_RECORD, record)
        then = [line for line in record if key_of(line) not in given]
        return ["--multirun", *then, *(a for a in now if a not in MULTIRUN), *_again(folder, "sweep")]
    if sweeping:
        raise InputError(
            f"{folder} holds no sweep to go on with, expected a folder with {SWEEP_RECORD}: name a sweep's"
        )
    before = Path(folder) / JOB_RECORD
    if not before.is_file() and not by_switch:
        raise InputError(f"{folder} holds no run to go on with, expected a folder that hela_seg.train made")
    lines: Any = OmegaConf.load(before) if before.is_file() else []
    _refuse_other_folders(before, lines)
    then = [line for line in lines if key_of(line) not in given]
    return [*then, *now, *(["resume=true"] if by_switch else _again(folder, "run"))]


def _refuse_other_folders(record: Path, lines: Iterable[str]) -> None:
    """Refuse a record that takes configuration files from elsewhere: what a user would not see in it.

    ``model=../../file`` includes any YAML file of this machine, and so do Hydra's search paths.
    """
    for line in lines:
        value, is_group = line.partition("=")[2], "." not in key_of(line) and key_of(line) not in _PATHS
        outside = re.search(r"(^|[\[,'\"\s])/|\.\.|\\", value)
        if (is_group and outside) or key_of(line) == "hydra.searchpath":
            raise InputError(
                f"{record} holds {line}, which takes settings from a file outside of this program, expected "
                "names of its own: go on without it, by removing that line, if you trust the rest"
            )


@contextmanager
def record_kept(typed: Sequence[str]) -> Iterator[None]:
    """Leave a run's record of its settings as it was, where a command fails before it has trained its net.

    Hydra writes that record before anything looks at the settings, and `expand_resume_arguments` reads it:
    settings that were refused once would be refused ever after.

    Args:
        typed: arguments of the command, as `expand_resume_arguments` gives them.
    """
    folders = [argument.partition("=")[2].strip("'\"") for argument in typed if key_of(argument) == _RUN]
    folder = Path(folders[-1] if folders else "")
    record = {path: path.read_bytes() for path in folder.glob(f"{JOB_RECORD.parent}/*")} if folders else {}
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


def _sweep_again(
    typed: Sequence[str],
    given: dict[str, str],
    quoted: Callable[[Sequence[str]], list[str]],
    sweeps: Path,
) -> list[str]:
    if "hydra.sweep.dir" in given:
        return list(typed)
    overrides = [argument for argument in quoted(typed) if not argument.startswith("-")]
    folder = last_sweep(overrides, sweeps)
    if folder is None:
        print(f"no sweep below {sweeps} was begun with these settings, so one begins", file=sys.stderr)
        return list(typed)
    print(f"going on with the sweep in {folder}", file=sys.stderr)
    return [*typed, f"hydra.sweep.dir={folder}"]


def _again(folder: str, kind: str) -> list[str]:
    return ["resume=true", f"hydra.{kind}.dir={folder}"]
