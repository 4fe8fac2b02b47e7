"""What results are made of: the class maps of a predicted recording, and its frames."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from jobs import classes_of, film, job, levels

from hela_seg.prediction.compute import compute
from hela_seg.prediction.folder import ResultFolder
from hela_seg.prediction.recording import PredictedRecording


def predicted(folder: Path, **found: Any) -> PredictedRecording:
    """Five frames in units of two."""
    net = levels(batch_size=2)
    task, results = job(folder, net, film(5)), ResultFolder(folder / "out")
    list(compute(net, task, results, task.units))
    return PredictedRecording(task, results, 0, **found)


def test_class_maps_are_found_by_frame_and_in_order(tmp_path: Path) -> None:
    expected = classes_of(film(5))
    recording = predicted(tmp_path)
    np.testing.assert_array_equal(list(recording.labels()), expected)
    assert [(t, number) for t, _, number in recording.parts("labels")] == [
        (0, 0),
        (1, 1),
        (2, 0),
        (3, 1),
        (4, 0),
    ]
    some = recording.labels_of({1, 4})
    assert list(some) == [1, 4]
    np.testing.assert_array_equal(some[4], expected[4])


def test_a_frame_that_could_not_be_read_is_black(tmp_path: Path) -> None:
    recording = predicted(tmp_path, unreadable={3: "cut short"})
    assert recording.image(3).max() == 0
    np.testing.assert_array_equal(recording.image(2)[0], film(5)[2])


def test_what_was_not_made_is_not_there(tmp_path: Path) -> None:
    recording = predicted(tmp_path)
    for missing in ("followed", "cell_maps"):
        with pytest.raises(ValueError, match="not"):
            getattr(recording, missing)
