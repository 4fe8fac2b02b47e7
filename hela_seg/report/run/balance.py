"""The split and how much of it each class takes up, as tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hela_seg.data.classes import Classes
from hela_seg.data.splits.table import PARTS
from hela_seg.report.tables import Cell, Sheet, counted, number_cell

Pixels = Mapping[Any, NDArray[np.int64]]
"""(K,) pixels of each class, by the part that they were counted in."""

MOST_ROWS = 200
"""Rows of a table of series; the run's files have all."""


def balance_sheet(pixels: Pixels, classes: Classes) -> Sheet:
    """Pixels of each class, and their percent, in each part."""
    parts = [part for part in PARTS if part in pixels]
    rows = []
    for entry in classes:
        cells = [Cell(entry.name, colour=entry.colour)]
        for part in parts:
            count, total = int(pixels[part][entry.index]), int(pixels[part].sum())
            cells += [number_cell(count, ",d"), number_cell(100 * count / max(total, 1), ".2f")]
        rows.append(tuple(cells))
    headings = [heading for part in parts for heading in (f"{part}, pixels", "%")]
    return Sheet("Class balance, ignored pixels left out", ("Class", *headings), rows)


def split_sheet(rows: Sequence[Mapping[str, Any]]) -> Sheet:
    """Frames of each series by what they were used for, from the rows of a split; the title sums them up."""
    cells = [
        (
            Cell(str(row["part"])),
            Cell(str(row["series"])),
            number_cell(int(row["start"]), "d"),
            number_cell(int(row["stop"]) - 1, "d"),
            number_cell(int(row["stop"]) - int(row["start"]), "d"),
        )
        for row in rows[:MOST_ROWS]
    ]
    left = len(rows) - MOST_ROWS
    notes = (f"And {left} more rows, see split.csv.",) if left > 0 else ()
    summed = []
    for part in PARTS:
        own = [row for row in rows if row["part"] == part]
        frames = sum(int(row["stop"]) - int(row["start"]) for row in own)
        summed.append(f"{counted(frames, 'frame')} of {len({row['series'] for row in own})} series {part}")
    headings = ("Part", "Series", "First frame", "Last frame", "Frames")
    return Sheet(f"Split: {', '.join(summed)}", headings, cells, 2, notes)
