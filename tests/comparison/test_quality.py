"""Boundaries and cells of nets are means over the seeds that were measured alike."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from fabricated import frame_counts, measure, write_run

from hela_seg.comparison.found import find_runs
from hela_seg.comparison.rows import Comparison, compare_runs
from hela_seg.report.comparison.sheets import sheets_of
from hela_seg.report.comparison.write import write_comparison


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """U-Nets of three seeds, of which two were measured; a ResNet that was not."""
    for seed in range(3):
        write_run(tmp_path / f"unet {seed}", frame_counts(seed), seed=seed)
    write_run(tmp_path / "resnet", frame_counts(7), net="resnet34_unet")
    measure(tmp_path / "unet 0", 0.8, 0.6, neck=0.5)
    measure(tmp_path / "unet 1", 0.9, 0.8, neck=0.5)
    return tmp_path


def compared(folder: Path) -> Comparison:
    (comparison,) = compare_runs(find_runs([folder])[0])
    return comparison


def shown(comparison: Comparison) -> dict[str, list[str]]:
    (sheet,) = [sheet for sheet in sheets_of(comparison) if sheet.title == "Boundaries and cells"]
    return {row[0].text: [cell.text for cell in row[1:]] for row in sheet.rows}


def notes_of(comparison: Comparison) -> list[str]:
    return [note for sheet in sheets_of(comparison) for note in sheet.notes]


def test_means_are_over_the_seeds_that_were_measured(folder: Path) -> None:
    rows = shown(compared(folder))
    assert rows["unet"] == ["2", "0.8500", "2 px", "8.50 px", "0.7000", "0.3500"]
    assert rows["resnet34_unet"] == ["–"] * 6


def test_the_table_as_csv_has_them_and_leaves_the_others_empty(folder: Path) -> None:
    write_comparison(folder, [compared(folder)], [])
    with (folder / "comparison.csv").open() as file:
        own = {row["net"]: row for row in csv.DictReader(file) if row["source"] == "own"}
    assert float(own["unet"]["normalised_surface_distance"]) == pytest.approx(0.85)
    assert float(own["unet"]["average_precision_50"]) == pytest.approx(0.7)
    assert (own["unet"]["tolerance"], own["unet"]["unit"]) == ("2.0", "pixels")
    assert (own["unet"]["seeds"], own["unet"]["seeds_measured"]) == ("3", "2")
    assert (own["unet"]["found_cells"], own["unet"]["neck"]) == ("split", "0.5")
    assert own["resnet34_unet"]["mean_average_precision"] == ""
    assert own["resnet34_unet"]["seeds_measured"] == "0"


def test_seeds_of_several_tolerances_have_no_mean(folder: Path) -> None:
    measure(folder / "unet 1", 0.9, 0.8, tolerance=5.0, neck=0.5)
    comparison = compared(folder)
    assert shown(comparison)["unet"] == ["2", "–", "–", "–", "0.7000", "0.3500"]
    assert any(note.startswith("unet: no mean of boundaries, which") for note in notes_of(comparison))


def test_nets_of_several_tolerances_are_warned_of(folder: Path) -> None:
    measure(folder / "resnet", 0.9, None, tolerance=1.5, unit="micrometres")
    comparison = compared(folder)
    assert shown(comparison)["resnet34_unet"] == ["1", "0.9000", "1.5 µm", "9.00 µm", "–", "–"]
    assert "Figures of different tolerances or units cannot be compared." in notes_of(comparison)


def test_how_cells_were_split_is_said(tmp_path: Path) -> None:
    for net in ("unet", "resnet34_unet"):
        measure(write_run(tmp_path / net, frame_counts(), net=net), 0.9, 0.8, neck=0.5, least_area=20)
    (cells,) = [note for note in notes_of(compared(tmp_path)) if note.startswith("Cells")]
    expected = (
        "true cells and found cells are parts of the foreground, cut with cells.neck=0.5 cells.least_area=20"
    )
    assert cells == f"Cells: {expected}."


def test_nets_whose_cells_were_split_in_other_ways_are_warned_of(tmp_path: Path) -> None:
    measure(write_run(tmp_path / "unet", frame_counts()), 0.9, 0.8, neck=0.5, least_area=0)
    measure(write_run(tmp_path / "resnet", frame_counts(7), net="resnet34_unet"), 0.9, 0.8)
    (cells,) = [note for note in notes_of(compared(tmp_path)) if note.startswith("Cells")]
    assert cells.startswith("Cells that were split with different settings cannot be compared. ")
    assert "cut with cells.neck=0.5 cells.least_area=0" in cells
    assert "cut with settings that were not recorded" in cells


def test_seeds_whose_cells_were_split_in_other_ways_have_no_mean(tmp_path: Path) -> None:
    for seed in (0, 1):
        run = write_run(tmp_path / f"unet {seed}", frame_counts(seed), seed=seed)
        measure(run, 0.9, 0.8, neck=0.5, least_area=seed)
    comparison = compared(tmp_path)
    assert shown(comparison)["unet"] == ["2", "0.9000", "2 px", "9.00 px", "–", "–"]
    assert any(note.startswith("unet: no mean of cells, which") for note in notes_of(comparison))


def test_without_any_there_is_no_table(tmp_path: Path) -> None:
    write_run(tmp_path / "unet", frame_counts())
    assert not [sheet for sheet in sheets_of(compared(tmp_path)) if sheet.title == "Boundaries and cells"]


def test_what_an_evaluation_measured_is_shown_with_the_training_that_it_repeats(tmp_path: Path) -> None:
    write_run(tmp_path / "trained", frame_counts())
    write_run(tmp_path / "evaluated", frame_counts(), step_ms=None)
    measure(tmp_path / "evaluated", 0.7, 0.5)
    comparison = compared(tmp_path)
    (row,) = comparison.rows
    assert (row.costs.step_ms, row.quality.normalised_surface_distance) == (100.0, 0.7)
    assert "its boundaries and cells are shown there" in comparison.notes[0]
