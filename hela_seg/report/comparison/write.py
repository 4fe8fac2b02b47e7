"""Comparisons as files and on the terminal: CSV, Markdown, LaTeX, one HTML page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any

from rich.console import Console

from hela_seg.comparison.folds import fold_of
from hela_seg.comparison.nets import what_numbers_mean
from hela_seg.comparison.published import SOURCE
from hela_seg.comparison.quality import SPLIT_SETTINGS
from hela_seg.comparison.rows import Comparison, NetRow
from hela_seg.report.comparison.intervals import draw_nets
from hela_seg.report.comparison.sheets import published_beside, sheets_of
from hela_seg.report.page import Page, Section
from hela_seg.report.tables import Sheet, by_class_and_mean, number_cell, print_notes, print_sheet
from hela_seg.runs.run_folder import FOLDS_TABLE
from hela_seg.scores.confusion import scores_of, to_plain
from hela_seg.system.files import whole_file, write_table

ROWS_SHOWN, NOTES_SHOWN = 40, 12
"""Most rows of a sheet, and most notes below it, in print; the files have all."""

COLUMNS = ("", " spread", " low", " high")
"""What stands behind the names of class and measure in the columns of a figure."""

NAME_WIDTHS = {1: 0.3, 2: 0.24}
"""Share of a line's width that each column of names takes, by how many of them there are."""

HEAD = (
    r"% \usepackage{array,booktabs}",
    "% Letters of other scripts than Latin need LuaLaTeX or XeLaTeX, and a font that has them.",
)
_ESCAPES = str.maketrans(
    {character: f"\\{character}" for character in "&%$#_{}"}
    | {character: f"${character}$" for character in "<>|"}
    # after the end of a row these two would be read as its options
    | {character: f"{{{character}}}" for character in "[*"}
    | {
        "\\": r"\textbackslash{}",
        "=": r"=\allowbreak{}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "±": r"$\pm$",
        "Δ": r"$\Delta$",
        "−": "$-$",
        "⁹": r"\textsuperscript{9}",
        "–": "--",
    }
)

PAIR_COLUMNS = ("table", "first", "second", "p", "p_holm", "difference", "low", "high", "conclusion")


def write_comparison(
    folder: Path, comparisons: Sequence[Comparison], warnings: Sequence[str]
) -> dict[str, object]:
    """Write all files of a comparison, and return what each is and where.

    Args:
        folder: where they go.
        comparisons: one a table.
        warnings: sentences above all tables.

    Raises:
        InputError: a file cannot be written.
    """
    tables, pairs = folder / "comparison.csv", folder / "pairs.csv"
    write_table(tables, [row for number, one in enumerate(comparisons, 1) for row in _csv_rows(number, one)])
    paired = [row for number, one in enumerate(comparisons, 1) for row in _pair_rows(number, one)]
    write_table(pairs, paired, PAIR_COLUMNS)
    written: dict[str, object] = {"table": tables, "pairs": pairs}
    if folds := [row for one in comparisons for row in _fold_rows(one)]:
        written["folds"] = folder / FOLDS_TABLE
        write_table(folder / FOLDS_TABLE, folds)
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
    """Print all tables of a comparison and its notes."""
    console = console or Console()
    for sheet in sheets_of(comparison):
        print_sheet(sheet, console, ROWS_SHOWN, NOTES_SHOWN)
    print_notes(comparison.notes, console, NOTES_SHOWN)


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


def latex(comparisons: Sequence[Comparison], warnings: Sequence[str]) -> str:
    """The tables for a document that uses the packages array and booktabs; notes stand in comments."""
    lines = [*HEAD, *(f"% NOTE: {_one_line(warning)}" for warning in warnings)]
    for comparison in comparisons:
        for sheet in sheets_of(comparison):
            lines += [*_latex_table(sheet), *(f"% {_one_line(note)}" for note in sheet.notes)]
        lines += [f"% {_one_line(note)}" for note in comparison.notes]
    return "\n".join(lines) + "\n"


def _latex_table(sheet: Sheet) -> Iterator[str]:
    # long names are broken, so that a table is no wider than a line
    name = rf">{{\raggedright\arraybackslash\hangindent=1em}}p{{{NAME_WIDTHS[sheet.names]}\linewidth}}"
    columns = name * sheet.names + "r" * (len(sheet.headings) - sheet.names)
    yield r"\begin{table}\footnotesize\setlength{\tabcolsep}{2pt}"
    caveats = [note.removesuffix(".") for note in sheet.notes if note.startswith("Published: ")]
    yield rf"\caption{{{_escaped('. '.join([sheet.title, *caveats]))}.}}"
    yield rf"\begin{{tabular}}{{@{{}}{columns}@{{}}}}"
    yield r"\toprule"
    yield _latex_row(sheet.headings)
    yield r"\midrule"
    yield from (_latex_row([cell.text for cell in row]) for row in sheet.rows)
    yield r"\bottomrule"
    yield r"\end{tabular}"
    yield r"\end{table}"


def _latex_row(texts: Sequence[str]) -> str:
    return rf"{' & '.join(map(_escaped, texts))} \\"


def _escaped(text: str) -> str:
    return _one_line(text).translate(_ESCAPES)


def _one_line(text: str) -> str:
    """An empty line would end a paragraph, and any end of a line a comment."""
    return " ".join(text.split())


def html(comparisons: Sequence[Comparison], warnings: Sequence[str]) -> str:
    """One page that needs no other file and no network: light and dark, its tables sorted at a click."""
    many = len(comparisons) > 1
    sections = [
        Section(
            f"Table {place}" if many else "",
            drawings=(draw_nets(one),),
            sheets=tuple(sheets_of(one)),
            notes=tuple(one.notes),
        )
        for place, one in enumerate(comparisons, 1)
    ]
    first = comparisons[0]
    best, of_best = first.rows[0], first.pairs[:1]
    score = number_cell(best.means["iou"].interval.value).text
    verdict = [f"{best.name} has the highest m-IoU, {score}.", *(pair.sentence for pair in of_best)]
    runs = [run for one in comparisons for row in one.rows for run in row.runs]
    roots = [(run.record.config.get("data") or {}).get("root") for run in runs]
    data = ", ".join(dict.fromkeys(Path(root).name for root in roots if root))
    facts = (
        ("Data", data or "unknown"),
        ("Nets", str(sum(len(one.rows) for one in comparisons))),
        ("Written", f"{date.today():%Y-%m-%d}"),
    )
    return Page("Comparison of nets", tuple(sections), facts, tuple(warnings), " ".join(verdict)).html


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
        means = {f"mean {measure}": value for measure, value in paper.scores.items()}
        yield {"table": number, "net": kind, "source": f"published: {SOURCE}", **means}


def _figures(row: NetRow, comparison: Comparison) -> dict[str, float | None]:
    found: dict[str, float | None] = {}
    names = ["mean", *comparison.classes.names]
    for measure, mean in row.means.items():
        for name, figure in zip(names, [mean, *row.by_class[measure]], strict=True):
            interval = figure.interval
            values = (interval.value, figure.spread, interval.low, interval.high)
            found |= {
                f"{name} {measure}{what}": to_plain(of) for what, of in zip(COLUMNS, values, strict=True)
            }
    return found


def _quality(row: NetRow) -> dict[str, Any]:
    """Boundaries and cells by the names of ``scores.json``; None where they were not measured."""
    found = asdict(row.quality)
    cells, seeds = found.pop("cells"), found.pop("seeds_measured")
    del found["inconsistent"]
    sources = {"true_cells": cells.get("truth"), "found_cells": cells.get("found")}
    settings = {key: cells.get(key) for key in SPLIT_SETTINGS}
    return {**found, **sources, **settings, "seeds_measured": seeds}


def _costs(row: NetRow) -> dict[str, Any]:
    costs = asdict(row.costs)
    height, width = costs.pop("tile") or (None, None)
    runs = " ".join(str(run.folder) for run in row.runs)
    return {"seeds": len(row.runs), **costs, "tile_height": height, "tile_width": width, "runs": runs}


def _pair_rows(number: int, comparison: Comparison) -> Iterator[dict[str, Any]]:
    for pair in comparison.pairs:
        difference = pair.difference
        figures = (pair.p, pair.p_holm, difference.value, difference.low, difference.high)
        cells = (number, pair.first, pair.second, *map(to_plain, figures), pair.sentence)
        yield dict(zip(PAIR_COLUMNS, cells, strict=True))


def _fold_rows(comparison: Comparison) -> Iterator[dict[str, Any]]:
    """Of each cross-validation a row for every fold, and one for the sum of their confusion matrices."""
    for net in comparison.rows:
        for pooled in filter(lambda run: run.folds, net.runs):
            for run in (*pooled.folds, pooled):
                by_class, means = by_class_and_mean(scores_of(run.counts.pooled), run.classes)
                named = {"mean": means, **by_class}
                scores = {f"{name} {key}": of for name, own in named.items() for key, of in own.items()}
                fold = "all" if run is pooled else fold_of(run)
                which = {"net": net.name, "seed": pooled.record.seed, "fold": fold, "frames": len(run.counts)}
                yield which | scores | {"run": str(run.folder)}
