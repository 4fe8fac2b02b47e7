"""The masks in Cellpose's ``_seg.npy``, whose pickle is parsed as data: nothing in it is imported or run.

NumPy saves the dictionary of Cellpose's window as a pickle, a list of instructions for a small machine with a
stack. Here those that make numbers, texts, lists and dictionaries are followed; calls and classes remain
records of what they would have been, and an array is made out of such a record's own bytes.
"""

from __future__ import annotations

import math
import pickletools
import re
from dataclasses import dataclass
from typing import Any

import numpy as np

from hela_seg.data.stacks.series import Pixels

_VALUES = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_IGNORED = {"PROTO", "FRAME"}
_EMPTY: dict[str, type[Any]] = {"EMPTY_DICT": dict, "EMPTY_LIST": list, "EMPTY_TUPLE": tuple}
_SHORT_TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
_GATHERING = {"TUPLE", "APPENDS", "SETITEMS"}


@dataclass
class _Record:
    """What a pickle would import (a name), call (a name and arguments) or restore (with a state)."""

    name: Any
    arguments: Any = ()
    state: Any = None


def masks_of(pickled: bytes) -> Pixels:
    """The array ``masks`` of the pickled dictionary.

    Args:
        pickled: the file's content after its header.

    Returns:
        (H, W) or (Z, H, W) of whole numbers: 0 and the ids of cells.

    Raises:
        ValueError, LookupError, TypeError, AttributeError: it is no such dictionary, or is damaged.
    """
    (content,) = _parse(pickled).state[4]
    _, shape, dtype, by_columns, pixels = content["masks"].state
    kind = f"{dtype.state[1]}{dtype.arguments[0]}"
    if not re.fullmatch("[<>|][bui][1248]", kind) or math.prod(shape) * int(kind[-1]) != len(pixels):
        raise ValueError(f"masks are {shape} numbers of {kind} in {len(pixels)} bytes")
    return np.frombuffer(pixels, kind).reshape(shape, order="F" if by_columns else "C")


def _parse(pickled: bytes) -> Any:
    """Follow the instructions of a pickle that make data."""
    stack: list[Any] = []
    marks: list[int] = []
    memo: dict[Any, Any] = {}
    for instruction, argument, _ in pickletools.genops(pickled):
        name = instruction.name
        above = [stack.pop() for _ in range(len(stack) - marks.pop())][::-1] if name in _GATHERING else []
        if name in _IGNORED:
            continue
        if name in _VALUES or name in _EMPTY:
            stack.append(_EMPTY[name]() if name in _EMPTY else _VALUES[name])
        elif name == "MARK":
            marks.append(len(stack))
        elif name in ("MEMOIZE", "BINPUT", "LONG_BINPUT"):
            memo[len(memo) if argument is None else argument] = stack[-1]
        elif name in ("BINGET", "LONG_BINGET"):
            stack.append(memo[argument])
        elif name == "TUPLE":
            stack.append(tuple(above))
        elif name in _SHORT_TUPLES:
            stack[-_SHORT_TUPLES[name] :] = [tuple(stack[-_SHORT_TUPLES[name] :])]
        elif name in ("APPEND", "APPENDS"):
            items = above or [stack.pop()]
            stack[-1].extend(items)
        elif name in ("SETITEM", "SETITEMS"):
            pairs = above or [stack.pop() for _ in range(2)][::-1]
            named = zip(pairs[::2], pairs[1::2], strict=True)
            stack[-1].update({key: value for key, value in named if isinstance(key, str)})
        elif name == "GLOBAL":
            stack.append(_Record(argument))
        elif name in ("STACK_GLOBAL", "REDUCE", "NEWOBJ"):
            second, first = stack.pop(), stack.pop()
            stack.append(_Record(first, second))
        elif name == "BUILD":
            state = stack.pop()
            stack[-1].state = state
        elif name == "STOP":
            return stack.pop()
        elif argument is not None:
            stack.append(argument)
        else:
            raise ValueError(f"instruction {name} makes no data")
    raise ValueError("the pickle ends early")
