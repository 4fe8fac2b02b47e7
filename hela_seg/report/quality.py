"""Boundaries and cells against truth, as tables and as files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console

from hela_seg.comparison.quality import SPLIT_SETTINGS
from hela_seg.data.classes import Classes
from hela_seg.report.tables import ABSENT, SHORT_UNITS, Cell, Sheet, counted, number_cell, print_sheet
from hela_seg.runs import run_folder
from hela_seg.scores.meters import Quality
from hela_seg.system.files import write_table

COUNTS = ("matched", "missed", "extra")
TRACK_SHEETS: dict[str, tuple[dict[str, tuple[str, str]], str]] = {
    "Tracks": (
        {name: (name, ".4f") for name in ("SEG", "DET", "TRA", "LNK")}
        | {
            "complete tracks": ("CT", ".4f"),
            "division F1": ("Div. F1", ".4f"),
            "division F1 within 1 frame": ("within 1", ".4f"),
            "division F1 within 2 frames": ("within 2", ".4f"),
        },
        "SEG, DET, TRA, LNK: the Cell Tracking Challenge's segmentation, detection, tracking and linking "
        "accuracy. CT: complete tracks. Div. F1: of divisions found in the frame, and within 1 and 2 frames "
        "of it.",
    ),
    "Cells and lives over time": (
        {
            "true cells": ("True cells", "g"),
            "found cells": ("Found", "g"),
            "cell count error": ("Count error", ".3f"),
            "duration error": ("Duration error", ".2f"),
        },
        "Count error: differences of the number of cells in each frame, added up, over the true cells. "
        "Duration error: how far the lengths of true and found lives are apart, mean in frames.",
    ),
    "Errors that TRA counts": (
        {
            "missed cells": ("Missed cells", "g"),
            "extra cells": ("Extra cells", "g"),
            "merged cells": ("Merged cells", "g"),
            "missing links": ("Missing links", "g"),
            "extra links": ("Extra links", "g"),
        },
        "Merged: true cells beyond the first in one found cell. Links: of a cell with itself, or with a "
        "daughter, in the next frame.",
    ),
}
"""By titles of tables of tracks: by a score's name its heading and the form of numbers; and a note."""

SHARES = {"precision": "Prec.", "recall": "Recall", "f1": "F1", "average_precision": "AP"}


def quality_to_plain(quality: Quality, classes: Classes) -> dict[str, Any]:
    """What was measured beside pixels, for ``scores.json``: ``boundaries`` and ``cells``, where they were."""
    found: dict[str, Any] = {}
    if quality.boundaries is not None:
        found["boundaries"] = quality.boundaries.to_plain(classes.names)
    if quality.cells is not None:
        found["cells"] = quality.cells.to_plain()
    return found


def write_quality(folder: Path, quality: Quality, classes: Classes) -> None:
    """Write a CSV table of each that was measured: boundaries by class, cells by least IoU.

    Raises:
        InputError: one cannot be written.
    """
    plain = quality_to_plain(quality, classes)
    if "boundaries" in plain:
        boundaries = plain["boundaries"]
        same = {"tolerance": boundaries["tolerance"], "unit": boundaries["unit"]}
        rows = boundaries["classes"] | {"mean": boundaries["mean"]}
        table = [{"class": name} | row | same for name, row in rows.items()]
        write_table(folder / run_folder.BOUNDARY_TABLE, table)
    if "cells" in plain:
        write_table(folder / run_folder.CELL_SCORES_TABLE, plain["cells"]["thresholds"])


def print_quality(quality: Quality, classes: Classes, console: Console | None = None) -> None:
    """Print what was measured beside pixels."""
    for sheet in quality_sheets(quality_to_plain(quality, classes), classes):
        print_sheet(sheet, console)


def quality_sheets(plain: Mapping[str, Any], classes: Classes) -> list[Sheet]:
    """Tables of the boundaries and of the cells, as far as `quality_to_plain` has them."""
    boundaries = [_boundary_sheet(plain["boundaries"], classes)] if "boundaries" in plain else []
    return [*boundaries, *([_cell_sheet(plain["cells"])] if "cells" in plain else [])]


def doubt_of_cells(quality: Quality, classes: int) -> str | None:
    """What to say of label images that number no more cells a frame than a class map has classes."""
    cells = {} if quality.cells is None else quality.cells.to_plain()
    if cells.get("found") != "ids":
        return None
    frames, true, found = (cells[key] for key in ("frames", "true_cells", "found_cells"))
    if not found <= (classes - 1) * frames < true:
        return None
    return (
        f"the label images number {counted(found, 'cell')} in {counted(frames, 'frame')}, the truth {true}: "
        "if they are class maps, as hela_seg.predict writes them, add reading.kind=values"
    )


def write_track_scores(folder: Path, scores: Mapping[str, Mapping[str, float]]) -> None:
    """Write the scores of tracks, a row a recording, and print them; nothing where there are none.

    Raises:
        InputError: the table cannot be written.
    """
    if scores:
        rows = [{"series": name} | {key: f"{v:.6g}" for key, v in of.items()} for name, of in scores.items()]
        write_table(folder / run_folder.TRACK_SCORES_TABLE, rows)
    for sheet in track_sheets(scores):
        print_sheet(sheet)


def track_sheets(scores: Mapping[str, Mapping[str, float]]) -> list[Sheet]:
    """Tracks of each recording against true ones, as `hela_seg.tracking.scores.TrackScorer` has them."""
    return [
        Sheet(
            title,
            ("Series", *(heading for heading, _ in columns.values())),
            [
                (Cell(name), *(number_cell(of.get(key), form) for key, (_, form) in columns.items()))
                for name, of in scores.items()
            ],
            notes=(note,),
        )
        for title, (columns, note) in TRACK_SHEETS.items()
        if scores
    ]


def _boundary_sheet(plain: Mapping[str, Any], classes: Classes) -> Sheet:
    unit, tolerance = SHORT_UNITS[plain["unit"]], plain["tolerance"]
    by_class = plain["classes"]
    rows = []
    for entry in classes:
        own = by_class[entry.name]
        frames = (number_cell(own[key], "d") for key in ("hausdorff_95_frames", "one_sided_frames"))
        rows.append((Cell(entry.name, colour=entry.colour), *_distances(own), *frames))
    rows.append((Cell("mean"), *_distances(plain["mean"]), Cell(""), Cell("")))
    notes = [
        f"NSD (normalised surface distance): the share of boundary pixels, true and found, that lie within "
        f"{tolerance:g} {unit} of the other boundary; 1 is best. HD95 (95 % Hausdorff distance): 95 of 100 "
        "boundary pixels of a frame lie nearer than this; mean and median over the frames."
    ]
    if without := [name for name, own in by_class.items() if own["normalised_surface_distance"] is None]:
        notes.append(
            f"{ABSENT}: no boundary in truth and prediction, left out of the means: {', '.join(without)}."
        )
    if one_sided := [name for name, own in by_class.items() if own["one_sided_frames"]]:
        notes.append(
            "One-sided: frames in which truth or prediction alone has a boundary of "
            f"{', '.join(one_sided)}. HD95 leaves them out, and so flatters; NSD counts them as misses."
        )
    title = f"Boundaries of {counted(plain['frames'], 'frame')}, tolerance {tolerance:g} {unit}"
    headings = ("Class", "NSD", f"HD95 mean, {unit}", f"median, {unit}", "Frames", "One-sided")
    return Sheet(title, headings, rows, notes=tuple(notes))


def _distances(plain: Mapping[str, Any]) -> tuple[Cell, ...]:
    distances = (number_cell(plain[key], ".2f") for key in ("hausdorff_95_mean", "hausdorff_95_median"))
    return (number_cell(plain["normalised_surface_distance"]), *distances)


def _cell_sheet(plain: Mapping[str, Any]) -> Sheet:
    rows = [
        (
            number_cell(row["iou"], ".2f"),
            *(number_cell(row[key], "d") for key in COUNTS),
            *(number_cell(row[key]) for key in SHARES),
        )
        for row in plain["thresholds"]
    ]
    source = {
        "ids": "the objects that masks number",
        "split": "connected parts of the foreground, cut where they form a neck",
    }
    # older files do not say with which settings
    settings = [f"cells.{key}={plain[key]:g}" for key in SPLIT_SETTINGS if plain.get(key) is not None]
    split = f" Split with {' '.join(settings)}." if settings else ""
    true, found = source[plain["truth"]], source[plain["found"]]
    cells = f"Both are {true}" if true == found else f"True cells are {true}; found cells are {found}"
    note = (
        "A true and a found cell match where they share so much of their joint area (IoU, first column). AP "
        f"(average precision): matched / (matched + missed + extra). {cells}.{split}"
    )
    mean = number_cell(plain["mean_average_precision"]).text
    numbers = f"{plain['true_cells']} true, {plain['found_cells']} found, mean AP {mean}"
    title = f"Cells of {counted(plain['frames'], 'frame')}: {numbers}"
    return Sheet(title, ("IoU from", *map(str.capitalize, COUNTS), *SHARES.values()), rows, 0, (note,))
