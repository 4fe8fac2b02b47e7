"""Boundaries and cells in print and in files."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from hela_seg.cells import CellScores, match_cells
from hela_seg.data.classes import Classes
from hela_seg.report.quality import (
    print_quality,
    quality_sheets,
    quality_to_plain,
    track_sheets,
    write_quality,
)
from hela_seg.report.tables import print_sheet
from hela_seg.scores.boundaries import BoundaryScores
from hela_seg.scores.meters import Quality
from hela_seg.tracking.scores import MEASURES

CLASSES = Classes(["background", "round", "debris"])
BOUNDARIES = BoundaryScores(
    surface_distance=np.array([0.9, 0.5, np.nan]),
    hausdorff_mean=np.array([1.5, 4.0, np.nan]),
    hausdorff_median=np.array([1.0, 3.0, np.nan]),
    frames=np.array([20, 18, 0]),
    one_sided=np.array([0, 2, 0]),
    within=np.array([90, 20, 0]),
    pixels=np.array([100, 40, 0]),
    of=20,
    tolerance=2.0,
    unit="pixels",
)
# an IoU of 2/3: matched up to 0.65
CELLS = CellScores(match_cells(np.array([[1, 1, 0, 2]]), np.array([[4, 4, 4, 0]])), 1, True, False, 0.4, 9)
QUALITY = Quality(BOUNDARIES, CELLS)


def printed(quality: Quality) -> str:
    file = io.StringIO()
    print_quality(quality, CLASSES, Console(file=file, width=80))
    return file.getvalue()


def row(text: str, name: str) -> list[str]:
    return next(line for line in text.splitlines() if line.strip().startswith(name)).split()[1:]


def test_each_class_has_its_distances_and_what_was_left_out_is_said() -> None:
    text = printed(QUALITY)
    assert row(text, "round") == ["0.5000", "4.00", "3.00", "18", "2"]
    assert row(text, "debris") == ["–", "–", "–", "0", "0"]
    assert row(text, "mean") == ["0.7000", "2.75", "2.00"]
    assert "left out of the means: debris" in text
    assert "alone has a boundary of round" in text
    assert "within 2 px" in text


def test_cells_are_counted_at_each_overlap() -> None:
    text = printed(QUALITY)
    assert "2 true, 1 found, mean AP 0.2000" in text
    assert row(text, "0.50 ") == ["1", "1", "0", "1.0000", "0.5000", "0.6667", "0.5000"]
    assert row(text, "0.90 ") == ["0", "2", "1", "0.0000", "0.0000", "0.0000", "0.0000"]
    assert "True cells are the objects that masks number" in " ".join(text.split())


def test_how_class_maps_were_split_is_said_where_they_were() -> None:
    plain = quality_to_plain(QUALITY, CLASSES)["cells"]
    assert (plain["neck"], plain["least_area"]) == (0.4, 9)
    assert "Split with cells.neck=0.4 cells.least_area=9." in " ".join(printed(QUALITY).split())
    numbered = replace(CELLS, found_by_ids=True, neck=None, least_area=None)
    assert "cells.neck" not in printed(Quality(None, numbered))


def test_pages_have_the_colour_of_each_class() -> None:
    boundaries, cells = quality_sheets(quality_to_plain(QUALITY, CLASSES), CLASSES)
    assert [row[0].colour for row in boundaries.rows] == [*(entry.colour for entry in CLASSES), None]
    assert boundaries.title == "Boundaries of 20 frames, tolerance 2 px"
    assert cells.title == "Cells of 1 frame: 2 true, 1 found, mean AP 0.2000"
    assert len(cells.rows) == 10


def test_a_score_that_is_nothing_over_nothing_is_a_dash() -> None:
    nothing = CellScores(match_cells(*np.zeros((2, 3, 3), int)), 1, True, True, None, None)
    (cells,) = quality_sheets(quality_to_plain(Quality(None, nothing), CLASSES), CLASSES)
    assert cells.title.endswith("0 true, 0 found, mean AP –")
    assert [cell.text for cell in cells.rows[0]] == ["0.50", "0", "0", "0", "–", "–", "–", "–"]


def test_tables_fit_80_columns() -> None:
    assert max(map(len, printed(QUALITY).splitlines())) <= 80


def test_files_hold_what_the_json_holds(tmp_path: Path) -> None:
    write_quality(tmp_path, QUALITY, CLASSES)
    plain = quality_to_plain(QUALITY, CLASSES)
    with (tmp_path / "boundary_scores.csv").open() as file:
        by_class = {line["class"]: line for line in csv.DictReader(file)}
    assert list(by_class) == ["background", "round", "debris", "mean"]
    assert float(by_class["round"]["hausdorff_95_mean"]) == 4.0
    assert by_class["debris"]["normalised_surface_distance"] == ""
    assert (by_class["round"]["hausdorff_95_frames"], by_class["round"]["one_sided_frames"]) == ("18", "2")
    assert plain["boundaries"]["classes"]["round"]["normalised_surface_distance"] == 0.5
    assert plain["boundaries"]["mean"]["hausdorff_95_median"] == 2.0
    with (tmp_path / "cell_scores.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [float(line["iou"]) for line in rows] == [line["iou"] for line in plain["cells"]["thresholds"]]
    assert (rows[0]["matched"], rows[0]["missed"], rows[0]["extra"]) == ("1", "1", "0")
    assert plain["cells"]["mean_average_precision"] == pytest.approx(0.2)
    assert (plain["cells"]["truth"], plain["cells"]["found"]) == ("ids", "split")


def test_what_was_not_measured_is_nowhere(tmp_path: Path) -> None:
    nothing = Quality(None, None)
    write_quality(tmp_path, nothing, CLASSES)
    assert quality_to_plain(nothing, CLASSES) == {}
    assert printed(nothing) == ""
    assert list(tmp_path.iterdir()) == []


def test_tables_of_tracks_fit_a_terminal_of_80_columns() -> None:
    names = [*MEASURES, "true cells", "found cells", "cell count error", "duration error"]
    scores = {name: 12345.0 if name.endswith(("cells", "links")) else 1.0 for name in names}
    sheets = track_sheets({"culture-01": scores})
    assert [len(sheet.rows) for sheet in sheets] == [1, 1, 1]
    for sheet in sheets:
        print_sheet(sheet, Console(file=(file := io.StringIO()), width=80))
        assert all(heading in file.getvalue() for heading in sheet.headings)
        assert "culture-01" in file.getvalue()
