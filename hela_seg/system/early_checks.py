"""Numbers, words and switches held against annotations in the source, before PyTorch is imported.

Importing a class to learn its annotations imports PyTorch, which takes seconds. What stands here is a first
look at values of plain types; `hela_seg.system.settings.check_group` then checks every value.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from functools import cache
from inspect import Parameter
from pathlib import Path
from typing import Any, get_type_hints

from hela_seg.system import settings
from hela_seg.system.settings import refuse_misfit

_PACKAGE = Path(__file__).parents[1]

_FIELDS_OF = {"hela_seg.data.datamodule.TimelapseData": "hela_seg.data.settings.DataSettings"}
"""What is called with the fields of another class (`hela_seg.system.settings.called_with_fields`)."""


def refuse_early(group: Mapping[str, Any], path: str = "", target: str | None = None) -> None:
    """Hold the plain values of a group against the annotations of what takes them, at every depth.

    Args:
        group: settings as plain dicts.
        path: of the group, for messages.
        target: full name of the class or function that takes them; by default what ``_target_`` names.

    Raises:
        InputError: a value of another type, as `hela_seg.system.settings.check_group` says it.
    """
    named = str(target or group.get("_target_"))
    annotated = _annotated(_FIELDS_OF.get(named, named))
    for name, value in group.items():
        at = f"{path}.{name}" if path else name
        if isinstance(value, Mapping):
            refuse_early(value, at)
        elif name in annotated and not isinstance(value, list):
            hint, default = annotated[name]
            refuse_misfit(value, hint, at, default)


@cache
def _annotated(target: str) -> dict[str, tuple[Any, Any]]:
    """Annotation and default of the arguments whose types are Python's or of `hela_seg.system.settings`."""
    named = re.fullmatch(r"hela_seg\.([\w.]*\w)\.(\w+)", target)
    file = _PACKAGE.joinpath(*named[1].split(".")).with_suffix(".py") if named else None
    if named is None or file is None or not file.is_file():
        return {}
    found = {}
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and node.name == named[2]:
            for name, annotation, default in _arguments(node):
                stated = type("Stated", (), {"__annotations__": {name: ast.unparse(annotation)}})
                try:
                    hint = get_type_hints(stated, vars(settings), include_extras=True)[name]
                except (NameError, TypeError):  # a type that only its own module knows
                    continue
                example = default.value if isinstance(default, ast.Constant) else Parameter.empty
                found[name] = hint, example
    return found


def _arguments(node: ast.ClassDef | ast.FunctionDef) -> list[tuple[str, ast.expr, ast.expr | None]]:
    """Names, annotations and defaults: of a function's arguments, a class's, or a dataclass's fields."""
    made_by = (part for part in node.body if isinstance(part, ast.FunctionDef) and part.name == "__init__")
    function = node if isinstance(node, ast.FunctionDef) else next(made_by, None)
    if function is None:
        fields = [part for part in node.body if isinstance(part, ast.AnnAssign)]
        return [(ast.unparse(field.target), field.annotation, field.value) for field in fields]
    given = function.args
    without = len(given.args) - len(given.defaults)
    defaults = [*[None] * without, *given.defaults, *given.kw_defaults]
    pairs = zip(given.args + given.kwonlyargs, defaults, strict=True)
    return [(one.arg, one.annotation, default) for one, default in pairs if one.annotation is not None]
