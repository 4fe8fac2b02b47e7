"""A comparison as sheets of text: the same words and digits in print, Markdown, LaTeX and HTML."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from hela_seg.comparison.nets import what_numbers_mean
from hela_seg.comparison.published import SOURCE, Published
from hela_seg.comparison.quality import SPLIT_SETTINGS
from hela_seg.comparison.rows import Comparison, Figure, NetRow, Pair
from hela_seg.report.tables import (
    ABSENT,
    SHORT_UNITS,
    Cell,
    Sheet,
    counted,
    number_cell,
    without_empty_columns,
)
from hela_seg.runs.records import MEASURED
from hela_seg.scores.statistics import Interval

HEADINGS = {"iou": "IoU", "dice": "Dice", "precision": "Prec.", "recall": "Recall", "accuracy": "Acc."}
"""What stands above the column of each measure."""

SCORE_HEADINGS = ("±", "95 % interval", *list(HEADINGS.values())[1:])
"""What follows on the column of the IoU."""

GIGA, MEBI = 10**9, 2**20
SMALLEST_P = 0.001

PAIRS_SHOWN = 300
"""Most pairs of nets that are shown, those of the best nets first: of 300 nets there are 44,850."""


def sheets_of(comparison: Comparison) -> list[Sheet]:
    """All sheets: scores as means over classes, each class's own, and what else there is."""
    costly = any(row.costs.parameters for row in comparison.rows)  # label images alone have no costs
    tracked = [row for row in comparison.rows if row.quality.tracking_accuracy is not None]
    of_classes = [
        Sheet(
            f"Scores of class {entry.name}",
            ("Net", "IoU", *SCORE_HEADINGS),
            [
                _scores(row.name, {m: of[entry.index] for m, of in row.by_class.items()})
                for row in comparison.rows
            ],
        )
        for entry in comparison.classes
    ]
    return [
        *map(without_empty_columns, (_means(comparison), *of_classes)),
        *([_quality(comparison.rows)] if any(row.quality.seeds_measured for row in comparison.rows) else []),
        *([_tracks(tracked)] if tracked else []),
        *([_costs(comparison)] if costly else []),
        *([_pairs(comparison.pairs)] if comparison.pairs else []),
    ]


def published_beside(comparison: Comparison) -> list[tuple[str, Published]]:
    """The published nets that stand in a comparison, each once, by the name of their module."""
    known = {row.kind: row.published for row in comparison.rows if row.published is not None}
    return list(known.items())


def _means(comparison: Comparison) -> Sheet:
    rows = [_scores(row.name, row.means) for row in comparison.rows]
    published = published_beside(comparison)
    for kind, paper in published:
        iou, *others = (number_cell(paper.scores.get(measure)) for measure in HEADINGS)
        rows.append((Cell(f"{kind} (published)"), iou, Cell(ABSENT), Cell(ABSENT), *others))
    frames, series = counted(len(comparison.counts), "frame"), len(set(comparison.counts.series))
    title = f"Scores of {frames} of {series} series, all pixels pooled, means over classes"
    numbered = what_numbers_mean([run for row in comparison.rows for run in row.runs])
    notes = [f"Published: {SOURCE}."] if published else []
    notes += [f"{name}: {settings}." for name, settings in numbered.items()]
    return Sheet(title, ("Net", "m-IoU", *SCORE_HEADINGS), rows, notes=tuple(notes))


def _quality(rows: Sequence[NetRow]) -> Sheet:
    """Boundaries and cells, of which some of the nets have figures."""
    notes = [
        "NSD (normalised surface distance): the share of boundary pixels, true and found, that lie within a "
        "tolerance of the other boundary; 1 is best. HD95 (95 % Hausdorff distance): 95 of 100 boundary "
        "pixels of a frame lie nearer than this, mean over frames. Both: means over classes.",
        "AP50, mean AP: average precision of cells, matched / (matched + missed + extra), at an IoU of 0.5 "
        "and as mean over 0.5 to 0.95. All: means over as many seeds as were measured.",
    ]
    if len({(row.quality.tolerance, row.quality.unit) for row in rows if row.quality.unit}) > 1:
        notes.append("Figures of different tolerances or units cannot be compared.")
    notes += [
        *_cell_notes(rows),
        *(
            f"{row.name}: no mean of {' and '.join(row.quality.inconsistent)}, which were measured with "
            "other settings for one seed than for another."
            for row in rows
            if row.quality.inconsistent
        ),
    ]
    if any(run.folds for row in rows for run in row.runs):
        notes.append(
            "Of folds, boundary pixels and cells are added up before they are divided, and HD95 is the mean "
            "over the frames of all folds, which must have been measured with the same settings."
        )
    if lacking := [row.name for row in rows if not row.quality.seeds_measured]:
        notes.append(f"Not measured: {', '.join(lacking)}; python -m hela_seg.evaluate does it.")
    headings = ("Net", "Seeds", "NSD", "Within", "HD95", "AP50", "mean AP")
    own = [_own_quality(row) for row in rows]
    return Sheet("Boundaries and cells", headings, own, notes=tuple(notes))


def _tracks(rows: Sequence[NetRow]) -> Sheet:
    """Scores of tracks, of the nets that have some."""
    own = []
    for row in rows:
        found = row.quality
        shares = (found.tracking_accuracy, found.division_f1, found.cell_count_error)
        own.append((Cell(row.name), *map(number_cell, shares), number_cell(found.duration_error, ".2f")))
    note = (
        "TRA: tracking accuracy of the Cell Tracking Challenge; Div. F1: of divisions within one frame; "
        "count error: differences of the number of cells in each frame over the true cells; duration error: "
        "frames that the lengths of true and found lives are apart. All: means over recordings."
    )
    return Sheet("Tracks", ("Net", "TRA", "Div. F1", "Count error", "Duration error"), own, notes=(note,))


def _cell_notes(rows: Sequence[NetRow]) -> list[str]:
    """How class maps were split into cells, where they were; nets may differ in it."""
    methods: dict[str, list[str]] = {}
    for row in rows:
        cells = row.quality.cells
        sides = {"true cells": cells.get("truth"), "found cells": cells.get("found")}
        split = [side for side, source in sides.items() if source == "split"]
        if split:
            known = [f"cells.{key}={cells[key]:g}" for key in SPLIT_SETTINGS if cells[key] is not None]
            settings = " ".join(known) or "settings that were not recorded"
            method = f"{' and '.join(split)} are parts of the foreground, cut with {settings}"
            methods.setdefault(method, []).append(row.name)
    if len(methods) == 1:
        return [f"Cells: {next(iter(methods))}."]
    each = "; ".join(f"{', '.join(names)}: {method}" for method, names in methods.items())
    return [f"Cells that were split with different settings cannot be compared. {each}."] if each else []


def _own_quality(row: NetRow) -> tuple[Cell, ...]:
    found = row.quality
    unit = "" if found.unit is None else SHORT_UNITS[found.unit]
    within, distance = (
        Cell(ABSENT) if length is None else Cell(f"{length:{form}} {unit}", length)
        for length, form in ((found.tolerance, "g"), (found.hausdorff_95_mean, ".2f"))
    )
    return (
        Cell(row.name),
        number_cell(found.seeds_measured or None, "d"),
        number_cell(found.normalised_surface_distance),
        within,
        distance,
        number_cell(found.average_precision_50),
        number_cell(found.mean_average_precision),
    )


def _costs(comparison: Comparison) -> Sheet:
    rows = [_own_costs(row) for row in comparison.rows]
    headings: tuple[str, ...] = ("Net", "Seeds", "Parameters", "10⁹ MAC", "ms/step", "s/frame", "MiB")
    trained = [row for row in comparison.rows if row.costs.tile]
    tiles = {row.name: "x".join(map(str, row.costs.tile or ())) for row in trained}
    batches = {row.name: f"{row.costs.batch_size} of {tiles[row.name]}" for row in trained}
    notes = {
        "10⁹ MAC": f"MAC: multiply-adds {MEASURED['multiply_adds']}; here {_of_each(tiles)}.",
        "ms/step": f"ms/step: {MEASURED['step_ms']}; tiles of a step: {_of_each(batches)}.",
        "s/frame": f"s/frame: {MEASURED['frame_s']}.",
        "MiB": f"MiB, 2²⁰ bytes: {MEASURED['peak_memory']}.",
    }
    sheet = without_empty_columns(Sheet("What each net costs", headings, rows))
    return replace(sheet, notes=tuple(note for heading, note in notes.items() if heading in sheet.headings))


def _of_each(sizes: Mapping[str, str]) -> str:
    """What all nets have in common; where they differ, that figures do not compare, and what each has."""
    if len(set(sizes.values())) <= 1:
        return next(iter(sizes.values()), ABSENT)
    return f"not the same, so do not compare ({', '.join(f'{name} {size}' for name, size in sizes.items())})"


def _own_costs(row: NetRow) -> tuple[Cell, ...]:
    costs = row.costs
    return (
        Cell(row.name),
        number_cell(len(row.runs), "d"),
        number_cell(costs.parameters, ","),
        number_cell(costs.multiply_adds, ".3g", GIGA),
        number_cell(costs.step_ms, ".4g"),
        number_cell(costs.frame_s, ".3g"),
        number_cell(costs.peak_memory, ",.0f", MEBI),
    )


def _pairs(pairs: Sequence[Pair]) -> Sheet:
    shown = pairs[:PAIRS_SHOWN]
    headings = ("First net", "Second net", "Δ m-IoU", "95 % interval", "p", "Holm")
    how = (
        "Δ: the first net's m-IoU minus the second's. p: Wilcoxon's signed-rank test on the differences of "
        "frames' m-IoU, averaged within blocks of neighbours; Holm: corrected for the number of pairs."
    )
    notes = [how, *(pair.sentence for pair in shown)]
    if more := len(pairs) - len(shown):
        notes.append(f"Not shown: {counted(more, 'further pair')}, which pairs.csv has.")
    return Sheet("Pairs of nets, on the same frames", headings, [*map(_pair, shown)], 2, tuple(notes))


def _pair(pair: Pair) -> tuple[Cell, ...]:
    return (
        Cell(pair.first),
        Cell(pair.second),
        number_cell(pair.difference.value, "+.4f"),
        interval_cell(pair.difference, "+.4f", " to "),
        _p_value(pair.p),
        _p_value(pair.p_holm),
    )


def _scores(name: str, figures: Mapping[str, Figure]) -> tuple[Cell, ...]:
    iou = figures["iou"]
    value, *others = (number_cell(figures[measure].interval.value) for measure in HEADINGS)
    return (Cell(name), value, number_cell(iou.spread), interval_cell(iou.interval), *others)


def interval_cell(interval: Interval, form: str = ".4f", between: str = "–") -> Cell:
    """A cell with both ends of an interval, or `ABSENT`; ``form`` as in `number_cell`."""
    if not interval.known:
        return Cell(ABSENT)
    low, high = (number_cell(end, form).text for end in (interval.low, interval.high))
    return Cell(f"{low}{between}{high}", interval.low)


def _p_value(p: float) -> Cell:
    return Cell(f"<{SMALLEST_P}", p) if p < SMALLEST_P else number_cell(p, ".3f")
