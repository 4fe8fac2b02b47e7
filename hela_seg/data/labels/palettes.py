"""Masks with colour tables, of which each file may have another: the same value must mean the same in all."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hela_seg.data.stacks import Series
from hela_seg.system.errors import InputError

_Tables = Iterator[tuple[Series, int, NDArray[np.uint8]]]


def refuse_unlike_palettes(masks: Iterable[Series]) -> None:
    """Refuse masks that show one value in different colours, or one colour at different values.

    Programs that save pictures with a colour table number the colours that occur in each file, so that a file
    without round cells may have the value of round cells for spread ones. Only values that occur are
    compared, and no pixels are read where all tables agree.

    Args:
        masks: whose values stand for classes; those without a colour table are passed over.

    Raises:
        InputError: two such frames, with their files, colours and values.
    """
    tables = [found for mask in masks for found in _tables_of(mask)]
    if not _agree(table for _, _, table in tables):
        _refuse_used(tables)


def _tables_of(mask: Series) -> _Tables:
    for t in range(mask.shape[0]):
        table = mask.colour_table(t)
        if table is None:
            return  # the frames of one series are all of one kind
        yield mask, t, table


def _agree(tables: Iterable[NDArray[np.uint8]]) -> bool:
    known = np.empty((0, 3), np.uint8)
    for table in tables:
        both = min(len(known), len(table))
        if not np.array_equal(known[:both], table[:both]):
            return False
        known = max(known, table, key=len)
    return True


def _refuse_used(tables: Iterable[tuple[Series, int, NDArray[np.uint8]]]) -> None:
    colours: dict[int, tuple[str, Path]] = {}
    values: dict[str, tuple[int, Path]] = {}
    for mask, t, table in tables:
        path = mask.path_of(t)
        for value in np.unique(mask.frame(t)).tolist():
            if value >= len(table):
                continue  # has no colour
            colour = _named(table[value])
            shown, elsewhere = colours.setdefault(value, (colour, path))
            if shown != colour:
                raise _unlike(path, f"the value {value} in {colour}", elsewhere, f"in {shown}")
            used, elsewhere = values.setdefault(colour, (value, path))
            if used != value and elsewhere != path:
                raise _unlike(path, f"{colour} for the value {value}", elsewhere, f"for {used}")


def _named(colour: NDArray[Any]) -> str:
    return "#" + "".join(f"{part:02x}" for part in colour.tolist())


def _unlike(path: Path, shown: str, other: Path, otherwise: str) -> InputError:
    return InputError(
        f"{path} shows {shown} and {other} {otherwise}, expected one colour table in all masks: set "
        "data.labels.kind=colours if the colours are right, or save the masks as grey images of their values"
    )
