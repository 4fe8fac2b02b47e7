"""Rows of cells written as a table, frame by frame: CSV, or Parquet where the file's ending asks for it."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Any, Protocol

from hela_seg.cells.measure import Columns
from hela_seg.system.errors import InputError, not_installed
from hela_seg.system.files import as_cell, whole_file

ENDINGS = (".csv", ".parquet")
"""File name endings that a table can have, in lower case."""

SIGNIFICANT_DIGITS = 9
"""Digits of numbers with a fraction in CSV, where 0.1 + 0.2 shall be 0.3; Parquet holds every bit."""


class CellTable(Protocol):
    """A table open for writing."""

    def write(self, cells: Columns) -> None:
        """Append the cells of a frame; every frame has the same columns.

        Raises:
            ValueError: other columns than the frames before.
        """


@contextmanager
def cell_table(path: Path) -> Iterator[CellTable]:
    """Open a table for writing, one row a cell and frame; it has its final name only when it is whole.

    CSV is UTF-8 with a header, a dot in fractions, ``true`` and ``false``, and nothing for NaN. The bytes
    follow from the cells alone. Without any frame the table is empty, and a CSV file has no header.
    ``with cell_table(Path("cells.csv")) as table: table.write(cells)``

    Raises:
        InputError: another ending than ``.csv`` or ``.parquet``, Parquet without pyarrow, or a place that
            cannot be written.
    """
    refuse_table(path)
    with whole_file(path) as unfinished:
        if path.suffix.lower() == ".csv":
            with unfinished.open("w", newline="", encoding="utf-8") as file:
                yield _Csv(file)
        else:
            table = _Parquet(unfinished)
            try:
                yield table
            finally:
                table.close()


def refuse_table(path: Path) -> None:
    """Refuse a table that could not be written, before hours of work go into its rows.

    Raises:
        InputError: the ending is not known, or it is that of Parquet and pyarrow is not installed.
    """
    ending = path.suffix.lower()
    if ending not in ENDINGS:
        raise InputError(
            f"the table {path} ends in '{path.suffix}', expected one of {', '.join(ENDINGS)}: rename it"
        )
    if ending == ".parquet" and find_spec("pyarrow") is None:
        raise not_installed(str(path), "pyarrow", "parquet", "let it end in .csv")


class _Csv:
    """A `CellTable` in a CSV file."""

    def __init__(self, file: IO[str]) -> None:
        self._writer = csv.writer(file, lineterminator="\n")
        self._names: list[str] = []

    def write(self, cells: Columns) -> None:
        """See `CellTable`."""
        if not self._names:
            self._names = list(cells)
            self._writer.writerow(map(as_cell, self._names))
        _refuse_other_columns(self._names, cells)
        columns = [map(_written, cells[name].tolist()) for name in self._names]
        self._writer.writerows(zip(*columns, strict=True))


class _Parquet:
    """A `CellTable` in a Parquet file, whose columns follow from the first frame."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._writer: Any = None

    def write(self, cells: Columns) -> None:
        """See `CellTable`."""
        import pyarrow  # an optional part
        from pyarrow import parquet

        batch = pyarrow.table(dict(cells))
        if self._writer is None:
            self._writer = parquet.ParquetWriter(self._path, batch.schema)
        _refuse_other_columns(self._writer.schema.names, cells)
        self._writer.write_table(batch)

    def close(self) -> None:
        """End the file; without any frame it holds an empty table."""
        if self._writer is None:
            self.write({})
        self._writer.close()


def _refuse_other_columns(names: list[str], cells: Columns) -> None:
    if list(cells) != list(names):
        raise ValueError(f"cells have the columns {list(cells)}, the frames before {list(names)}")


def _written(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return "" if math.isnan(value) else f"{value:.{SIGNIFICANT_DIGITS}g}"
    return str(as_cell(value))
