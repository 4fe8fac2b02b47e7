"""Area, place, elongation, perimeter and hull of cells, by hand and as scikit-image has them."""

from __future__ import annotations

import numpy as np
import pytest
from skimage.measure import perimeter
from skimage.morphology import convex_hull_image

from hela_seg.cells.shapes import convex_areas, find_runs, moments, perimeters

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


SHAPES = {
    "square": np.ones((4, 4)),
    "corner": np.array([[1, 0, 0, 0], [1, 0, 0, 0], [1, 1, 1, 1]]),
    "ring": np.pad(np.zeros((3, 3)), 1, constant_values=1),
    "diagonal": np.eye(5),
    "cross": np.array([[0, 1, 0], [1, 1, 1], [0, 1, 0]]),
}


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("turns", range(4))
def test_shapes_measure_as_in_scikit_image(name: str, turns: int) -> None:
    mask = np.pad(np.rot90(SHAPES[name], turns), 2).astype(int)
    runs = find_runs(mask)
    assert perimeters(mask, runs) == pytest.approx([perimeter(mask, 4)])
    assert convex_areas(runs).tolist() == [convex_hull_image(mask).sum()]


def test_a_square_of_four_by_hand() -> None:
    mask = np.ones((4, 4), int)
    assert perimeters(mask, find_runs(mask)).tolist() == [12]  # between the middles of its border's pixels
    assert convex_areas(find_runs(mask)).tolist() == [16]


def test_in_rectangular_pixels_each_step_has_its_own_length() -> None:
    square, diagonal, line = np.ones((4, 4), int), np.eye(5, dtype=int), np.ones((5, 1), int)
    assert perimeters(square, find_runs(square), height=3.0, width=0.5).tolist() == [
        2 * 3 * 3.0 + 2 * 3 * 0.5
    ]
    (in_squares,) = perimeters(diagonal, find_runs(diagonal))
    assert perimeters(diagonal, find_runs(diagonal), 3.0, 4.0) == pytest.approx([in_squares / 2**0.5 * 5.0])
    (in_squares,) = perimeters(line, find_runs(line))
    assert perimeters(line, find_runs(line), 3.0, 4.0) == pytest.approx([in_squares * 3.0])


def test_a_neighbour_is_outside() -> None:
    two = np.array([[1, 1, 1, 2, 2, 2]] * 3)
    alone = np.array([[1, 1, 1]] * 3)
    (expected,) = perimeters(alone, find_runs(alone))
    assert perimeters(two, find_runs(two)).tolist() == [expected, expected]
