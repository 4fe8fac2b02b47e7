"""Label images of other programs stand beside nets, without what only a net has."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from fabricated import frame_counts, write_run

from hela_seg.comparison.found import find_runs
from hela_seg.comparison.rows import Comparison, compare_runs
from hela_seg.report.comparison.sheets import sheets_of
from hela_seg.report.comparison.write import html, latex, markdown
from hela_seg.runs.records import Costs, read_record, write_record


def write_labels(folder: Path, seed: int, name: str, labels: str = "/their masks") -> Path:
    """The folder of label images that were scored."""
    path = write_run(folder, frame_counts(seed)) / "run.json"
    record = replace(
        read_record(path),
        net={"name": name},
        seed=None,
        config={"labels": labels, "reading": {"kind": None}},
        hardware={},
        costs=Costs(),
    )
    write_record(path, record)
    assert read_record(path) == record
    return folder


def compared(root: Path) -> Comparison:
    runs, faults = find_runs([root])
    assert faults == []
    (comparison,) = compare_runs(runs)
    return comparison


@pytest.fixture
def both(tmp_path: Path) -> Comparison:
    """A net and label images that happen to bear its name."""
    write_run(tmp_path / "net", frame_counts(1), net="unet")
    write_labels(tmp_path / "labels", 2, "unet")
    return compared(tmp_path)


def test_they_are_told_apart_from_a_net_of_the_same_name(both: Comparison) -> None:
    assert {row.name for row in both.rows} == {"unet", "unet (labels)"}
    assert len(both.pairs) == 1
    published = [cell.text for row in sheets_of(both)[0].rows for cell in row if "published" in cell.text]
    assert published == ["unet (published)"]


def test_their_costs_are_empty_and_those_of_the_net_described(both: Comparison) -> None:
    (costs,) = [sheet for sheet in sheets_of(both) if sheet.title == "What each net costs"]
    by_name = {row[0].text: [cell.text for cell in row[1:]] for row in costs.rows}
    assert by_name["unet (labels)"] == ["1", "–", "–", "–", "–", "–"]
    assert "here 32x64." in costs.notes[0]
    for render in (html, latex, markdown):
        assert "(labels)" in render([both], [])


def test_notes_on_training_and_machines_are_of_nets_alone(both: Comparison) -> None:
    notes = " ".join(both.notes)
    assert "Trained with one seed: unet." in notes
    assert "no net of this program, of which it knows no costs: unet (labels)." in notes
    assert "Times and memory: CPU with 2 threads, 32-true." in notes


def test_label_images_alone_are_compared_without_costs(tmp_path: Path) -> None:
    write_labels(tmp_path / "a", 1, "Cellpose", "/a")
    write_labels(tmp_path / "b", 2, "Cellpose", "/b")
    comparison = compared(tmp_path)
    assert {row.name for row in comparison.rows} == {
        "Cellpose (labels), labels=/a",
        "Cellpose (labels), labels=/b",
    }
    assert not [sheet for sheet in sheets_of(comparison) if "costs" in sheet.title]
    assert not [note for note in comparison.notes if "seed" in note or "Times" in note]
