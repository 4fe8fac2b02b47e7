"""The tables of a run's report: scores, confusion matrix, series, costs, settings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np

from hela_seg.comparison import NetRow
from hela_seg.comparison.found import Run
from hela_seg.report.comparison.sheets import HEADINGS, MEBI, Cell, Sheet, ends, number
from hela_seg.report.run.balance import MOST_ROWS
from hela_seg.report.run.stability import Overlaps, matrices_by_series
from hela_seg.runs.records import MEASURED, RunRecord
from hela_seg.runs.run_folder import FRAME_COUNTS
from hela_seg.system.settings import flatten

ABSENT = "n/a"


def class_sheet(run: Run, row: NetRow) -> Sheet:
    """Scores of each class and their means, with the intervals of a comparison.

    Args:
        run: that was scored.
        row: the same run as a comparison has it.
    """
    _, *others = HEADINGS
    rows = [_mean_row(row, others)]
    pixels = run.counts.pooled.sum(axis=1).tolist()
    for entry in run.classes:
        iou, *rest = (row.by_class[measure][entry.index].interval for measure in HEADINGS)
        scores = (number(of.value, absent=ABSENT) for of in rest)
        name = Cell(entry.name, colour=entry.colour)
        shown = (number(iou.value, absent=ABSENT), ends(iou, absent=ABSENT), *scores)
        rows.append((name, *shown, number(pixels[entry.index], ",d")))
    headings = ("Class", "IoU", "95 % interval", *(HEADINGS[measure] for measure in others), "True pixels")
    frames, series = len(run.counts), len(set(run.counts.series))
    title = f"Scores of {frames} frame(s) of {series} series, all pixels pooled"
    return Sheet(title, headings, rows, notes=_why_absent(run))


def confusion_sheets(run: Run) -> tuple[Sheet, Sheet]:
    """The confusion matrix in pixels, and as shares of each row."""
    matrix, names = run.counts.pooled, run.classes.names
    totals = matrix.sum(axis=1, keepdims=True)
    shares = np.divide(matrix, totals, out=np.full(matrix.shape, np.nan), where=totals > 0)
    headings = ("Truth", *(f"as {name}" for name in names))
    absolute, by_row = [], []
    for entry, counts, of_row in zip(run.classes, matrix.tolist(), shares.tolist(), strict=True):
        name = Cell(entry.name, colour=entry.colour)
        absolute.append(
            (name, *(_shaded(number(n, ",d"), share) for n, share in zip(counts, of_row, strict=True)))
        )
        by_row.append((name, *(_shaded(number(100 * share, ".2f", ABSENT), share) for share in of_row)))
    return (
        Sheet("Confusion matrix, pixels", headings, absolute, notes=("Rows are truth, columns prediction.",)),
        Sheet(
            "Confusion matrix, percent of each row", headings, by_row, notes=("The diagonal is the recall.",)
        ),
    )


def series_sheet(run: Run) -> Sheet:
    """IoU of each series, the lowest mean first."""
    by_series = matrices_by_series(run.counts)
    found = Overlaps.of(np.stack(list(by_series.values())))
    names = list(by_series)
    frames = Counter(run.counts.series)
    order = np.argsort(found.mean, kind="stable")[:MOST_ROWS]
    rows = [
        (
            Cell(names[place]),
            number(frames[names[place]], "d"),
            number(found.mean[place], absent=ABSENT),
            *(number(value, absent=ABSENT) for value in found.by_class[place].tolist()),
        )
        for place in order
    ]
    left = len(names) - MOST_ROWS
    notes = (f"The lowest {MOST_ROWS}; {left} more are in {FRAME_COUNTS}.",) if left > 0 else ()
    return Sheet("IoU by series", ("Series", "Frames", "m-IoU", *run.classes.names), rows, notes=notes)


def cost_sheet(record: RunRecord) -> Sheet:
    """What the run cost, and how that was measured."""
    costs = record.costs
    memory = None if costs.peak_memory is None else costs.peak_memory / MEBI
    tile = "a tile" if costs.tile is None else f"{costs.tile[0]}x{costs.tile[1]}"
    batch = "a batch" if costs.batch_size is None else f"{costs.batch_size} tiles"
    measured = {
        "parameters": ("parameters", number(costs.parameters, ",")),
        "multiply_adds": (f"multiply-adds of {tile}", number(costs.multiply_adds, ",")),
        "step_ms": (f"ms a step of {batch}", number(costs.step_ms, ".4g")),
        "frame_s": ("seconds a frame", number(costs.frame_s, ".3g")),
        "peak_memory": ("peak memory, MiB", number(memory, ",.0f")),
    }
    rows = [(Cell(name), cell) for name, cell in measured.values()]
    notes = tuple(f"{measured[key][0]}: {how}." for key, how in MEASURED.items())
    return Sheet("What it cost", ("What", "Measured"), rows, notes=notes)


def words_sheet(title: str, facts: Mapping[str, Any]) -> Sheet:
    """Names and what they stand for; of what is nested, names joined by dots."""
    rows = [(Cell(name), Cell(str(value))) for name, value in flatten(facts).items()]
    return Sheet(title, ("Name", "Value"), rows, names=2)


def _mean_row(row: NetRow, others: list[str]) -> tuple[Cell, ...]:
    iou = row.means["iou"].interval
    rest = (number(row.means[measure].interval.value, absent=ABSENT) for measure in others)
    return (Cell("mean"), number(iou.value, absent=ABSENT), ends(iou, absent=ABSENT), *rest, Cell(""))


def _shaded(cell: Cell, share: float) -> Cell:
    return Cell(cell.text, cell.value, share=None if np.isnan(share) else share)


def _why_absent(run: Run) -> tuple[str, ...]:
    matrix = run.counts.pooled
    unseen = matrix.sum(axis=0) + matrix.sum(axis=1) == 0
    names = [entry.name for entry in run.classes if unseen[entry.index]]
    if not names:
        return ()
    return (f"{ABSENT}: absent from truth and prediction, left out of the means: {', '.join(names)}.",)
