"""The split and how much of it each class takes up, as a figure and as tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.ticker import PercentFormatter
from numpy.typing import NDArray

from hela_seg.data.classes import Classes
from hela_seg.data.splits.table import PARTS
from hela_seg.report.page import Drawing
from hela_seg.report.pictures.drawings import INK, panel, themed_svg
from hela_seg.report.tables import Cell, Sheet, number_cell

Pixels = Mapping[Any, NDArray[np.int64]]
"""(K,) pixels of each class, by the part that they were counted in."""

MOST_ROWS = 200
"""Rows of a table of series; the run's files have all."""


def draw_balance(pixels: Pixels, classes: Classes) -> Drawing:
    """Shares of the classes in each part, as bars of their colours."""
    parts = _in_order(pixels)
    figure, (axes,) = panel(height=0.7 + 0.45 * len(parts))
    percents = []
    for place, part in enumerate(parts):
        shares = _shares(pixels[part])
        starts = [0.0, *np.cumsum(shares)[:-1]]
        for entry, start, share in zip(classes, starts, shares, strict=True):
            axes.barh(place, share, 0.7, start, color=entry.colour, edgecolor=INK, linewidth=0.8)
        named = zip(classes.names, shares, strict=True)
        percents.append(f"{part}: {', '.join(f'{name} {100 * share:.1f} %' for name, share in named)}")
    axes.set_yticks(range(len(parts)), parts)
    axes.invert_yaxis()
    axes.set_xlim(0, 1)
    axes.xaxis.set_major_formatter(PercentFormatter(1.0))
    axes.grid(visible=False)
    caption = f"Shares of the classes by part, ignored pixels left out. {'; '.join(percents)}."
    return Drawing(themed_svg(figure), caption)


def balance_sheet(pixels: Pixels, classes: Classes) -> Sheet:
    """Pixels of each class by part."""
    rows = []
    for part in _in_order(pixels):
        shares = _shares(pixels[part])
        for entry, count, share in zip(classes, pixels[part].tolist(), shares, strict=True):
            cells = (Cell(part), Cell(entry.name, colour=entry.colour))
            rows.append((*cells, number_cell(count, ",d"), number_cell(100 * share, ".2f")))
    return Sheet("Class balance", ("Part", "Class", "Pixels", "Percent"), rows, names=2)


def split_sheet(rows: Sequence[Mapping[str, Any]]) -> Sheet:
    """Frames of each series by what they were used for, from the rows of a split."""
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
    return Sheet("Split", ("Part", "Series", "First frame", "Last frame", "Frames"), cells, 2, notes)


def parts_sheet(rows: Sequence[Mapping[str, Any]]) -> Sheet:
    """How many series and frames each part has; see `split_sheet`."""
    cells = []
    for part in PARTS:
        of_part = [row for row in rows if row["part"] == part]
        frames = sum(int(row["stop"]) - int(row["start"]) for row in of_part)
        series = len({row["series"] for row in of_part})
        cells.append((Cell(part), number_cell(series, ",d"), number_cell(frames, ",d")))
    return Sheet("Parts", ("Part", "Series", "Frames"), cells)


def _in_order(pixels: Pixels) -> list[str]:
    """The parts, train first."""
    return sorted(pixels, key=lambda part: list(PARTS).index(part) if part in PARTS else len(PARTS))


def _shares(pixels: NDArray[np.int64]) -> NDArray[np.float64]:
    return np.asarray(pixels / max(int(pixels.sum()), 1), np.float64)
