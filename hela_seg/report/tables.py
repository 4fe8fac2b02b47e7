"""Tables of text: their cells, how they are printed, and the tables that the commands print and write.

On a terminal they have colours; piped they are plain text, whole words and whole numbers at any width.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table
from rich.text import Text

from hela_seg.data.classes import Classes
from hela_seg.data.splits.split import Block
from hela_seg.data.splits.table import PARTS, rows_of_blocks
from hela_seg.runs import records, run_folder
from hela_seg.scores.calibration import write_reliability
from hela_seg.scores.confusion import Scores, scores_of
from hela_seg.scores.counts import FrameCounts, write_counts
from hela_seg.system.files import whole_file, write_table

MEASURES = {
    "precision": "Precision",
    "recall": "Recall",
    "iou": "IoU",
    "dice": "Dice",
    "accuracy": "Accuracy",
}
"""The fields of ``Scores``, in the order of columns, with the heading that each has in print."""

ABSENT = "–"
SHORT_UNITS = {"pixels": "px", "micrometres": "µm"}
NARROWEST, WIDEST_NOTE = 80, 110
SERIES_SHOWN = 8

Measures = dict[str, float | None]
"""Values by the names in ``MEASURES``; None where there is no such score."""


@dataclass(frozen=True)
class Cell:
    """A cell of a table.

    Attributes:
        text: what it shows.
        value: the number that a page sorts it by, where it is one.
        share: 0 to 1, how darkly a page shades it.
        colour: of a class (``#rrggbb``), which a page puts before the text.
    """

    text: str
    value: float | None = None
    share: float | None = None
    colour: str | None = None


@dataclass(frozen=True)
class Sheet:
    """A table that can be printed, and shown in Markdown, LaTeX and HTML.

    Attributes:
        title: what it shows.
        headings: of its columns; the first `names` of them hold words, the others numbers.
        rows: cells, as many as headings.
        names: how many columns hold words.
        notes: sentences below it.
    """

    title: str
    headings: tuple[str, ...]
    rows: Sequence[tuple[Cell, ...]]
    names: int = 1
    notes: tuple[str, ...] = ()


def without_empty_columns(sheet: Sheet) -> Sheet:
    """A table without the columns of numbers in which no row has one."""
    columns = range(len(sheet.headings))
    kept = [c for c in columns if c < sheet.names or any(row[c].text != ABSENT for row in sheet.rows)]
    rows = [tuple(row[column] for column in kept) for row in sheet.rows]
    return replace(sheet, headings=tuple(sheet.headings[column] for column in kept), rows=rows)


def counted(number: int, noun: str) -> str:
    """``1 frame``, ``2 frames``."""
    return f"{number} {noun}" + ("" if number == 1 else "s")


def number_cell(value: float | None, form: str = ".4f", unit: int = 1) -> Cell:
    """A cell with a number in a unit, shown as `format` takes ``form``; `ABSENT` for None and NaN."""
    if value is None or math.isnan(value):
        return Cell(ABSENT)
    value = value if unit == 1 else value / unit
    return Cell(format(value, form).replace("-", "−"), value)


def print_sheet(
    sheet: Sheet, console: Console | None = None, most_rows: int | None = None, most_notes: int | None = None
) -> None:
    """Print a table; of many rows and notes the first, and how many more the files have."""
    console = console or Console()
    # Left to itself, rich drops columns on a narrow terminal: let the terminal wrap the lines instead.
    width = NARROWEST if console.width < NARROWEST else None
    table = Table(box=SIMPLE, width=width, padding=(0, 1, 0, 0), show_edge=False)
    for name in sheet.headings[: sheet.names]:
        table.add_column(name, overflow="fold")
    for number in sheet.headings[sheet.names :]:
        table.add_column(number, justify="right", no_wrap=True)
    for row in sheet.rows[:most_rows]:
        table.add_row(*(Text(" ".join(cell.text.split())) for cell in row))
    print_plain(Text(sheet.title, style="bold"), console)
    print_plain(table, console)
    _print_rest(sheet.rows, most_rows, "row", console)
    print_notes(sheet.notes, console, most_notes)


def print_notes(notes: Sequence[str], console: Console, most: int | None = None) -> None:
    """Print sentences below a table, each from the beginning of a line, and then an empty line."""
    for note in notes[:most]:
        console.print(Text(note), highlight=False, width=min(console.width, WIDEST_NOTE))
    _print_rest(notes, most, "sentence", console)
    console.print()


def _print_rest(entries: Sequence[object], most: int | None, what: str, console: Console) -> None:
    if most is not None and len(entries) > most:
        print_plain(Text(f"and {counted(len(entries) - most, f'more {what}')}, see the files"), console)


def print_plain(content: Table | Text, console: Console) -> None:
    """Print a table or a line without colouring numbers, and without cutting off what is wide."""
    console.print(content, crop=False, highlight=False)


def print_scores(scores: Scores, classes: Classes, title: str, console: Console | None = None) -> None:
    """Print precision, recall, IoU, Dice and accuracy of every class, and their means, with four decimals.

    A score that does not exist shows a dash, and a line below says why and that the mean leaves it out.
    """
    by_class, means = by_class_and_mean(scores, classes)
    rows = [
        (Cell(name), *map(number_cell, values.values()))
        for name, values in [*by_class.items(), ("mean", means)]
    ]
    notes = tuple(f"{ABSENT} {reason}" for reason in _reasons_for_dashes(by_class))
    print_sheet(Sheet(title, ("Class", *MEASURES.values()), rows, notes=notes), console)


def write_results(
    folder: Path,
    counts: FrameCounts,
    classes: Classes,
    record: records.RunRecord,
    reliability: npt.NDArray[np.int64] | None = None,
    more: Mapping[str, Any] | None = None,
) -> Scores:
    """Write all that a run's folder says of its scores: frame by frame, pooled, and what they cost.

    Args:
        folder: of the run.
        counts: pixels of each scored frame.
        classes: the K classes.
        record: settings and costs.
        reliability: the same pixels by confidence, where that is known.
        more: see `write_scores`.

    Returns:
        The scores, of all pixels pooled.
    """
    write_counts(folder / run_folder.FRAME_COUNTS, counts, classes.names)
    records.write_record(folder / run_folder.RUN_RECORD, record)
    if reliability is not None:
        write_reliability(folder / run_folder.RELIABILITY, reliability)
    return write_scores(folder, counts.pooled, classes, more)


def write_scores(
    folder: Path,
    matrix: npt.NDArray[np.integer[Any]],
    classes: Classes,
    more: Mapping[str, Any] | None = None,
) -> Scores:
    """Score a confusion matrix (K, K) of integers, and write the scores as CSV and JSON in full precision.

    The CSV has a row a class and a last row ``mean``. The JSON has the classes, the confusion matrix (rows
    are truth, columns prediction), the scores by class name, the means, and ``more``, such as boundaries and
    cells. A score that does not exist is an empty cell and null.

    Raises:
        ValueError: ``matrix`` is not (K, K).
        InputError: one of the two cannot be written.
    """
    if matrix.shape != (len(classes), len(classes)):
        raise ValueError(f"confusion matrix is {matrix.shape}, expected ({len(classes)}, {len(classes)})")
    scores = scores_of(matrix)
    by_class, means = by_class_and_mean(scores, classes)
    rows = [{"class": name} | values for name, values in [*by_class.items(), ("mean", means)]]
    write_table(folder / run_folder.SCORES_TABLE, rows)
    content = {
        "classes": classes.to_plain(),
        "confusion_matrix": matrix.tolist(),
        "confusion_matrix_axes": ["truth", "prediction"],
        "scores": by_class,
        "mean": means,
        **(more or {}),
    }
    text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    with whole_file(folder / run_folder.SCORES_JSON) as part:
        part.write_text(text, encoding="utf-8")
    return scores


def print_split(blocks: Sequence[Block], names: Sequence[str], console: Console | None = None) -> None:
    """Print which frames of which series train, validate and test; of many series of a part the first few."""
    print_sheet(split_sheet(rows_of_blocks(blocks, names), SERIES_SHOWN), console)


def split_sheet(rows: Sequence[Mapping[str, Any]], most: int) -> Sheet:
    """Frames of each series by what they are used for, from a split's rows; so many of a part at most."""
    cells: list[tuple[Cell, ...]] = []
    for part in PARTS:
        of_part = [row for row in rows if row["part"] == part]
        shown = of_part if len(of_part) <= most else of_part[: most - 1]
        for row in shown:
            start, stop = int(row["start"]), int(row["stop"])
            frames = Cell(f"{start}–{stop - 1}", start)
            cells.append((Cell(part), Cell(str(row["series"])), frames, number_cell(stop - start, "d")))
        if rest := of_part[len(shown) :]:
            count = sum(int(row["stop"]) - int(row["start"]) for row in rest)
            cells.append(
                (Cell(part), Cell(f"and {len(rest)} more series"), Cell(""), number_cell(count, "d"))
            )
    return Sheet("Split", ("Part", "Series", "Frames", "Count"), cells, names=2)


def print_files(facts: Mapping[str, object], console: Console | None = None) -> None:
    """Print a line for each file or fact, such as ``{"Frames": 20, "Labels": Path("out/a.tif")}``.

    A path stays on one line however long it is, so that it can be copied.
    """
    console = console or Console()
    width = max(map(len, facts), default=0)
    for name, value in facts.items():
        console.print(Text.assemble((name.ljust(width), "bold"), "  ", str(value)), soft_wrap=True)


def by_class_and_mean(scores: Scores, classes: Classes) -> tuple[dict[str, Measures], Measures]:
    """The scores of each class by its name, and their means over the classes."""
    plain = scores.to_plain()
    by_class = {c.name: {measure: plain[measure][c.index] for measure in MEASURES} for c in classes}
    return by_class, {measure: plain[f"mean_{measure}"] for measure in MEASURES}


def _reasons_for_dashes(by_class: dict[str, Measures]) -> list[str]:
    reasons = []
    absent = [name for name, values in by_class.items() if values["iou"] is None]
    if absent:
        reasons.append(f"absent from truth and prediction, left out of the means: {', '.join(absent)}")
    present = [values for name, values in by_class.items() if name not in absent]
    if any(values["precision"] is None for values in present):
        reasons.append("a class that is never predicted has no precision, left out of its mean")
    if any(values["recall"] is None for values in present):
        reasons.append("a class that is nowhere true has no recall, left out of its mean")
    return reasons
