"""Losses and scores on disk while a run trains, and how they are cut back to where it goes on."""

from __future__ import annotations

import csv
import os
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.image import imsave
from numpy.typing import NDArray
from pytorch_lightning.loggers import Logger
from pytorch_lightning.utilities import rank_zero_only

from hela_seg.runs import run_folder
from hela_seg.system.files import whole_file

PICTURES, TENSORBOARD = "validation", "tensorboard"

WRITTEN = frozenset({run_folder.METRICS_TABLE, PICTURES, TENSORBOARD})
"""What a run writes into the folder of its logs; whatever else lies there is somebody else's."""

_FIRST = ("epoch", "step")


class CsvLog(Logger):
    """A CSV table with a row for each time that something is logged, whose columns may grow.

    It goes on with the table that it finds. A reader sees whole rows at any time.

    Args:
        path: of the table.
    """

    def __init__(self, path: str) -> None:
        super().__init__()
        self._path = Path(path)
        self._columns: list[str] | None = None

    @property
    def name(self) -> str:
        """Of the table's file."""
        return self._path.name

    @property
    def version(self) -> str:
        """Empty, because a run has a single table."""
        return ""

    @rank_zero_only
    def log_hyperparams(self, params: Any, *args: Any, **kwargs: Any) -> None:
        """Do nothing, because the run's configuration has a file of its own."""

    @rank_zero_only
    def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None:
        """Append a row; ``step`` becomes a column."""
        row = metrics | {"step": step}
        if self._columns is None:
            self._columns, _ = _read(self._path)
        if not row.keys() <= set(self._columns):
            self._columns = [*_FIRST, *sorted({*self._columns, *row} - set(_FIRST))]
            _, rows = _read(self._path)
            with whole_file(self._path) as beside, beside.open("w", newline="", encoding="utf-8") as file:
                table = csv.DictWriter(file, self._columns)
                table.writeheader()
                table.writerows(rows)
        with self._path.open("a", newline="", encoding="utf-8") as file:
            csv.DictWriter(file, self._columns).writerow(row)

    @rank_zero_only
    def log_picture(self, name: str, picture: NDArray[np.uint8], epoch: int) -> None:
        """Write a picture (H, W, 3) uint8 as a PNG file beside the table, in the folder ``validation``."""
        with whole_file(self._path.parent / PICTURES / f"epoch_{epoch:03} {name}.png") as beside:
            imsave(beside, picture, format="png")


def marks(folder: Path) -> dict[str, int]:
    """How far the files reach that a run has `WRITTEN`: lines of a CSV table, bytes of any other file.

    Tables are counted in lines because a new column makes all of them longer.
    """
    found = {path.relative_to(folder): path for path in sorted(folder.rglob("*")) if path.is_file()}
    return {name.as_posix(): _extent(path) for name, path in found.items() if name.parts[0] in WRITTEN}


def cut_back(folder: Path, to: dict[str, int]) -> None:
    """Take away what a run has `WRITTEN` below a folder since `marks` gave ``to``."""
    for name, extent in marks(folder).items():
        path = folder / name
        if name not in to:
            path.unlink()
        elif path.suffix != ".csv":
            os.truncate(path, min(to[name], extent))
        else:
            lines = path.read_bytes().splitlines(keepends=True)
            with whole_file(path) as beside:
                beside.write_bytes(b"".join(lines[: to[name]]))


def _extent(path: Path) -> int:
    return path.read_bytes().count(b"\n") if path.suffix == ".csv" else path.stat().st_size


def _read(path: Path) -> tuple[list[str], list[dict[str, str]]]:
    """Columns and rows of a table; none of either where there is no such file."""
    if not path.is_file():
        return [], []
    with path.open(newline="", encoding="utf-8") as file:
        table = csv.DictReader(file)
        return list(table.fieldnames or []), list(table)
