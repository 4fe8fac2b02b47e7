"""Boundaries and cells against truth, as tables for people and as CSV and JSON."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.text import Text

from hela_seg.comparison.quality import SPLIT_SETTINGS
from hela_seg.data.classes import Classes
from hela_seg.report.tables import ABSENT, SHORT_UNITS, plain_table, print_plain
from hela_seg.runs import run_folder
from hela_seg.scores.boundaries import BoundaryScores
from hela_seg.scores.meters import CellScores, Quality
from hela_seg.system.files import write_table

THRESHOLDS_SHOWN = (0.5, 0.75, 0.9)
"""Intersections over union that are printed; the files have all."""


def quality_to_plain(quality: Quality, classes: Classes) -> dict[str, Any]:
    """What was measured beside pixels, for ``scores.json``: ``boundaries`` and ``cells``, where they were."""
    found: dict[str, Any] = {}
    if quality.boundaries is not None:
        found["boundaries"] = boundaries_to_plain(quality.boundaries, classes)
    if quality.cells is not None:
        found["cells"] = cells_to_plain(quality.cells)
    return found


def write_quality(folder: Path, quality: Quality, classes: Classes) -> None:
    """Write a CSV table of each that was measured.

    Raises:
        InputError: one cannot be written.
    """
    if quality.boundaries is not None:
        write_boundaries(folder / run_folder.BOUNDARY_TABLE, quality.boundaries, classes)
    if quality.cells is not None:
        write_cells(folder / run_folder.CELL_SCORES_TABLE, quality.cells)


def print_quality(quality: Quality, classes: Classes, console: Console | None = None) -> None:
    """Print what was measured beside pixels; see `print_boundaries` and `print_cells`."""
    if quality.boundaries is not None:
        print_boundaries(quality.boundaries, classes, console)
    if quality.cells is not None:
        print_cells(quality.cells, console)


def boundaries_to_plain(scores: BoundaryScores, classes: Classes) -> dict[str, Any]:
    """Distances between boundaries as JSON takes them; None stands for what does not exist.

    Keys: ``tolerance``, ``unit``, ``frames`` (all that were measured), ``classes`` (by name, each with the
    columns of `write_boundaries`) and ``mean`` (over the classes that have a score).
    """
    return {
        "tolerance": scores.tolerance,
        "unit": scores.unit,
        "frames": scores.of,
        "classes": {c.name: _boundary_row(scores, c.index) for c in classes},
        "mean": {
            "normalised_surface_distance": _mean(scores.surface_distance),
            "hausdorff_95_mean": _mean(scores.hausdorff_mean),
            "hausdorff_95_median": _mean(scores.hausdorff_median),
        },
    }


def cells_to_plain(scores: CellScores) -> dict[str, Any]:
    """Cells found against true ones as JSON takes them; None stands for what does not exist.

    Keys: ``frames``, ``truth`` and ``found`` (``ids`` of the masks, or ``split`` from class maps), ``neck``
    and ``least_area`` (that class maps were split with, None where none was), ``true_cells`` and
    ``found_cells`` (their numbers), ``mean_average_precision`` (over all thresholds), and ``thresholds``, a
    list with the columns of `write_cells`.
    """
    nothing_split = scores.true_by_ids and scores.found_by_ids
    return {
        "frames": scores.frames,
        "truth": _source(scores.true_by_ids),
        "found": _source(scores.found_by_ids),
        "neck": None if nothing_split else scores.neck,
        "least_area": None if nothing_split else scores.least_area,
        "true_cells": _true_cells(scores),
        "found_cells": _found_cells(scores),
        "mean_average_precision": _plain(scores.matches.mean_average_precision),
        "thresholds": _cell_rows(scores),
    }


def write_boundaries(path: Path, scores: BoundaryScores, classes: Classes) -> None:
    """Write a row a class, and a row ``mean`` over the classes that have a score.

    Columns: ``class``; ``normalised_surface_distance`` (0 to 1, of all frames pooled);
    ``hausdorff_95_mean`` and ``hausdorff_95_median`` over frames, in the unit of the tolerance;
    ``hausdorff_95_frames``, those with such a distance; ``one_sided_frames``, those in which truth or
    prediction alone has a boundary of the class; ``boundary_pixels`` of both and all frames, and
    ``boundary_pixels_within`` the tolerance, whose quotient is the first; ``tolerance`` and ``unit``.

    Raises:
        InputError: the file cannot be written.
    """
    plain = boundaries_to_plain(scores, classes)
    same = {"tolerance": scores.tolerance, "unit": scores.unit}
    rows = [{"class": name} | row | same for name, row in plain["classes"].items()]
    write_table(path, [*rows, {"class": "mean"} | plain["mean"] | same])


def write_cells(path: Path, scores: CellScores) -> None:
    """Write a row for each least intersection over union from which two cells count as the same.

    Columns: ``iou``; ``matched``, ``missed`` (true cells without a found one) and ``extra`` (found cells
    without a true one), numbers of cells of all frames together; ``precision``, ``recall``, ``f1`` and
    ``average_precision``, matched / (matched + missed + extra).

    Raises:
        InputError: the file cannot be written.
    """
    write_table(path, _cell_rows(scores))


def print_boundaries(scores: BoundaryScores, classes: Classes, console: Console | None = None) -> None:
    """Print the distances of each class, and what was left out of them.

    Args:
        scores: of the K classes.
        classes: in the order of the scores.
        console: where to print; standard output by default.
    """
    console = console or Console()
    unit = SHORT_UNITS[scores.unit]
    numbers = ["NSD", f"HD95 mean, {unit}", f"median, {unit}", "Frames", "One-sided"]
    table = plain_table(["Class"], numbers, console)
    for c in classes:
        nsd, mean, median, frames, one_sided, *_ = _boundary_row(scores, c.index).values()
        table.add_row(
            Text(c.name), _number(nsd), _number(mean, 2), _number(median, 2), f"{frames}", f"{one_sided}"
        )
    table.add_section()
    plain = boundaries_to_plain(scores, classes)
    table.add_row("mean", *map(_number, plain["mean"].values(), (4, 2, 2)), style="bold")
    print_plain(Text(f"Boundaries of {scores.of} frame(s)", style="bold"), console)
    print_plain(table, console)
    for note in boundary_notes(plain):
        _print_note(note, console)


def print_cells(scores: CellScores, console: Console | None = None) -> None:
    """Print how many cells were found at a few least overlaps.

    Args:
        scores: of all frames.
        console: where to print; standard output by default.
    """
    console = console or Console()
    title = (
        f"Cells of {scores.frames} frame(s): {_true_cells(scores)} true, {_found_cells(scores)} found, mean "
        f"AP {_number(_plain(scores.matches.mean_average_precision))}"
    )
    table = plain_table(["IoU from"], ["Matched", "Missed", "Extra", "Prec.", "Recall", "F1", "AP"], console)
    for row in _cell_rows(scores):
        if row["iou"] in THRESHOLDS_SHOWN:
            whole = (str(row[name]) for name in ("matched", "missed", "extra"))
            shares = (_number(row[name]) for name in ("precision", "recall", "f1", "average_precision"))
            table.add_row(f"{row['iou']:g}", *whole, *shares)
    print_plain(Text(title, style="bold"), console)
    print_plain(table, console)
    _print_note(cell_note(cells_to_plain(scores)), console)


def cell_note(plain: Mapping[str, Any]) -> str:
    """What a reader must know of the scores of cells; see `cells_to_plain`."""
    where = {"ids": "as masks number them", "split": "the parts of the foreground, cut at necks"}
    # older files do not say it
    settings = [f"cells.{key}={plain[key]:g}" for key in SPLIT_SETTINGS if plain.get(key) is not None]
    split = f" Split with {' '.join(settings)}." if settings else ""
    return (
        "AP: matched / (matched + missed + extra), mean over IoU 0.5 to 0.95. True cells are "
        f"{where[plain['truth']]}; found ones {where[plain['found']]}.{split}"
    )


def boundary_notes(plain: Mapping[str, Any], absent: str = ABSENT) -> list[str]:
    """What a reader must know of distances between boundaries.

    Args:
        plain: see `boundaries_to_plain`.
        absent: what stands where there is no distance.
    """
    unit = SHORT_UNITS[plain["unit"]]
    notes = [
        "NSD: normalised surface distance, the share of boundary pixels within "
        f"{plain['tolerance']:g} {unit} of the other's, all frames pooled. HD95: 95th percentile of the "
        "distances in a frame, over frames that have one."
    ]
    by_class = plain["classes"].items()
    without = [name for name, of_class in by_class if of_class["normalised_surface_distance"] is None]
    if without:
        notes.append(
            f"{absent}: no boundary in truth and prediction, left out of the means: {', '.join(without)}."
        )
    lone = [name for name, of_class in by_class if of_class["one_sided_frames"]]
    if lone:
        notes.append(
            f"One-sided: frames in which truth or prediction alone has a boundary of {', '.join(lone)}. HD95 "
            "leaves them out, and so flatters; NSD counts them as misses."
        )
    return notes


def _boundary_row(scores: BoundaryScores, index: int) -> dict[str, Any]:
    return {
        "normalised_surface_distance": _plain(scores.surface_distance[index]),
        "hausdorff_95_mean": _plain(scores.hausdorff_mean[index]),
        "hausdorff_95_median": _plain(scores.hausdorff_median[index]),
        "hausdorff_95_frames": int(scores.frames[index]),
        "one_sided_frames": int(scores.one_sided[index]),
        "boundary_pixels": int(scores.pixels[index]),
        "boundary_pixels_within": int(scores.within[index]),
    }


def _cell_rows(scores: CellScores) -> list[dict[str, Any]]:
    matches = scores.matches
    rows = []
    for index, iou in enumerate(matches.thresholds):
        matched, missed, extra = (
            int(of[index])
            for of in (matches.true_positives, matches.false_negatives, matches.false_positives)
        )
        rows.append(
            {
                "iou": iou,
                "matched": matched,
                "missed": missed,
                "extra": extra,
                "precision": _share(matched, matched + extra),
                "recall": _share(matched, matched + missed),
                "f1": _share(2 * matched, 2 * matched + missed + extra),
                "average_precision": _plain(matches.average_precision[index]),
            }
        )
    return rows


def _true_cells(scores: CellScores) -> int:
    return int(scores.matches.true_positives[0] + scores.matches.false_negatives[0])


def _found_cells(scores: CellScores) -> int:
    return int(scores.matches.true_positives[0] + scores.matches.false_positives[0])


def _source(by_ids: bool) -> str:
    return "ids" if by_ids else "split"


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _mean(values: Any) -> float | None:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else None


def _plain(value: float) -> float | None:
    return None if math.isnan(value) else float(value)


def _number(value: float | None, digits: int = 4) -> str:
    return ABSENT if value is None else f"{value:.{digits}f}"


def _print_note(note: str, console: Console) -> None:
    console.print(Text(note), highlight=False, width=min(console.width, 110))
