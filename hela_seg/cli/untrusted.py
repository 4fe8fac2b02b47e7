"""What the record of a run may say: a stranger's folder names no code to call and no place to write to.

``resume=FOLDER`` replays the settings that stand in the folder. What is typed anew on the command line is the
user's own word, and is not looked at here.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path

from hela_seg.cli.commands import CONFIG
from hela_seg.runs.sweep.folders import key_of
from hela_seg.system.errors import InputError
from hela_seg.system.trust import advice, import_trusted, is_trusted, module_of, trusted_modules

PLACES = {
    *("artifacts", "default_root_dir", "dir", "dirpath", "filename", "folder", "log_dir", "output_dir"),
    *("path", "root_dir", "save_dir", "storage", "store", "subdir"),
}
"""Last parts of keys whose values say where something is written."""

CONSTRUCTORS = re.compile(
    r"(torch\.optim|torch\.optim\.lr_scheduler|torch\.nn|torchmetrics(\.\w+)?|pytorch_lightning\.(callbacks|loggers))"
    r"\.[A-Z]\w*"
)
"""Names of classes of others that a record may name, beside those of the shipped configuration files."""

SEARCHES = re.compile(
    r"hydra\.(sweeper\.(n_trials|n_jobs|direction|params\..*)|launcher\.(n_jobs|timeout_min))$"
)
"""Settings of Hydra itself that a record may hold: how much is searched, and not how or where."""

MOST_DRAWN = 10**8
"""Pixels of synthetic recordings that a record may have drawn."""

_WORDS = {"ckpt_path", "resume", "start_from"}
"""Keys without a group whose values may be paths."""

_ELSEWHERE = re.compile(r"(^|[\[,'\"\s])/|\.\.|\\")
"""What takes the choice of a group, ``model=../../file``, out of the folder of configuration files."""

_TARGET = re.compile(r"_target_['\"]?\s*[:=]\s*['\"]?([\w.]*)")


def typed_trust(given: Mapping[str, str]) -> tuple[str, ...]:
    """The modules that the user trusts, from the text of ``trust=``.

    Args:
        given: values by key, as typed.

    Example:
        ``typed_trust({"trust": "[my_nets,theirs.nets]"}) == ("my_nets", "theirs.nets")``
    """
    text = given.get("trust", "null")
    return () if text == "null" else tuple(re.findall(r"[\w.]+", text))


def refuse_untrusted(record: Path, lines: Iterable[str], trust: Sequence[str] = ()) -> None:
    """Refuse a record of settings that would call or write what the user has not named.

    Args:
        record: for the message.
        lines: of the record, such as ``data.root='cells'``.
        trust: names of modules whose classes and functions a record may name.

    Raises:
        InputError: names the first line that is not replayed.
    """
    for line in lines:
        key, value = key_of(line), line.partition("=")[2]
        if "." not in key and key not in _WORDS and _ELSEWHERE.search(value):
            raise _refusal(record, line, "takes settings from a file outside of this program")
        if "_target_" in line or "_args_" in line:
            targets = _TARGET.findall(line)
            known = len(targets) == line.count("_target_") and "_args_" not in line
            modules = trusted_modules(trust) if key.split(".")[0] == "model" else trust
            if not (known and all(_is_known(target, modules) for target in targets)):
                foreign = next((advice(target) for target in targets if advice(target)), "")
                why = "names code that is not of this program, torch or Lightning"
                raise _refusal(record, line, why, foreign)
        if key == "trust":
            raise _refusal(record, line, "trusts code by name")
        if key.startswith("hydra.") and not SEARCHES.match(key):
            raise _refusal(record, line, "changes how the program is started")
        if PLACES & set(re.findall(r"\w+", key.rpartition(".")[2] + " " + _keys_in(value))):
            raise _refusal(record, line, "says where files are written")
        if key.startswith("data.drawing") and math.prod(map(int, re.findall(r"\d+", value))) > MOST_DRAWN:
            raise _refusal(record, line, "has large recordings drawn")


def _is_known(target: str, trust: Sequence[str]) -> bool:
    """Whether a record may name a class or function; of these, code outside is imported if it is trusted."""
    if target in _shipped() or CONSTRUCTORS.fullmatch(target):
        return True
    return is_trusted(module_of(target), trust) and bool(import_trusted(target, trust, "_target_"))


def _keys_in(value: str) -> str:
    """The keys of a value such as ``{folder: a, share: 0.2}``, in one text."""
    return " ".join(re.findall(r"(\w+)['\"]?\s*:", value))


def _refusal(record: Path, line: str, why: str, otherwise: str = "") -> InputError:
    return InputError(
        f"{record} holds {line}, which {why}, expected plain settings: add this line to the command if you "
        f"trust it{otherwise}"
    )


@cache
def _shipped() -> frozenset[str]:
    """All names of code in the shipped configuration files."""
    texts = (path.read_text(encoding="utf-8") for path in CONFIG.rglob("*.yaml"))
    return frozenset(target for text in texts for target in _TARGET.findall(text))
