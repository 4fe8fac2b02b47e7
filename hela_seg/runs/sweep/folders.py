"""Which folder of a sweep belongs to which job, and which sweep to which command: told by their settings."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError  # type: ignore[import-untyped,unused-ignore]

from hela_seg.system.errors import InputError

SWEEP_RECORD = "multirun.yaml"
"""Hydra's configuration of a whole sweep, in its folder."""

JOB_RECORD = Path(".hydra", "overrides.yaml")
"""Hydra's list of a job's settings, in its folder."""


def key_of(override: str) -> str:
    """``data`` of ``+data=folder``."""
    return re.split(r"[=@]", override.lstrip("+~"), maxsplit=1)[0]


def values_of(typed: Iterable[str]) -> dict[str, str]:
    """Values by key, without quotes: ``{"data": "folder"}`` of ``+data='folder'``."""
    return {key_of(argument): argument.partition("=")[2].strip("'\"") for argument in typed}


def read_plain(record: Path) -> Any:
    """What a YAML file of Hydra's holds, as dicts and lists; references to other settings stay as written.

    Raises:
        InputError: it is no such file.
    """
    try:
        return OmegaConf.to_container(OmegaConf.load(record), resolve=False)
    except (OSError, ValueError, YAMLError, OmegaConfBaseException, RecursionError) as error:
        reason = " ".join(str(error).split())[:200]
        raise InputError(f"{record} is damaged ({reason}), expected a record that Hydra wrote") from None


def read_lines(record: Path) -> list[str]:
    """The settings that were typed for a job, as Hydra lists them.

    Raises:
        InputError: the record is damaged.
    """
    lines = read_plain(record)
    if not isinstance(lines, list) or not all(isinstance(line, str) for line in lines):
        raise InputError(f"{record} is damaged, expected a list of settings that Hydra wrote")
    return lines


def job_folder(*, _root_: DictConfig) -> str:
    """Name of a job's folder, as ``${job_folder:}`` in ``hydra.sweep.subdir``.

    It is made of the job's number and net: ``model=`` as chosen, or the module of a class that is typed.
    Where a sweep goes on, a job whose settings are those of a folder that is there already has that one,
    whatever its number now.
    """
    typed = "\n".join(_root_.hydra.overrides.task)
    net = re.search(r"^\+*model\._target_=(?:\w+\.)*(\w+)\.\w+$", typed, re.MULTILINE)
    name = f"{_root_.hydra.job.num}_{net[1] if net else _root_.hydra.runtime.choices.model}"
    if not _root_.resume:
        return name
    sweep, own = Path(_root_.hydra.sweep.dir), _settings(_root_.hydra.overrides.task)
    held = {record.parents[1].name: _settings(read_lines(record)) for record in sweep.glob(f"*/{JOB_RECORD}")}
    same = sorted(folder for folder, settings in held.items() if settings == own)
    while not same and name in held:
        name += "-again"
    return same[0] if same else name


OmegaConf.register_new_resolver("job_folder", job_folder, replace=True)


def last_sweep(overrides: Iterable[str], parent: Path) -> Path | None:
    """The newest sweep in a folder that was begun with the same settings; None where there is none.

    Args:
        overrides: as Hydra takes them; those of Hydra itself and ``resume`` make no difference.
        parent: the folder that holds sweeps.
    """
    own = _settings(overrides)
    records = sorted(parent.glob(f"*/{SWEEP_RECORD}"), key=lambda path: path.stat().st_mtime, reverse=True)
    for record in records:
        if _settings(_overrides_of(record)["task"]) == own:
            return record.parent
    return None


def typed_before(sweep: Path) -> list[str]:
    """The overrides that a sweep was begun with, Hydra's own among them, but for its folder and mode."""
    overrides = _overrides_of(sweep / SWEEP_RECORD)
    lines = [*overrides["hydra"], *overrides["task"]]
    return [line for line in lines if key_of(line) not in {"hydra.mode", "hydra.sweep.dir", "resume"}]


def _overrides_of(record: Path) -> dict[str, list[str]]:
    """Settings of a sweep, of Hydra's own and of the command.

    Raises:
        InputError: the record is damaged.
    """
    try:
        overrides = read_plain(record)["hydra"]["overrides"]
        return {key: list(map(str, overrides[key])) for key in ("hydra", "task")}
    except (KeyError, TypeError):
        raise InputError(f"{record} is damaged, expected the settings of a sweep") from None


def _settings(overrides: Iterable[str]) -> frozenset[str]:
    return frozenset(
        line for line in overrides if key_of(line) != "resume" and not key_of(line).startswith("hydra")
    )
