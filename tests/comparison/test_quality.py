"""Boundaries and cells of nets are means over the seeds that were measured alike."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from fabricated import frame_counts, measure, write_run

from hela_seg.comparison import Comparison, compare_runs, find_runs
from hela_seg.report.comparison import write_comparison
from hela_seg.report.sheets import sheets_of


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """U-Nets of three seeds, of which two were measured; a ResNet that was not."""
    for seed in range(3):
        write_run(tmp_path / f"unet {seed}", frame_counts(seed), seed=seed)
    write_run(tmp_path / "resnet", frame_counts(7), net="resnet34_unet")
    measure(tmp_path / "unet 0", 0.8, 0.6)
    measure(tmp_path / "unet 1", 0.9, 0.8)
    return tmp_path


def compared(folder: Path) -> Comparison:
    (comparison,) = compare_runs(find_runs([folder])[0])
    return comparison


def shown(comparison: Comparison) -> dict[str, list[str]]:
    (sheet,) = [sheet for sheet in sheets_of(comparison) if sheet.title == "Boundaries and cells"]
    return {row[0].text: [cell.text for cell in row[1:]] for row in sheet.rows}


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
    assert own["resnet34_unet"]["mean_average_precision"] == ""
    assert own["resnet34_unet"]["seeds_measured"] == "0"


def test_seeds_of_several_tolerances_have_no_mean(folder: Path) -> None:
    measure(folder / "unet 1", 0.9, 0.8, tolerance=5.0)
    assert shown(compared(folder))["unet"] == ["2", "–", "–", "–", "0.7000", "0.3500"]


def test_nets_of_several_tolerances_are_warned_of(folder: Path) -> None:
    measure(folder / "resnet", 0.9, None, tolerance=1.5, unit="micrometres")
    comparison = compared(folder)
    assert shown(comparison)["resnet34_unet"] == ["1", "0.9000", "1.5 µm", "9.00 µm", "–", "–"]
    notes = [note for sheet in sheets_of(comparison) for note in sheet.notes]
    assert "Figures of different tolerances or units cannot be compared." in notes


def test_without_any_there_is_no_table(tmp_path: Path) -> None:
    write_run(tmp_path / "unet", frame_counts())
    assert not [sheet for sheet in sheets_of(compared(tmp_path)) if sheet.title == "Boundaries and cells"]


def test_what_an_evaluation_measured_is_shown_with_the_training_that_it_repeats(tmp_path: Path) -> None:
    write_run(tmp_path / "trained", frame_counts())
    write_run(tmp_path / "evaluated", frame_counts(), step_ms=None)
    measure(tmp_path / "evaluated", 0.7, 0.5)
    comparison = compared(tmp_path)
    (row,) = comparison.rows
    assert (row.costs.step_ms, row.quality.surface_distance) == (100.0, 0.7)
    assert "its boundaries and cells are shown there" in comparison.notes[0]
