"""Tables for people and machines: scores by class, the split, and where a prediction's files are.

On a terminal they have colours; piped they are plain text, whole words and whole numbers at any width.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

import numpy as np
import numpy.typing as npt
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table
from rich.text import Text

from hela_seg.data.classes import Classes
from hela_seg.data.splits.split import Block, Part
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
NARROWEST = 80
SERIES_SHOWN = 8

Measures = dict[str, float | None]
"""Values by the names in ``MEASURES``; None where there is no such score."""


def print_scores(scores: Scores, classes: Classes, title: str, console: Console | None = None) -> None:
    """Print precision, recall, IoU, Dice and accuracy of every class, and their means, with four decimals.

    A score that does not exist shows a dash, and a line below says why and that the mean leaves it out.

    Args:
        scores: K scores a measure; NaN where a class has no such score.
        classes: the K classes, in the order of the scores.
        title: what was scored, such as ``"Test, 3 series, 60 frames"``.
        console: where to print; standard output by default.
    """
    console = console or Console()
    table = plain_table(["Class"], list(MEASURES.values()), console)
    by_class, means = _by_class_and_mean(scores, classes)
    for name, values in by_class.items():
        table.add_row(Text(name), *map(_four_decimals, values.values()))
    table.add_section()
    table.add_row("mean", *map(_four_decimals, means.values()), style="bold")
    print_plain(Text(title, style="bold"), console)
    print_plain(table, console)
    for reason in _reasons_for_dashes(by_class):
        print_plain(Text(f"{ABSENT} {reason}"), console)


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

    Raises:
        InputError: a file cannot be written.
    """
    matrix = counts.pooled
    found = scores_of(matrix)
    write_counts(folder / run_folder.FRAME_COUNTS, counts, classes.names)
    records.write_record(folder / run_folder.RUN_RECORD, record)
    if reliability is not None:
        write_reliability(folder / run_folder.RELIABILITY, reliability)
    write_scores(
        folder / run_folder.SCORES_TABLE, folder / run_folder.SCORES_JSON, matrix, found, classes, more
    )
    return found


def write_scores(
    path_csv: Path,
    path_json: Path,
    matrix: npt.NDArray[np.integer[Any]],
    scores: Scores,
    classes: Classes,
    more: Mapping[str, Any] | None = None,
) -> None:
    """Write the scores as CSV and JSON, in full precision and with the same numbers in both.

    The CSV has a row a class and a last row ``mean``. The JSON has the classes, the confusion matrix as
    integers (rows are truth, columns prediction), the scores by class name and the means. A score that does
    not exist is an empty cell and null. Each file appears whole or not at all.

    Args:
        path_csv: where the CSV goes.
        path_json: where the JSON goes.
        matrix: (K, K) integer counts of pixels.
        scores: what was computed from ``matrix``.
        classes: the K classes.
        more: what the JSON holds besides, such as `hela_seg.report.quality.quality_to_plain`.

    Raises:
        ValueError: ``matrix`` is not (K, K).
        InputError: one of the two cannot be written.
    """
    if matrix.shape != (len(classes), len(classes)):
        raise ValueError(f"confusion matrix is {matrix.shape}, expected ({len(classes)}, {len(classes)})")
    by_class, means = _by_class_and_mean(scores, classes)
    rows = [*by_class.items(), ("mean", means)]
    write_table(path_csv, [{"class": name} | values for name, values in rows])
    content = {
        "classes": classes.to_plain(),
        "confusion_matrix": matrix.tolist(),
        "confusion_matrix_axes": ["truth", "prediction"],
        "scores": by_class,
        "mean": means,
        **(more or {}),
    }
    text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    with whole_file(path_json) as part:
        part.write_text(text, encoding="utf-8")


def print_split(blocks: Sequence[Block], names: Sequence[str], console: Console | None = None) -> None:
    """Print which frames of which series train, validate and test.

    Args:
        blocks: the split; frames are counted from 0. Of a part with many series the first few are named.
        names: name of each series.
        console: where to print; standard output by default.
    """
    console = console or Console()
    table = plain_table(["Part", "Series"], ["Frames", "Count"], console)
    for part in get_args(Part):
        of_part = [block for block in blocks if block.part == part]
        shown = of_part if len(of_part) <= SERIES_SHOWN else of_part[: SERIES_SHOWN - 1]
        for block in shown:
            span = f"{block.start}–{block.stop - 1}"
            table.add_row(part, Text(names[block.series]), span, str(block.stop - block.start))
        rest = of_part[len(shown) :]
        if rest:
            frames = sum(block.stop - block.start for block in rest)
            table.add_row(part, f"and {len(rest)} more series", "", str(frames))
    print_plain(Text("Split", style="bold"), console)
    print_plain(table, console)


def print_files(facts: Mapping[str, object], console: Console | None = None) -> None:
    """Print what a command made, a line a fact, such as ``{"Frames": 20, "Labels": Path("out/a.tif")}``.

    A path stays on one line however long it is, so that it can be copied.

    Args:
        facts: what each value is, and the value; printed with ``str``.
        console: where to print; standard output by default.
    """
    console = console or Console()
    width = max(map(len, facts), default=0)
    for name, value in facts.items():
        console.print(Text.assemble((name.ljust(width), "bold"), "  ", str(value)), soft_wrap=True)


def _by_class_and_mean(scores: Scores, classes: Classes) -> tuple[dict[str, Measures], Measures]:
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


def _four_decimals(value: float | None) -> str:
    return ABSENT if value is None else f"{value:.4f}"


def plain_table(names: list[str], numbers: list[str], console: Console) -> Table:
    """An empty table with columns for names, which are folded where long, and for numbers, which are not."""
    # Left to itself, rich drops columns on a narrow terminal: let the terminal wrap the lines instead.
    table = Table(box=SIMPLE, width=NARROWEST if console.width < NARROWEST else None)
    for name in names:
        table.add_column(name, overflow="fold")
    for number in numbers:
        table.add_column(number, justify="right", no_wrap=True)
    return table


def print_plain(content: Table | Text, console: Console) -> None:
    """Print a table or a line without colouring numbers, and without cutting off what is wide."""
    console.print(content, crop=False, highlight=False)
