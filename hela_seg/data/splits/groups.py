"""Series that belong together, such as those of one plate or one day, as a table of the user's says."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hela_seg.data.splits.table import quoted, read_rows
from hela_seg.system.errors import InputError

SERIES_COLUMN = "series"
"""Heading of the column with the series' names."""


def read_groups(path: Path, column: str, names: Sequence[str]) -> list[str]:
    """The group of each series: its cell in one column of a CSV table.

    Args:
        path: the table; its first row has the headings, ``series`` among them. Rows of other series are left
            aside.
        column: heading of the column that says which series belong together.
        names: names of the series.

    Returns:
        The group of each name, in the order of ``names``.

    Raises:
        InputError: the table cannot be read, lacks a column, or has no or two rows for a series, or an empty
            cell.

    Example:
        ``series,plate`` / ``a,P1`` / ``b,P2`` / ``c,P1`` gives ``["P1", "P2", "P1"]`` for ``plate``.
    """
    header, *rows = read_rows(path) or [[]]
    for needed in (SERIES_COLUMN, column):
        if header.count(needed) != 1:
            raise InputError(
                f"{path} has the columns {quoted(header) or 'none'}, expected one called '{needed}': correct "
                "its first row or data.split.column"
            )
    place, group_place = header.index(SERIES_COLUMN), header.index(column)
    group_of: dict[str, str] = {}
    for number, row in enumerate(rows, start=1):
        if len(row) != len(header) or not row[group_place].strip():
            raise InputError(
                f"{path}, row {number} is '{','.join(row)}', expected {len(header)} cells and a '{column}' "
                "among them"
            )
        if row[place] in group_of:
            raise InputError(
                f"{path}, row {number} is a second one for '{row[place]}', expected one a series"
            )
        group_of[row[place]] = row[group_place].strip()
    missing = [name for name in names if name not in group_of]
    if missing:
        raise InputError(
            f"{path} has no row for the series {quoted(missing)}, expected one for each: add them"
        )
    return [group_of[name] for name in names]
