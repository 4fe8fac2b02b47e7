"""What a reader is told of a comparison's figures."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from fabricated import frame_counts, write_run

from hela_seg.comparison.found import Run, read_run
from hela_seg.comparison.notes import notes_on


def run(folder: Path, net: str = "unet", seed: int = 0, absent: int | None = None) -> Run:
    return read_run(
        write_run(folder / f"{net} {seed}", frame_counts(seed, absent=absent), net=net, seed=seed)
    )


@pytest.mark.parametrize(
    ("frames", "units", "expected"),
    [
        (1, 1, "No 95 % intervals and no tests: a single image does not show"),
        (9, 1, "no tests: 9 neighbouring frames look alike and count as one image, which does"),
        (5, 5, "With fewer than 6 no test can show a difference."),
        (9, 9, "draws of 9 images, at the level"),
        (90, 9, "draws of 9 blocks of neighbouring frames or whole recordings (90 frames in all),"),
    ],
)
def test_intervals_say_what_was_drawn(frames: int, units: int, expected: str, tmp_path: Path) -> None:
    (note,) = [line for line in notes_on([run(tmp_path)], frames, units) if "ntervals" in line]
    assert expected in note
    assert ("Fewer than 10 make them too narrow" in note) == (1 < units < 10)


def test_one_seed_that_was_trained_twice_is_no_second_seed(tmp_path: Path) -> None:
    ran = [run(tmp_path / place, seed=seed) for place, seed in (("a", 3), ("b", 3), ("c", 4))]
    told = "Several runs of one seed count as so many seeds: unet (2 with seed 3)."
    assert told in notes_on(ran, 12, 12)
    assert not [line for line in notes_on(ran[1:], 12, 12) if line.startswith("Several runs")]


def test_few_units_are_not_many(tmp_path: Path) -> None:
    (note,) = [line for line in notes_on([run(tmp_path)], 10, 10) if "ntervals" in line]
    assert "too narrow" not in note
    assert "no test" not in note


def test_nets_of_one_seed_are_named(tmp_path: Path) -> None:
    runs = [run(tmp_path), run(tmp_path, seed=1), run(tmp_path, "resnet34_unet")]
    notes = notes_on(runs, 12, 12)
    assert any(note.startswith("Trained with one seed: resnet34_unet. ") for note in notes)
    assert "Scores are means over seeds, ± their standard deviation over seeds." in notes_on(runs[:2], 12, 12)


def test_classes_that_are_nowhere_true_are_named(tmp_path: Path) -> None:
    notes = notes_on([run(tmp_path, absent=2)], 12, 12)
    assert any(note.startswith("Absent from the truth: spread.") for note in notes)


def test_times_of_two_machines_are_not_to_be_compared(tmp_path: Path) -> None:
    first, second = run(tmp_path), run(tmp_path, seed=1)
    assert notes_on([first, second], 12, 12)[-1] == "Times and memory: CPU with 2 threads, 32-true."
    other = replace(second, record=replace(second.record, hardware={"device": "a GPU"}))
    expected = "cannot be compared: CPU with 2 threads, 32-true (1 runs); a GPU (1 runs)."
    assert notes_on([first, other], 12, 12)[-1].endswith(expected)
