"""Boundaries and cells as sheets, from what ``scores.json`` says of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hela_seg.data.classes import Classes
from hela_seg.report.comparison.sheets import Cell, Sheet, number
from hela_seg.report.quality import boundary_notes, cell_note
from hela_seg.report.tables import ABSENT, SHORT_UNITS

DISTANCES = ("hausdorff_95_mean", "hausdorff_95_median")
CELL_COLUMNS = {
    "matched": "Matched",
    "missed": "Missed",
    "extra": "Extra",
    "precision": "Precision",
    "recall": "Recall",
    "f1": "F1",
    "average_precision": "AP",
}
WHOLE = ("matched", "missed", "extra")


def boundary_sheet(plain: Mapping[str, Any], classes: Classes, absent: str = ABSENT) -> Sheet:
    """Distances between the boundaries of each class, and their means over the classes that have one.

    Args:
        plain: as `hela_seg.report.quality.boundaries_to_plain` makes it.
        classes: the K classes.
        absent: what stands in place of a number where there is none.
    """
    rows = [(Cell("mean"), *_distances(plain["mean"], absent), Cell(""), Cell(""))]
    for entry in classes:
        own = plain["classes"][entry.name]
        frames = (number(own[name], "d") for name in ("hausdorff_95_frames", "one_sided_frames"))
        rows.append((Cell(entry.name, colour=entry.colour), *_distances(own, absent), *frames))
    unit = SHORT_UNITS[plain["unit"]]
    headings = ("Class", "NSD", f"HD95 mean, {unit}", f"HD95 median, {unit}", "Frames", "One-sided")
    title = f"Boundaries of {plain['frames']} frame(s), tolerance {plain['tolerance']:g} {unit}"
    return Sheet(title, headings, rows, notes=tuple(boundary_notes(plain, absent)))


def cell_sheet(plain: Mapping[str, Any], absent: str = ABSENT) -> Sheet:
    """Cells found against true ones at each least intersection over union.

    Args:
        plain: as `hela_seg.report.quality.cells_to_plain` makes it.
        absent: what stands in place of a number where there is none.
    """
    rows = []
    forms = {name: "d" if name in WHOLE else ".4f" for name in CELL_COLUMNS}
    for of_overlap in plain["thresholds"]:
        cells = (number(of_overlap[name], form, absent) for name, form in forms.items())
        rows.append((number(of_overlap["iou"], ".2f"), *cells))
    mean = number(plain["mean_average_precision"], absent=absent).text
    counted = f"{plain['true_cells']} true, {plain['found_cells']} found, mean AP {mean}"
    title = f"Cells of {plain['frames']} frame(s): {counted}"
    return Sheet(title, ("IoU from", *CELL_COLUMNS.values()), rows, 0, (cell_note(plain),))


def _distances(plain: Mapping[str, Any], absent: str) -> tuple[Cell, ...]:
    shares = number(plain["normalised_surface_distance"], absent=absent)
    return (shares, *(number(plain[name], ".2f", absent) for name in DISTANCES))
