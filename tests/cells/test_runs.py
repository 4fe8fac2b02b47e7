"""Runs of pixels and their moments, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from hela_seg.cells.runs import find_runs, moments

LABELS = np.array(
    [
        [7, 7, 0, 3],
        [7, 0, 0, 3],
        [0, 0, 3, 3],
    ]
)


def test_runs_follow_each_other_row_by_row_and_end_where_the_cell_or_the_frame_does() -> None:
    runs = find_runs(LABELS)
    assert runs.labels.tolist() == [3, 7]
    assert runs.cell.tolist() == [1, 0, 1, 0, 0]
    assert runs.row.tolist() == [0, 0, 1, 1, 2]
    assert runs.first.tolist() == [0, 3, 0, 3, 2]
    assert runs.last.tolist() == [1, 3, 0, 3, 3]
    assert runs.length.tolist() == [2, 1, 1, 1, 2]
    assert runs.total(runs.length).tolist() == [4, 3]
    assert runs.least(runs.first).tolist() == [2, 0]
    assert runs.greatest(runs.row).tolist() == [2, 1]


def test_cells_that_touch_are_two_runs() -> None:
    runs = find_runs(np.array([[0, 7, 7, 3]]))
    assert (runs.labels.tolist(), runs.cell.tolist()) == ([3, 7], [1, 0])
    assert (runs.first.tolist(), runs.last.tolist()) == ([1, 3], [2, 3])


def test_area_and_centroid() -> None:
    found = moments(find_runs(LABELS))
    assert found.area.tolist() == [4, 3]
    assert found.row.tolist() == pytest.approx([5 / 4, 1 / 3])
    assert found.column.tolist() == pytest.approx([11 / 4, 1 / 3])


@pytest.mark.parametrize(("shape", "expected"), [((1, 1), 0.0), ((3, 3), 0.0), ((1, 4), 1.0), ((2, 1), 1.0)])
def test_eccentricity_of_a_square_and_a_line(shape: tuple[int, int], expected: float) -> None:
    (found,) = moments(find_runs(np.pad(np.ones(shape, int), 2))).eccentricity
    assert found == pytest.approx(expected)


def test_an_empty_frame_has_no_runs() -> None:
    runs = find_runs(np.zeros((3, 4), int))
    assert [len(runs.labels), len(runs.row)] == [0, 0]
