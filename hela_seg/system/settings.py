"""Settings, as plain dicts -> frozen, typed objects; what does not fit its type is refused in one line.

The types are those of dataclasses and of constructors' arguments: an annotation says what a value may be, and
pydantic holds it against the value as JSON has it, so that neither ``true`` nor ``"4"`` is a number.
"""

from __future__ import annotations

import inspect
import json
import types
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, is_dataclass
from functools import cache, wraps
from pkgutil import resolve_name
from typing import (
    Annotated,
    Any,
    Concatenate,
    Literal,
    ParamSpec,
    TypeVar,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

from annotated_types import Ge, Gt, Le, Lt, Predicate
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf
from pydantic import ConfigDict, PydanticSchemaGenerationError, TypeAdapter, ValidationError

from hela_seg.system.errors import InputError

T = TypeVar("T")
P = ParamSpec("P")

Group = Mapping[str, Any]
"""Settings of a configuration group; ``_target_`` names what they are the arguments of."""


@dataclass(frozen=True)
class Expected:
    """Part of an annotation: what belongs in a value's place, in words."""

    words: str


Count = Annotated[int, Ge(1), Expected("a whole number of 1 or more")]
NonNegative = Annotated[int, Ge(0), Expected("a whole number of 0 or more")]
Seed = Annotated[int, Ge(0), Le(2**32 - 1), Expected(f"a whole number from 0 to {2**32 - 1}")]
"""Of all that is random: the numbers that NumPy takes."""

Positive = Annotated[float, Gt(0), Lt(float("inf")), Expected("a number above 0")]

Length = Annotated[
    int, Predicate(lambda number: number == -1 or number >= 1), Expected("a whole number of 1 or more")
]
"""How long a run is, in epochs or steps; -1 stands for any number of them."""

Share = Annotated[float, Ge(0), Le(1), Expected("a number from 0 to 1")]

_WORDS = {int: "a whole number", float: "a number", bool: "true or false", str: "a word", type(None): "null"}
_TARGET, _OWN_OF_HYDRA = "_target_", {"_target_", "_partial_", "_convert_", "_recursive_"}


def to_plain(config: Any) -> dict[str, Any]:
    """A configuration as dicts, lists and primitives, with every reference to another setting resolved."""
    if isinstance(config, DictConfig):
        plain: dict[str, Any] = OmegaConf.to_container(config, resolve=True)  # type: ignore[assignment]
        return plain
    return dict(config)


def checked(schema: type[T], given: Mapping[str, Any] | None, path: str = "") -> T:
    """An object of a frozen dataclass, from settings that fit its fields.

    Args:
        schema: the dataclass.
        given: settings by name; None for the defaults.
        path: of the group, such as ``data.split``, for messages.

    Raises:
        InputError: an unknown or missing key, or a value of another type; the first of them is named.
    """
    return schema(**fitting_arguments(schema, to_plain(given or {}), path))


def build(group: Group, path: str, **further: Any) -> Any:
    """The object that a group describes, with lists as lists and not as Hydra's.

    Args:
        group: its settings.
        path: of the group, for messages.
        further: arguments that are no settings.

    Raises:
        InputError: see `check_group`.
    """
    check_group(group, path, complete=True, further=further)
    return instantiate(dict(group), _convert_="all", **further)


def check_group(
    group: Mapping[str, Any], path: str, *, complete: bool = False, further: Collection[str] = ()
) -> None:
    """Hold the settings of a group against the arguments of what its ``_target_`` names, at every depth.

    Args:
        group: its settings.
        path: of the group, for messages.
        complete: no arguments follow from elsewhere, such as a net's channels from the data, so that those
            without a default have to be there.
        further: names of arguments that come beside the settings.

    Raises:
        InputError: see `checked`; or a ``_target_`` that cannot be imported.
    """
    if _TARGET in group:
        target, partial = _import(group[_TARGET], path), bool(group.get("_partial_"))
        given = {key: value for key, value in group.items() if key not in _OWN_OF_HYDRA}
        fitting_arguments(target, given, path, partial=partial or not complete, further=further)
    for key, value in group.items():
        if isinstance(value, Mapping):
            check_group(value, f"{path}.{key}")


def fitting_arguments(
    target: Callable[..., Any],
    given: Mapping[str, Any],
    path: str,
    *,
    partial: bool = False,
    further: Collection[str] = (),
) -> dict[str, Any]:
    """Settings made sure to be arguments of a class or function, nested dataclasses made.

    Args:
        target: the class or function.
        given: arguments by name.
        path: of the group, for messages.
        partial: whether further arguments come from elsewhere, so that none is missing.
        further: names of such arguments, where they are known.

    Raises:
        InputError: see `checked`.
    """
    parameters, hints = signature_of(target)
    takes_any = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    known = {name: p for name, p in parameters.items() if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)}
    unknown = sorted(str(key) for key in given if key not in known)
    if unknown and not takes_any:
        raise InputError(
            f"{path or 'the command'} has the unknown key(s) {', '.join(unknown)}, expected some of "
            f"{', '.join(known)}: correct or remove them"
        )
    missing = [name for name, p in known.items() if p.default is p.empty and name not in {*given, *further}]
    if missing and not partial:
        needed = " and ".join(_at(path, name) for name in missing)
        are = "is" if len(missing) == 1 else "are"
        raise InputError(f"{needed} {are} not given, expected a value: add it")
    return {
        name: _fitting(value, hints.get(name, Any), _at(path, name), known.get(name))
        for name, value in given.items()
    }


def refuse_misfit(value: Any, hint: Any, path: str, default: Any = None) -> None:
    """Hold a value against an annotation, as JSON has it.

    Args:
        value: as set; an object that JSON does not know passes.
        hint: the annotation; types of others that only type checkers know pass.
        path: of the setting, for the message.
        default: of the setting, as an example of what is expected.

    Raises:
        InputError: it is of another type.
    """
    try:
        as_json = json.dumps(value)
    except (TypeError, ValueError):  # an object that a caller made
        return
    try:
        _adapter(hint).validate_json(as_json, strict=True)
    except ValidationError:
        found = f"'{value}'" if isinstance(value, str) else as_json if value in (None, True, False) else value
        raise InputError(f"{path} is {found}, expected {_expected(hint, default)}") from None
    except PydanticSchemaGenerationError:
        pass


def validated(path: str) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """Decorator: the arguments of every call fit the annotations; ``path`` stands before their names."""

    def decorate(function: Callable[P, T]) -> Callable[P, T]:
        @wraps(function)
        def call(*args: P.args, **kwargs: P.kwargs) -> T:
            bound = inspect.signature(function).bind(*args, **kwargs)
            own = {name: value for name, value in bound.arguments.items() if name != "self"}
            bound.arguments |= fitting_arguments(function, own, path, partial=True)
            return function(*bound.args, **bound.kwargs)

        return call

    return decorate


def called_with_fields(
    schema: Callable[P, T], path: str
) -> Callable[[Callable[[Any, T], None]], Callable[Concatenate[Any, P], None]]:
    """Decorator of an ``__init__`` that takes settings: callers give the fields of their dataclass.

    Args:
        schema: the dataclass, whose signature the ``__init__`` then has.
        path: stands before the fields' names in messages.
    """

    def decorate(initialise: Callable[[Any, T], None]) -> Callable[Concatenate[Any, P], None]:
        """The ``__init__`` as callers see it."""

        @wraps(schema.__init__)
        def call(self: Any, /, *args: P.args, **kwargs: P.kwargs) -> None:
            """Make the settings and hand them over."""
            given = inspect.signature(schema).bind_partial(*args).arguments | kwargs
            initialise(self, checked(schema, given, path))  # type: ignore[arg-type]

        return call

    return decorate


def flatten(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Settings by the paths under which they are typed.

    Args:
        tree: groups of settings, nested at any depth.
        prefix: stands before every path.

    Example:
        ``flatten({"model": {"width": 64}, "search": {}}) == {"model.width": 64, "search": {}}``
    """
    found: dict[str, Any] = {}
    for key, value in tree.items():
        nested = isinstance(value, Mapping) and value
        found |= flatten(value, f"{prefix}{key}.") if nested else {f"{prefix}{key}": value}
    return found


def _at(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _import(target: Any, path: str) -> Callable[..., Any]:
    try:
        found: Callable[..., Any] = resolve_name(str(target))
    except (ImportError, AttributeError, ValueError) as error:
        raise InputError(
            f"{path}._target_ is '{target}', expected the full name of a class that can be imported ({error})"
        ) from None
    return found


@cache
def signature_of(target: Callable[..., Any]) -> tuple[Mapping[str, inspect.Parameter], dict[str, Any]]:
    """The parameters of a class or function, and the annotations of those that have some."""
    parameters = dict(inspect.signature(target).parameters)
    parameters.pop("self", None)
    annotated: Any = target if is_dataclass(target) or not inspect.isclass(target) else target.__init__
    try:
        return parameters, get_type_hints(annotated, include_extras=True)
    except (NameError, TypeError):  # annotations of others that mean something to type checkers alone
        return parameters, {}


def _fitting(value: Any, hint: Any, path: str, parameter: inspect.Parameter | None) -> Any:
    schema = next((kind for kind in _kinds(hint) if is_dataclass(kind)), None)
    if schema is not None and isinstance(value, Mapping):
        return checked(schema, value, path)  # type: ignore[arg-type]
    is_object = schema is not None and isinstance(value, schema)  # type: ignore[arg-type]
    to_be_built = isinstance(value, Mapping) and _TARGET in value  # of whatever class
    if not (is_object or to_be_built):
        refuse_misfit(value, hint, path, None if parameter is None else parameter.default)
    return value


@cache
def _adapter(hint: Any) -> TypeAdapter[Any]:
    return TypeAdapter(hint, config=ConfigDict(arbitrary_types_allowed=True))


def _kinds(hint: Any) -> tuple[Any, ...]:
    """The types that an annotation is made of, a union taken apart."""
    return get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)


def _expected(hint: Any, default: Any) -> str:
    """What belongs in a value's place, in words, with the default as an example."""
    *others, last = words = words_of(hint) or ["another value"]
    is_example = isinstance(default, int | float | str) and not isinstance(default, bool) and default != ""
    example = f", such as {default}" if is_example and str(default) not in words else ""
    return " or ".join(filter(None, [", ".join(others), last])) + example


def words_of(hint: Any) -> list[str]:
    """What an annotation takes, in words: one entry for each type of a union that words are known for."""
    return list(dict.fromkeys(word for kind in _kinds(hint) for word in _words(kind)))


def _words(kind: Any) -> list[str]:
    if get_origin(kind) is Annotated:
        said = next((part.words for part in get_args(kind)[1:] if isinstance(part, Expected)), None)
        return _words(get_args(kind)[0]) if said is None else [said]
    if get_origin(kind) is Literal:
        return [str(value) for value in get_args(kind)]
    if is_dataclass(kind) or get_origin(kind) in (Mapping, dict):
        return ["settings of its own"]
    if get_origin(kind) in (Sequence, list, tuple):
        return ["a list in brackets"]
    return [_WORDS[kind]] if kind in _WORDS else []
