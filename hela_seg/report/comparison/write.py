"""Comparisons as files and on the terminal: CSV, Markdown, LaTeX, one HTML page."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from hela_seg.comparison import Comparison, NetRow, Published
from hela_seg.comparison.nets import what_numbers_mean
from hela_seg.comparison.published import SOURCE, STEP_IMAGES, STEP_SIDE
from hela_seg.comparison.quality import SPLIT_SETTINGS
from hela_seg.data.classes import Classes
from hela_seg.report.comparison.intervals import draw_differences, draw_nets
from hela_seg.report.comparison.latex import latex
from hela_seg.report.comparison.sheets import Sheet, published_beside, sheets_of
from hela_seg.report.page import Page, Section
from hela_seg.report.tables import NARROWEST, plain_table, print_plain
from hela_seg.system.files import whole_file, write_table

ROWS_SHOWN, NOTES_SHOWN = 40, 12
"""Most rows of a sheet, and most notes below it, in print; the files have all."""

PAIR_COLUMNS = ("table", "first", "second", "p", "p_holm", "difference", "low", "high", "conclusion")

LINES_OF_HEADINGS = 3
"""An empty one, the headings and the rule below them."""


def write_comparison(
    folder: Path, comparisons: Sequence[Comparison], warnings: Sequence[str]
) -> dict[str, object]:
    """Write all files of a comparison; each appears whole or not at all.

    Args:
        folder: where they go.
        comparisons: one a table.
        warnings: what stands above all tables.

    Returns:
        What each file is, and where.

    Raises:
        InputError: one cannot be written.
    """
    tables, pairs = folder / "comparison.csv", folder / "pairs.csv"
    write_table(tables, [row for number, one in enumerate(comparisons, 1) for row in _csv_rows(number, one)])
    paired = [row for number, one in enumerate(comparisons, 1) for row in _pair_rows(number, one)]
    write_table(pairs, paired, PAIR_COLUMNS)
    written: dict[str, object] = {"table": tables, "pairs": pairs}
    for what, ending, render in (
        ("Markdown", "md", markdown),
        ("LaTeX", "tex", latex),
        ("page", "html", html),
    ):
        path = folder / f"comparison.{ending}"
        with whole_file(path) as part:
            part.write_text(render(comparisons, warnings), encoding="utf-8")
        written[what] = path
    return written


def print_comparison(comparison: Comparison, console: Console | None = None) -> None:
    """Print all sheets of a comparison and its notes.

    Args:
        comparison: of one table.
        console: where to print; standard output by default.
    """
    console = console or Console()
    for sheet in sheets_of(comparison):
        print_plain(Text(sheet.title, style="bold"), console)
        _print_table(sheet, console)
        _print_rest(len(sheet.rows) - ROWS_SHOWN, "rows", console)
        _print_notes(sheet.notes, console)
    _print_notes(comparison.notes, console)


def _print_table(sheet: Sheet, console: Console) -> None:
    """Print the first rows of a sheet; names that are too long to stand beside their numbers stand above."""
    table = plain_table(list(sheet.headings[: sheet.names]), list(sheet.headings[sheet.names :]), console)
    table.padding = (0, 1, 0, 0)
    for column in table.columns:
        column.no_wrap = True  # a row must be one line, below the name that belongs to it
    width = max(console.width, NARROWEST)
    rows = [[" ".join(cell.text.split()) for cell in row] for row in sheet.rows[:ROWS_SHOWN]]
    room = _room_for_names(sheet, rows, width)
    above = []
    for row in rows:
        names, numbers = row[: sheet.names], row[sheet.names :]
        fit = max(map(cell_len, names)) <= room
        table.add_row(*map(Text, names if fit else [""] * len(names)), *map(Text, numbers))
        # of a pair of nets the second one is subtracted
        above.append("" if fit else f" {' − '.join(names)}")
    lines = console.render_lines(table, console.options.update(width=width))
    for name, line in zip([*[""] * LINES_OF_HEADINGS, *above, ""], lines, strict=True):
        if name:
            print_plain(Text(name), console)
        print_plain(Text.assemble(*((part.text, part.style or "") for part in line)), console)


def _room_for_names(sheet: Sheet, rows: Sequence[Sequence[str]], width: int) -> int:
    """Characters of each column of names in a table of that width, whose columns are two characters apart."""
    columns = list(zip(sheet.headings, *rows, strict=True))[sheet.names :]
    taken = 1 + sum(max(map(cell_len, column)) + 2 for column in columns)
    return (width - taken) // sheet.names - 2


def _print_rest(count: int, what: str, console: Console) -> None:
    if count > 0:
        console.print(f"and {count} more {what}, see the files", highlight=False)


def _print_notes(notes: Sequence[str], console: Console) -> None:
    for note in notes[:NOTES_SHOWN]:
        console.print(Text(note), highlight=False, width=min(console.width, 110))
    _print_rest(len(notes) - NOTES_SHOWN, "sentences", console)
    if notes:
        console.print()


def markdown(comparisons: Sequence[Comparison], warnings: Sequence[str]) -> str:
    """The sheets as Markdown tables."""
    parts = ["# Comparison of nets", *(f"**Note:** {warning}" for warning in warnings)]
    for comparison in comparisons:
        for sheet in sheets_of(comparison):
            parts += [f"## {sheet.title}", "\n".join(_markdown_table(sheet)), _bullets(sheet.notes)]
        parts.append(_bullets(comparison.notes))
    return "\n\n".join(filter(None, parts)) + "\n"


def _bullets(notes: Sequence[str]) -> str:
    return "\n".join(f"- {note}" for note in notes)


def _markdown_table(sheet: Sheet) -> Iterator[str]:
    aligned = ["---" if place < sheet.names else "---:" for place in range(len(sheet.headings))]
    texts = [list(sheet.headings), aligned, *([cell.text for cell in row] for row in sheet.rows)]
    for row in texts:
        yield f"| {' | '.join(text.replace('|', chr(92) + '|') for text in row)} |"


def html(comparisons: Sequence[Comparison], warnings: Sequence[str]) -> str:
    """One page that needs no other file and no network: light and dark, its tables sorted at a click."""
    many = len(comparisons) > 1
    sections = [
        Section(
            f"Table {place}" if many else "",
            drawings=(draw_nets(one), *([draw_differences(one.pairs)] if one.pairs else [])),
            sheets=tuple(sheets_of(one)),
            notes=tuple(one.notes),
        )
        for place, one in enumerate(comparisons, 1)
    ]
    return Page("Comparison of nets", tuple(sections), warnings=tuple(warnings)).html


def _csv_rows(number: int, comparison: Comparison) -> Iterator[dict[str, Any]]:
    settings = what_numbers_mean([run for row in comparison.rows for run in row.runs])
    for row in comparison.rows:
        yield {
            "table": number,
            "net": row.name,
            **({"settings": settings.get(row.name)} if settings else {}),
            "source": "own",
            **_figures(row, comparison),
            **_quality(row),
            **_costs(row),
        }
    for kind, paper in published_beside(comparison):
        published = _published(paper, comparison.classes)
        yield {"table": number, "net": kind, "source": f"published: {SOURCE}", **published}


def _published(paper: Published, classes: Classes) -> dict[str, float]:
    by_class = {
        f"{entry.name} {measure}": value
        for entry in classes
        for measure, value in paper.of_class(entry.name).items()
    }
    return {
        **{f"mean {measure}": value for measure, value in paper.scores.items()},
        **by_class,
        "parameters": paper.parameters,
        "batch_size": STEP_IMAGES,
        "step_ms": paper.step_ms,
        "tile_height": STEP_SIDE,
        "tile_width": STEP_SIDE,
    }


def _figures(row: NetRow, comparison: Comparison) -> dict[str, float | None]:
    found: dict[str, float | None] = {}
    for measure, mean in row.means.items():
        of_classes = zip(comparison.classes.names, row.by_class[measure], strict=True)
        for name, figure in [("mean", mean), *of_classes]:
            interval = figure.interval
            found[f"{name} {measure}"] = interval.value
            found[f"{name} {measure} spread"] = figure.spread
            found[f"{name} {measure} low"], found[f"{name} {measure} high"] = interval.low, interval.high
    return {key: _known(value) for key, value in found.items()}


def _known(value: float | None) -> float | None:
    """None, an empty cell, in place of NaN."""
    return None if value is None or math.isnan(value) else value


def _quality(row: NetRow) -> dict[str, Any]:
    """Of the boundaries and cells, by the names of ``scores.json``; None where they were not measured."""
    found = row.quality
    return {
        "normalised_surface_distance": found.surface_distance,
        "tolerance": found.tolerance,
        "unit": found.unit,
        "hausdorff_95_mean": found.hausdorff,
        "average_precision_50": found.average_precision_50,
        "mean_average_precision": found.mean_average_precision,
        "true_cells": found.cells.get("truth"),
        "found_cells": found.cells.get("found"),
        **{key: found.cells.get(key) for key in SPLIT_SETTINGS},
        "seeds_measured": found.runs,
    }


def _costs(row: NetRow) -> dict[str, Any]:
    costs = asdict(row.costs)
    height, width = costs.pop("tile") or (None, None)
    runs = " ".join(str(run.folder) for run in row.runs)
    return {"seeds": len(row.runs), **costs, "tile_height": height, "tile_width": width, "runs": runs}


def _pair_rows(number: int, comparison: Comparison) -> Iterator[dict[str, Any]]:
    for pair in comparison.pairs:
        difference = pair.difference
        figures = (pair.p, pair.p_holm, difference.value, difference.low, difference.high)
        cells = (number, pair.first, pair.second, *map(_known, figures), pair.sentence)
        yield dict(zip(PAIR_COLUMNS, cells, strict=True))
