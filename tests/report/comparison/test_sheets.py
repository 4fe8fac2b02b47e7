"""What cells say: numbers in their form, ends of intervals, and what stands where there is none."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from fabricated import frame_counts, write_run

from hela_seg.comparison.found import find_runs
from hela_seg.comparison.rows import compare_runs
from hela_seg.report.comparison import sheets
from hela_seg.report.comparison.sheets import interval_cell, sheets_of
from hela_seg.report.tables import ABSENT, Cell, number_cell
from hela_seg.scores.statistics import Interval


@pytest.mark.parametrize(
    ("value", "form", "expected"),
    [
        (0.12345, ".4f", Cell("0.1235", 0.12345)),
        (-0.5, "+.4f", Cell("−0.5000", -0.5)),
        (0.0, ".4f", Cell("0.0000", 0.0)),
        (12345, ",d", Cell("12,345", 12345)),
        (None, ".4f", Cell(ABSENT)),
        (float("nan"), ".4f", Cell(ABSENT)),
    ],
)
def test_numbers(value: float | None, form: str, expected: Cell) -> None:
    assert number_cell(value, form) == expected


def test_an_interval_is_its_ends_or_nothing() -> None:
    assert interval_cell(Interval(0.5, 0.25, 0.75)) == Cell("0.2500–0.7500", 0.25)
    assert interval_cell(Interval(0.0, -0.25, 0.75), "+.2f", " to ") == Cell("−0.25 to +0.75", -0.25)
    assert interval_cell(Interval(0.5)) == Cell(ABSENT)


def test_costs_are_in_the_units_of_their_headings(tmp_path: Path) -> None:
    write_run(tmp_path / "run", frame_counts(), net="mine")
    *_, costs = sheets_of(compare_runs(find_runs([tmp_path])[0])[0])
    assert costs.headings[1:] == ("Seeds", "Parameters", "10⁹ MAC", "ms/step", "s/frame", "MiB")
    assert [cell.text for cell in costs.rows[0]] == ["mine", "1", "1,234", "5", "100", "0.25", "3"]


def test_steps_of_different_sizes_are_told_net_by_net(tmp_path: Path) -> None:
    write_run(tmp_path / "a", frame_counts())
    path = write_run(tmp_path / "b", frame_counts(1), net="vgg19_unet") / "run.json"
    record = json.loads(path.read_text())
    record["costs"] |= {"batch_size": 4, "tile": [64, 64]}
    path.write_text(json.dumps(record))
    (table,) = compare_runs(find_runs([tmp_path])[0])
    adds, step, *_ = next(sheet for sheet in sheets_of(table) if "costs" in sheet.title).notes
    assert "here not the same, so do not compare (" in adds
    for words, note in (("unet 32x64", adds), ("vgg19_unet 64x64", adds), ("vgg19_unet 4 of 64x64", step)):
        assert words in note


def test_without_a_second_net_there_are_no_pairs(tmp_path: Path) -> None:
    write_run(tmp_path / "one", frame_counts(), net="mine")
    assert "Pairs" not in {s.title.split()[0] for s in sheets_of(compare_runs(find_runs([tmp_path])[0])[0])}
    write_run(tmp_path / "two", frame_counts(1, 0.7), net="yours")
    (comparison,) = compare_runs(find_runs([tmp_path])[0])
    pairs = sheets_of(comparison)[-1]
    first, second, difference, *_ = pairs.rows[0]
    better, worse = comparison.rows
    assert (first.text, second.text) == (better.name, worse.name)
    assert difference.value == pytest.approx(
        better.means["iou"].interval.value - worse.means["iou"].interval.value
    )


def test_of_many_pairs_those_of_the_best_nets_are_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sheets, "PAIRS_SHOWN", 2)
    for number in range(3):
        write_run(tmp_path / f"{number}", frame_counts(number), net=f"net{number}")
    (comparison,) = compare_runs(find_runs([tmp_path])[0])
    pairs = sheets_of(comparison)[-1]
    assert [row[0].text for row in pairs.rows] == [comparison.rows[0].name] * 2
    assert "1 further pair," in pairs.notes[-1]
    assert len(comparison.pairs) == 3
