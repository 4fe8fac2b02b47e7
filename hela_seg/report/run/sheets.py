"""The tables of a run's report: scores, confusion matrix, class balance, series, costs, settings."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hela_seg.comparison.found import Run
from hela_seg.comparison.rows import Figure, NetRow
from hela_seg.data.classes import Classes
from hela_seg.data.splits.table import PARTS
from hela_seg.report.comparison.sheets import HEADINGS, MEBI, interval_cell
from hela_seg.report.tables import ABSENT, Cell, Sheet, counted, number_cell
from hela_seg.runs.records import MEASURED, RunRecord
from hela_seg.runs.run_folder import FRAME_COUNTS
from hela_seg.scores.confusion import divide, mean_over_classes, scores_of
from hela_seg.system.settings import flatten

MOST_ROWS = 200
"""Rows of a table of series; the run's files have all."""


def class_sheet(run: Run, row: NetRow) -> Sheet:
    """Scores of each class and their means, with the intervals of a comparison of this run alone."""
    pixels = run.counts.pooled.sum(axis=1).tolist()
    known = row.means["iou"].interval.known  # else there is a note that says why
    rows = []
    for entry in run.classes:
        scores = _score_cells({measure: row.by_class[measure][entry.index] for measure in HEADINGS}, known)
        true_pixels = number_cell(pixels[entry.index], ",d")
        rows.append((Cell(entry.name, colour=entry.colour), *scores, true_pixels))
    rows.append((Cell("mean"), *_score_cells(row.means, known), Cell("")))
    iou, *others = HEADINGS.values()
    interval = ("95 % interval",) if known else ()
    headings = ("Class", iou, *interval, *others, "True pixels")
    frames, series = len(run.counts), len(set(run.counts.series))
    title = f"Scores of {counted(frames, 'frame')} of {series} series, all pixels pooled"
    absent = [
        entry.name for entry in run.classes if np.isnan(row.by_class["iou"][entry.index].interval.value)
    ]
    note = f"{ABSENT}: absent from truth and prediction, left out of the means: {', '.join(absent)}."
    return Sheet(title, headings, rows, notes=(note,) if absent else ())


def _score_cells(figures: Mapping[str, Figure], with_interval: bool) -> tuple[Cell, ...]:
    iou, *others = (figures[measure].interval for measure in HEADINGS)
    interval = (interval_cell(iou),) if with_interval else ()
    return (number_cell(iou.value), *interval, *(number_cell(other.value) for other in others))


def confusion_sheet(run: Run) -> Sheet:
    """The confusion matrix: pixels, and in percent of the pixels of their true class."""
    matrix = run.counts.pooled
    shares = divide(matrix, np.broadcast_to(matrix.sum(axis=1, keepdims=True), matrix.shape))
    rows = [
        (Cell(entry.name, colour=entry.colour), *map(_pixels, counts, of_row))
        for entry, counts, of_row in zip(run.classes, matrix.tolist(), shares.tolist(), strict=True)
    ]
    headings = ("Truth", *(f"as {name}" for name in run.classes.names))
    note = "Rows are truth, columns prediction; in percent of the row, so that the diagonal is the recall."
    return Sheet("Pixels of each class by what they were taken for", headings, rows, notes=(note,))


def _pixels(count: int, share: float) -> Cell:
    if np.isnan(share):
        return number_cell(count, "d")
    return Cell(f"{count:,d} ({100 * share:.2f} %)", count, share=share)


def balance_sheet(pixels: Mapping[Any, NDArray[np.int64]], classes: Classes) -> Sheet:
    """Pixels (K,) of each class, and their percent, by the part that they were counted in."""
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


def series_sheet(run: Run) -> Sheet:
    """IoU of each series, the lowest mean first."""
    frames = Counter(run.counts.series)
    names, number = list(frames), {name: place for place, name in enumerate(frames)}
    pooled = np.zeros((len(names), *run.counts.matrix.shape[1:]), np.int64)
    np.add.at(pooled, [number[name] for name in run.counts.series], run.counts.matrix)
    iou = scores_of(pooled).iou
    mean_iou = mean_over_classes(iou)
    rows = [
        (Cell(names[s]), number_cell(frames[names[s]], "d"), *map(number_cell, (mean_iou[s], *iou[s])))
        for s in np.argsort(mean_iou, kind="stable")[:MOST_ROWS]
    ]
    cut = len(names) > MOST_ROWS
    notes = (f"The lowest {MOST_ROWS} of {len(names)}; {FRAME_COUNTS} has all.",) if cut else ()
    return Sheet("IoU by series", ("Series", "Frames", "m-IoU", *run.classes.names), rows, notes=notes)


def cost_sheet(record: RunRecord) -> Sheet:
    """What the run cost, and how that was measured."""
    costs = record.costs
    tile = "a tile" if costs.tile is None else f"{costs.tile[0]}x{costs.tile[1]}"
    batch = "a batch" if costs.batch_size is None else counted(costs.batch_size, "tile")
    measured = {
        "parameters": ("parameters", number_cell(costs.parameters, ",")),
        "multiply_adds": (f"multiply-adds of {tile}", number_cell(costs.multiply_adds, ",")),
        "step_ms": (f"ms a step of {batch}", number_cell(costs.step_ms, ".4g")),
        "frame_s": ("seconds a frame", number_cell(costs.frame_s, ".3g")),
        "peak_memory": ("peak memory, MiB", number_cell(costs.peak_memory, ",.0f", MEBI)),
    }
    known = {key: entry for key, entry in measured.items() if entry[1].text != ABSENT}
    rows = [(Cell(name), cell) for name, cell in known.values()]
    notes = tuple(f"{known[key][0]}: {how}." for key, how in MEASURED.items() if key in known)
    machine = f" on {', '.join(map(str, record.hardware.values()))}" if record.hardware else ""
    return Sheet(f"Measured{machine}", ("What", "Measured"), rows, notes=notes)


def settings_sheet(title: str, facts: Mapping[str, Any]) -> Sheet:
    """Names and values as one types them; names of nested settings are joined by dots."""
    typed = {
        name: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
        for name, value in flatten(facts).items()
    }
    rows = [(Cell(name), Cell(value)) for name, value in typed.items()]
    return Sheet(title, ("Name", "Value"), rows, names=2)
