"""The table of areas says what was counted, frame by frame."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
from jobs import film, job, levels

from hela_seg.cells.timecourse import Flicker
from hela_seg.prediction.folder import ResultFolder
from hela_seg.prediction.recording import PredictedRecording
from hela_seg.prediction.results import write_areas


def test_a_hand_worked_table(tmp_path: Path) -> None:
    """Of 100 pixels 75, 20 and 5; the second frame could not be read, and nothing is known of it."""
    two = job(tmp_path, levels(batch_size=1), film(2), cells="none")
    recording = PredictedRecording(
        two,
        ResultFolder(tmp_path / "out"),
        0,
        pixels=[np.array([75, 20, 5]), np.array([0, 0, 0])],
        flicker=[Flicker(1, 8), None],
        unreadable={1: "cut short"},
    )
    write_areas(two, tmp_path / "areas.csv", [recording])
    with (tmp_path / "areas.csv").open() as file:
        first, second = csv.DictReader(file)
    assert [first[f"{name} share"] for name in ("background", "dim", "bright")] == [
        "0.750000",
        "0.200000",
        "0.050000",
    ]
    assert (first["series"], first["frame"], first["dim pixels"], first["dim um2"]) == (
        "film0",
        "0",
        "20",
        "",
    )
    assert (first["pixel flicker"], first["mean entropy"], first["unreadable"]) == ("0.125000", "", "")
    assert (second["dim share"], second["pixel flicker"], second["unreadable"]) == (
        "0.000000",
        "",
        "cut short",
    )
    assert "dim cells" not in first
