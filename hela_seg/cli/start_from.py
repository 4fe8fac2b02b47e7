"""From ``start_from=`` to the net that its checkpoint holds, where the user chooses no other."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from hela_seg.cli.arguments import setting
from hela_seg.cli.commands import CONFIG
from hela_seg.cli.untrusted import typed_trust
from hela_seg.runs.checkpoint import option_of, read_content, read_info
from hela_seg.runs.sweep.folders import values_of
from hela_seg.system.errors import InputError
from hela_seg.system.ranks import MULTIRUN
from hela_seg.system.trust import advice, is_trusted, module_of, trusted_modules


def expand_start_from(typed: Sequence[str]) -> list[str]:
    """Where a run starts from a checkpoint and no ``model=`` is typed, put its net before the arguments.

    So the record of the run states its net, and going on with it needs the checkpoint no longer.

    Args:
        typed: arguments of the command.

    Raises:
        InputError: the checkpoint is not there, or names a net that ``model=`` cannot choose.
    """
    given = values_of(typed)
    value = given.get("start_from", "")
    if value in ("", "null") or "model" in given:
        return list(typed)
    path = Path(value) if Path(value).exists() else Path(value).expanduser()
    if not path.exists():
        if MULTIRUN & set(typed):
            return list(typed)  # several of them, or a pattern of Hydra's
        raise InputError(f"{path} is not there, expected a checkpoint such as best.ckpt: check start_from=")
    net = read_info(path, read_content(path)).net
    target, trust = str(net.get("_target_")), trusted_modules(typed_trust(given))
    if is_trusted(module_of(target), trust) and re.fullmatch(r"[\w.]+", target):
        return [f"model._target_={target}", *_arguments(path, net), *typed]
    option, own = option_of(target), target.startswith("hela_seg.models.")
    if not (own and re.fullmatch(r"\w+", option) and (CONFIG / "model" / f"{option}.yaml").is_file()):
        raise InputError(
            f"{path} names the net {target}, which model= cannot choose, expected one of hela_seg"
            f"{advice(target) or ': set model='}"
        )
    return [f"model={option}", *_arguments(path, net), *typed]


def _arguments(path: Path, net: Mapping[str, Any]) -> Iterator[str]:
    """The net's settings as Hydra's overrides: plain values only, since strangers write checkpoints too."""
    for key, value in net.items():
        if key in ("_target_", "in_channels", "classes"):
            continue
        if not (_is_plain(value) and re.fullmatch(r"[a-z]\w*", key)):
            raise InputError(f"{path} sets model.{key} to {value!r}, which is not taken over: set model=")
        yield setting(f"++model.{key}", value)


def _is_plain(value: Any) -> bool:
    """Whether a value is null or true, a finite number, or a word that can refer to nothing else."""
    if isinstance(value, str):
        return bool(re.fullmatch(r"[\w./ +-]*", value))
    return value is None or (isinstance(value, bool | int | float) and math.isfinite(value))
