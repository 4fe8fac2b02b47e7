"""Code outside of this package, which is imported only where the user names its module."""

from __future__ import annotations

import re
from collections.abc import Sequence
from importlib import import_module
from typing import Any

from hela_seg.system.errors import InputError

Trust = str | Sequence[str] | None
"""Modules as ``trust=`` takes them: one, a list of them, or none."""


ENTRY_POINTS = "hela_seg.nets"
"""The group of entry points by which an installed package says that its nets may be used."""


def modules_of(trust: Trust) -> tuple[str, ...]:
    """The names of trusted modules."""
    if trust is None:
        return ()
    return (trust,) if isinstance(trust, str) else tuple(trust)


def module_of(target: str) -> str:
    """The module that the full name of a class or function names.

    Example:
        ``module_of("my_nets.unet.MyNet") == "my_nets.unet"``
    """
    return target.rpartition(".")[0]


def is_trusted(module: str, trust: Sequence[str]) -> bool:
    """Whether a module is one of those that are trusted, or lies inside of one; nothing is imported."""
    return any(module == name or module.startswith(f"{name}.") for name in trust if name)


def trusted_modules(trust: Sequence[str] = ()) -> tuple[str, ...]:
    """Modules whose nets may be used: those that the user names, and those that installed packages name.

    An installed package names a module as an entry point of the group ``hela_seg.nets``. None is imported.
    """
    from importlib.metadata import entry_points  # here, because it takes longer than all of `import hela_seg`

    return (*trust, *(entry.module for entry in entry_points(group=ENTRY_POINTS)))


def advice(target: str) -> str:
    """What to do where the module of a class is not trusted; empty where there is no such module to trust."""
    module = module_of(target)
    if module.split(".")[0] == "hela_seg" or not re.fullmatch(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*", module):
        return ""
    return (
        f": the module {module} is no part of hela_seg and is not imported; add trust={module} if you trust "
        "its code"
    )


def import_trusted(target: str, trust: Sequence[str], setting: str) -> Any:
    """A class or function outside of this package.

    It has to be defined in a trusted module: what such a module imports from elsewhere is not trusted too.

    Args:
        target: its full name.
        trust: names of trusted modules.
        setting: that names it, for messages.

    Raises:
        InputError: its module is not trusted, and then nothing was imported; or it cannot be imported.
    """
    module, _, name = target.rpartition(".")
    if not is_trusted(module, trust):
        raise InputError(f"{setting} is '{target}', expected code that is trusted by name{advice(target)}")
    try:
        found = getattr(import_module(module), name)
    except Exception as error:  # whatever runs while a module is imported
        raise InputError(
            f"{setting} is '{target}', which cannot be imported ({type(error).__name__}: {error}): the "
            "folder that holds it has to be the working folder of python -m, or in PYTHONPATH"
        ) from error
    defined = str(getattr(found, "__module__", None))
    if not is_trusted(defined, trust):
        raise InputError(
            f"{setting} is '{target}', which is defined in {defined}, expected a class or function of a "
            f"trusted module: name it by the module that defines it{advice(f'{defined}.{name}')}"
        )
    return found
