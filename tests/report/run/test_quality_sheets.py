"""Boundaries and cells as tables of text, from what ``scores.json`` holds."""

from __future__ import annotations

from hela_seg.data.classes import Classes
from hela_seg.report.run.quality_sheets import boundary_sheet, cell_sheet

CLASSES = Classes(["background", {"name": "cell", "colour": "#112233"}])
BOUNDARIES = {
    "tolerance": 0.5,
    "unit": "micrometres",
    "frames": 7,
    "classes": {
        "background": {
            "normalised_surface_distance": None,
            "hausdorff_95_mean": None,
            "hausdorff_95_median": None,
            "hausdorff_95_frames": 0,
            "one_sided_frames": 0,
        },
        "cell": {
            "normalised_surface_distance": 0.98764,
            "hausdorff_95_mean": 1.239,
            "hausdorff_95_median": 1.0,
            "hausdorff_95_frames": 5,
            "one_sided_frames": 2,
        },
    },
    "mean": {"normalised_surface_distance": 0.98764, "hausdorff_95_mean": 1.239, "hausdorff_95_median": 1.0},
}
CELLS = {
    "frames": 7,
    "truth": "ids",
    "found": "split",
    "true_cells": 12,
    "found_cells": 11,
    "mean_average_precision": 0.625,
    "thresholds": [
        {"iou": 0.5, "matched": 10, "missed": 2, "extra": 1, "precision": 0.90909, "recall": 0.83333}
        | {"f1": 0.86957, "average_precision": 0.76923},
        {"iou": 0.9, "matched": 0, "missed": 12, "extra": 11, "precision": 0.0, "recall": 0.0}
        | {"f1": None, "average_precision": 0.0},
    ],
}


def test_boundaries_stand_by_class_below_their_means() -> None:
    sheet = boundary_sheet(BOUNDARIES, CLASSES, absent="n/a")
    assert sheet.title == "Boundaries of 7 frame(s), tolerance 0.5 µm"
    assert sheet.headings == ("Class", "NSD", "HD95 mean, µm", "HD95 median, µm", "Frames", "One-sided")
    assert [[cell.text for cell in row] for row in sheet.rows] == [
        ["mean", "0.9876", "1.24", "1.00", "", ""],
        ["background", "n/a", "n/a", "n/a", "0", "0"],
        ["cell", "0.9876", "1.24", "1.00", "5", "2"],
    ]
    assert sheet.rows[2][0].colour == "#112233"
    _, without, lone = sheet.notes
    assert without.startswith("n/a: no boundary")
    assert without.endswith("background.")
    assert "a boundary of cell." in lone


def test_cells_stand_by_the_overlap_from_which_two_are_the_same() -> None:
    sheet = cell_sheet(CELLS, absent="n/a")
    assert sheet.title == "Cells of 7 frame(s): 12 true, 11 found, mean AP 0.6250"
    assert sheet.headings == ("IoU from", "Matched", "Missed", "Extra", "Precision", "Recall", "F1", "AP")
    assert [[cell.text for cell in row] for row in sheet.rows] == [
        ["0.50", "10", "2", "1", "0.9091", "0.8333", "0.8696", "0.7692"],
        ["0.90", "0", "12", "11", "0.0000", "0.0000", "n/a", "0.0000"],
    ]
    assert sheet.names == 0
    without = cell_sheet(CELLS | {"mean_average_precision": None}, absent="n/a")
    assert without.title.endswith("mean AP n/a")
    assert "True cells are as masks number them; found ones the parts of the foreground" in sheet.notes[0]
