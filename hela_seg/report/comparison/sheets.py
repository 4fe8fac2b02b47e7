"""A comparison as sheets of text: the same words and digits in print, Markdown, LaTeX and HTML."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hela_seg.comparison import Comparison, Figure, NetRow, Pair, Published
from hela_seg.comparison.nets import what_numbers_mean
from hela_seg.comparison.published import SOURCE, STEP_IMAGES, STEP_SIDE
from hela_seg.comparison.quality import SPLIT_SETTINGS
from hela_seg.report.tables import ABSENT, SHORT_UNITS
from hela_seg.runs.records import MEASURED
from hela_seg.scores.statistics import Interval

HEADINGS = {"iou": "IoU", "dice": "Dice", "precision": "Prec.", "recall": "Recall", "accuracy": "Acc."}
"""What stands above the column of each measure."""

GIGA, MEBI = 10**9, 2**20
SMALLEST_P = 0.001


@dataclass(frozen=True)
class Cell:
    """What a cell shows.

    Attributes:
        text: in all forms of a table.
        value: the number that it is sorted by, where it is one.
        share: 0 to 1, how darkly a page shades it.
        colour: of a class (``#rrggbb``) that a page puts before the text.
    """

    text: str
    value: float | None = None
    share: float | None = None
    colour: str | None = None


@dataclass(frozen=True)
class Sheet:
    """A table of text.

    Attributes:
        title: what it shows.
        headings: of its columns; those of `names` hold words, the others numbers.
        rows: cells, as many as headings.
        names: how many columns hold words.
        notes: sentences below it.
    """

    title: str
    headings: tuple[str, ...]
    rows: Sequence[tuple[Cell, ...]]
    names: int = 1
    notes: tuple[str, ...] = ()


def sheets_of(comparison: Comparison) -> list[Sheet]:
    """All sheets: scores as means over classes, each class's own, and what else there is."""
    published = published_beside(comparison)
    costly = any(row.costs.parameters for row in comparison.rows)  # label images alone have no costs
    return [
        _means(comparison, published),
        *(_class(comparison, index, published) for index in range(len(comparison.classes))),
        *([_quality(comparison.rows)] if any(row.quality.runs for row in comparison.rows) else []),
        *([_costs(comparison, published)] if costly else []),
        *([_pairs(comparison.pairs)] if comparison.pairs else []),
    ]


def published_beside(comparison: Comparison) -> list[tuple[str, Published]]:
    """The published nets that stand in a comparison, each once, by the name of their module."""
    known = {row.kind: row.published for row in comparison.rows if row.published is not None}
    return list(known.items())


def _means(comparison: Comparison, published: list[tuple[str, Published]]) -> Sheet:
    rows = [_scores(row.name, row.means) for row in comparison.rows]
    rows += [_published_scores(kind, paper.scores) for kind, paper in published]
    frames, series = len(comparison.counts), len(set(comparison.counts.series))
    title = f"Scores of {frames} frames of {series} series, all pixels pooled, means over classes"
    numbered = what_numbers_mean([run for row in comparison.rows for run in row.runs])
    notes = [f"Published: {SOURCE}."] if published else []
    notes += [f"{name}: {settings}." for name, settings in numbered.items()]
    return Sheet(title, _score_headings("m-IoU"), rows, notes=tuple(notes))


def _class(comparison: Comparison, index: int, published: list[tuple[str, Published]]) -> Sheet:
    rows = [
        _scores(row.name, {measure: figures[index] for measure, figures in row.by_class.items()})
        for row in comparison.rows
    ]
    name = comparison.classes[index].name
    notes: tuple[str, ...] = ()
    for kind, paper in published:
        if own := paper.of_class(name):
            rows.append(_published_scores(kind, own))
            notes = (f"Published: {SOURCE}.",)
    return Sheet(f"Scores of class {name}", _score_headings("IoU"), rows, notes=notes)


def _quality(rows: Sequence[NetRow]) -> Sheet:
    """Boundaries and cells, of which some of the nets have figures."""
    notes = [
        "NSD: normalised surface distance, the share of boundary pixels within a tolerance of the other's. "
        "HD95: 95th percentile of the distances in a frame, mean over frames. Both: means over classes.",
        "AP50, mean AP: average precision of cells, matched / (matched + missed + extra), at an IoU of 0.5 "
        "and as mean over 0.5 to 0.95. All: means over as many seeds as were measured.",
    ]
    if len({(row.quality.tolerance, row.quality.unit) for row in rows if row.quality.unit}) > 1:
        notes.append("Figures of different tolerances or units cannot be compared.")
    notes += [*_on_cells(rows), *_on_unlike(rows)]
    pooled = any(run.folds for row in rows for run in row.runs)
    if pooled:
        notes.append(
            "Of folds, boundary pixels and cells are added up before they are divided, and HD95 is the mean "
            "over the frames of all folds."
        )
    lacking = [row.name for row in rows if not row.quality.runs]
    if lacking:
        all_folds = ", for all folds with the same settings" if pooled else ""
        notes.append(
            f"Not measured: {', '.join(lacking)}; hela_seg.evaluate measures{all_folds}, training does not."
        )
    headings = ("Net", "Seeds", "NSD", "Within", "HD95", "AP50", "mean AP")
    return Sheet("Boundaries and cells", headings, [_own_quality(row) for row in rows], notes=tuple(notes))


def _on_cells(rows: Sequence[NetRow]) -> list[str]:
    """How cells were told apart, where class maps were split; truth and found ones may come from others."""
    ways: dict[str, list[str]] = {}
    for row in rows:
        if "split" in (row.quality.cells.get("truth"), row.quality.cells.get("found")):
            ways.setdefault(_way_of_cells(row.quality.cells), []).append(row.name)
    if len(ways) == 1:
        return [f"Cells: {next(iter(ways))}."]
    told = "; ".join(f"{', '.join(names)}: {way}" for way, names in ways.items())
    return [f"Cells that were told apart in different ways cannot be compared. {told}."] if told else []


def _way_of_cells(plain: Mapping[str, Any]) -> str:
    sources = {
        ("split", "split"): "true and found ones are parts of the foreground",
        ("ids", "split"): "true ones as masks number them, found ones parts of the foreground",
        ("split", "ids"): "true ones parts of the foreground, found ones as masks number them",
    }
    known = [f"cells.{key}={plain[key]:g}" for key in SPLIT_SETTINGS if plain[key] is not None]
    settings = " ".join(known) or "settings that were not recorded"
    return f"{sources[plain['truth'], plain['found']]}, cut with {settings}"


def _on_unlike(rows: Sequence[NetRow]) -> list[str]:
    return [
        f"{row.name}: no mean of {' and '.join(row.quality.unlike)}, which were measured with other settings "
        "for one seed than for another."
        for row in rows
        if row.quality.unlike
    ]


def _own_quality(row: NetRow) -> tuple[Cell, ...]:
    found = row.quality
    unit = "" if found.unit is None else SHORT_UNITS[found.unit]
    within, distance = (
        Cell(ABSENT) if length is None else Cell(f"{length:{form}} {unit}", length)
        for length, form in ((found.tolerance, "g"), (found.hausdorff, ".2f"))
    )
    return (
        Cell(row.name),
        number(found.runs or None, "d"),
        number(found.surface_distance),
        within,
        distance,
        number(found.average_precision_50),
        number(found.mean_average_precision),
    )


def _costs(comparison: Comparison, published: list[tuple[str, Published]]) -> Sheet:
    rows = [_own_costs(row) for row in comparison.rows]
    for kind, paper in published:
        name, dash = Cell(f"{kind} (published)"), Cell(ABSENT)
        parameters, step = number(paper.parameters, ","), number(paper.step_ms, ".0f")
        rows.append((name, dash, parameters, dash, step, dash, dash))
    headings = ("Net", "Seeds", "Parameters", "10⁹ MAC", "ms/step", "s/frame", "MiB")
    trained = [row for row in comparison.rows if row.costs.tile]
    tiles = {row.name: "x".join(map(str, row.costs.tile or ())) for row in trained}
    batches = {row.name: f"{row.costs.batch_size} of {tiles[row.name]}" for row in trained}
    theirs = f"; published: {STEP_IMAGES} of {STEP_SIDE}x{STEP_SIDE}" if published else ""
    notes = (
        f"MAC: multiply-adds {MEASURED['multiply_adds']}; here {_of_each(tiles)}.",
        f"ms/step: {MEASURED['step_ms']}; tiles of a step: {_of_each(batches)}{theirs}.",
        f"s/frame: {MEASURED['frame_s']}.",
        f"MiB, 2²⁰ bytes: {MEASURED['peak_memory']}.",
        *([f"Published: {SOURCE}."] if published else []),
    )
    return Sheet("What each net costs", headings, rows, notes=notes)


def _of_each(sizes: Mapping[str, str]) -> str:
    """What all nets have in common; where they differ, that figures do not compare, and what each has."""
    if len(set(sizes.values())) <= 1:
        return next(iter(sizes.values()), ABSENT)
    return f"not the same, so do not compare ({', '.join(f'{name} {size}' for name, size in sizes.items())})"


def _own_costs(row: NetRow) -> tuple[Cell, ...]:
    costs = row.costs
    adds = None if costs.multiply_adds is None else costs.multiply_adds / GIGA
    memory = None if costs.peak_memory is None else costs.peak_memory / MEBI
    return (
        Cell(row.name),
        number(len(row.runs), "d"),
        number(costs.parameters, ","),
        number(adds, ".3g"),
        number(costs.step_ms, ".4g"),
        number(costs.frame_s, ".3g"),
        number(memory, ",.0f"),
    )


def _pairs(pairs: Sequence[Pair]) -> Sheet:
    rows = [_pair(pair) for pair in pairs]
    headings = ("First net", "Second net", "Δ m-IoU", "95 % interval", "p", "Holm")
    how = (
        "Δ: the first net's m-IoU minus the second's. p: Wilcoxon's signed-rank test on the differences of "
        "frames' m-IoU, averaged within blocks of neighbours; Holm: corrected for the number of pairs."
    )
    return Sheet("Pairs of nets, on the same frames", headings, rows, 2, (how, *(p.sentence for p in pairs)))


def _pair(pair: Pair) -> tuple[Cell, ...]:
    return (
        Cell(pair.first),
        Cell(pair.second),
        number(pair.difference.value, "+.4f"),
        ends(pair.difference, "+.4f", " to "),
        _p_value(pair.p),
        _p_value(pair.p_holm),
    )


def _score_headings(first: str) -> tuple[str, ...]:
    _, *others = HEADINGS.values()
    return ("Net", first, "±", "95 % interval", *others)


def _scores(name: str, figures: Mapping[str, Figure]) -> tuple[Cell, ...]:
    iou, *others = (figures[measure] for measure in HEADINGS)
    rest = (number(figure.interval.value) for figure in others)
    return (Cell(name), number(iou.interval.value), number(iou.spread), ends(iou.interval), *rest)


def _published_scores(kind: str, scores: Mapping[str, float]) -> tuple[Cell, ...]:
    iou, *others = (number(scores.get(measure)) for measure in HEADINGS)
    return (Cell(f"{kind} (published)"), iou, Cell(ABSENT), Cell(ABSENT), *others)


def number(value: float | None, form: str = ".4f", absent: str = ABSENT) -> Cell:
    """A cell with a number; where there is none, or NaN, it says ``absent``.

    Args:
        value: the number.
        form: how it is shown, as `format` takes it.
        absent: what is shown in place of none.
    """
    if value is None or math.isnan(value):
        return Cell(absent)
    return Cell(format(value, form).replace("-", "−"), value)


def ends(interval: Interval, form: str = ".4f", between: str = "–", absent: str = ABSENT) -> Cell:
    """A cell with the ends of an interval; see `number`."""
    if not interval.known:
        return Cell(absent)
    return Cell(between.join(number(end, form).text for end in (interval.low, interval.high)), interval.low)


def _p_value(p: float) -> Cell:
    return Cell(f"<{SMALLEST_P}", p) if p < SMALLEST_P else number(p, ".3f")
