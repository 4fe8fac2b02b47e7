"""Settings by their paths, and those that a user typed held against those that are shipped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from numbers import Integral
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from hela_seg.system.errors import InputError, join_names

NAMES_OR_NUMBERS = ("data.split.", "trainer.devices")
"""Beginnings of keys that take names or lists where a number is shipped."""

NULL_OR_NUMBERS = ("callbacks.last.every_minutes",)
"""Keys that take null where a number is shipped."""


def flatten(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Settings by the paths under which they are typed.

    Args:
        tree: groups of settings, nested at any depth.
        prefix: stands before every path.

    Example:
        ``by_path({"model": {"width": 64}, "search": {}}) == {"model.width": 64, "search": {}}``
    """
    found: dict[str, Any] = {}
    for key, value in tree.items():
        nested = isinstance(value, Mapping) and value
        found |= flatten(value, f"{prefix}{key}.") if nested else {f"{prefix}{key}": value}
    return found


def refuse_counts(group: str, given: Mapping[str, Any], least: int = 1) -> None:
    """Refuse settings that are no whole numbers, or too low; None passes.

    Args:
        group: for the message, such as ``data``.
        given: the settings by name.
        least: lowest that passes.

    Raises:
        InputError: names the first that does not pass.
    """
    for name, value in given.items():
        if value is not None and (not isinstance(value, Integral) or value < least):
            raise InputError(f"{group}.{name} is {value}, expected a whole number of {least} or more")


def refuse_unfit(config: DictConfig, typed: Sequence[str], main: Path, choices: Mapping[str, Any]) -> None:
    """Refuse what is of another kind than a setting's default, before it fails as a comparison of two types.

    Words, lists and null are refused where a number belongs, null where a text does, and a single value where
    settings do.

    Args:
        config: as composed.
        typed: settings of the command line, such as ``optimizer.lr=fast``.
        main: the command's YAML file, beside the folders of its groups.
        choices: by group, as Hydra keeps them: ``{"model": "unet"}``.

    Raises:
        InputError: names the first such setting.
    """
    for key in (setting.partition("=")[0].lstrip("+") for setting in typed if not setting.startswith("~")):
        if key.startswith("hydra"):
            continue
        value, group = OmegaConf.select(config, key), key.partition(".")[0]
        chosen = main.parent / group / f"{choices.get(group)}.yaml"
        expected = _expected(key, value, _shipped(chosen if chosen.is_file() else main, key))
        if expected is not None:
            found = "null" if value is None else f"'{value}'"
            raise InputError(f"{key} is {found}, expected {expected}")


def _expected(key: str, value: Any, shipped: Any) -> str | None:
    """What belongs in a value's place, in words; None where it will do."""
    if isinstance(shipped, int | float) and not isinstance(shipped, bool):
        may_be_names = key.startswith(NAMES_OR_NUMBERS) and value is not None
        may_be_null = key in NULL_OR_NUMBERS and value is None
        fits = isinstance(value, int | float) or may_be_names or may_be_null
        return None if fits else f"a number such as {shipped}"
    if isinstance(shipped, str) and value is None and not shipped.startswith(("${", "???")):
        return f"a word such as {shipped}"
    if isinstance(shipped, Mapping) and not (value is None or isinstance(value, Mapping)):
        names = join_names([f"{key}.{name}" for name in shipped if not str(name).startswith("_")])
        return f"null or its settings: set {names}"
    return None


@cache
def _written(path: Path) -> Any:
    """A file as it is written: by itself, one of a group cannot tell what it refers to."""
    return OmegaConf.to_container(OmegaConf.load(path), resolve=False)


def _at(tree: Any, key: str) -> Any:
    """What stands under a path such as ``data.tile``; None where nothing does."""
    for name in key.split("."):
        tree = tree.get(name) if isinstance(tree, Mapping) else None
    return tree


def _shipped(path: Path, key: str) -> Any:
    """What a file has for a key, which it holds in full, or without the name of its group.

    A file of a group that begins with others of its group, as ``trainer/cpu.yaml`` with ``auto``, has what
    these have.
    """
    tree = _written(path)
    whole = _at(tree, key)
    found = _at(tree, key.partition(".")[2]) if whole is None else whole
    if found is not None:
        return found
    others = [entry for entry in tree.get("defaults", []) if isinstance(entry, str) and entry != "_self_"]
    held = (_shipped(path.with_name(f"{name}.yaml"), key) for name in others)
    return next((value for value in held if value is not None), None)
