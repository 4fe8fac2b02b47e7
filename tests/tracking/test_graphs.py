"""Cells and edges of any tracker, found in masks or drawn, and what their edges mean."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from followed_cells import DRAWN, FOLLOWED, PLAIN, drawn_discs, followed

from hela_seg.system.errors import InputError
from hela_seg.tracking.graphs import (
    CellGraph,
    cells_in_masks,
    draw_cells,
    edges_of,
    in_order_of_time,
    lives_of_edges,
    lives_of_graph,
)


def graph_of(
    frame: list[int], place: list[tuple[float, float]], edges: list[tuple[int, int]], **known: Any
) -> CellGraph:
    graph = CellGraph(
        Path("a.xml"),
        np.array(frame),
        np.array(place, float).reshape(-1, 2),
        np.array(known.pop("radius", [6.0] * len(frame)), float),
        np.array(edges, np.int64).reshape(-1, 2),
        max(frame) + 1,
        **known,
    )
    return in_order_of_time(graph, np.arange(len(frame)))


def test_edges_mean_the_same_cell_divisions_and_fusions() -> None:
    # a cell that divides into two, of which one is away for a frame; the other one fuses with a third cell
    one = drawn_discs((20, 20), (20, 60))
    two = drawn_discs((14, 20), (27, 20), (20, 60))
    three = drawn_discs((20, 58))
    four = drawn_discs((14, 20), (20, 58))
    lives = followed(one, two, three, four, divisions=False)
    edges = np.array([[0, 2], [0, 3], [1, 4], [4, 5], [3, 5], [2, 6], [5, 7]])
    given = lives_of_edges(edges, lives)
    assert [life.rows.tolist() for life in given.lives] == [[0], [1, 4, 5, 7], [2, 6], [3]]
    assert [(life.parent, life.end, life.into) for life in given.lives] == [
        (0, "division", 0),
        (0, "end", 0),
        (1, "end", 0),
        (1, "fusion", 2),
    ]


def test_the_edges_of_lives_give_these_lives_again() -> None:
    for lives in (PLAIN, FOLLOWED.lives):
        again = lives_of_edges(edges_of(lives), lives)
        for name in ("parent", "daughters", "begin", "end"):
            assert [getattr(life, name) for life in again.lives] == [
                getattr(life, name) for life in lives.lives
            ]
        np.testing.assert_array_equal(again.track, lives.track)


def test_cells_are_found_in_masks_by_their_places() -> None:
    places = np.column_stack([PLAIN.cells["row_px"], PLAIN.cells["column_px"]])
    graph = graph_of(PLAIN.cells["frame"].tolist(), places.tolist(), edges_of(PLAIN).tolist())
    masks = list(cells_in_masks(graph, DRAWN.cells.astype(np.int64) * 1_000_003))
    lives, lost = lives_of_graph(graph, followed(*masks))
    assert lost == 0
    np.testing.assert_array_equal(lives.track, PLAIN.track)
    for mask, cells in zip(masks, DRAWN.cells, strict=True):
        np.testing.assert_array_equal(mask > 0, cells > 0)


def test_masks_of_no_cell_are_left_out_and_cells_without_a_mask_are_counted() -> None:
    masks = [drawn_discs((20, 20), (20, 60)), drawn_discs((20, 22), (40, 40))]
    # the second cell of frame 1 is too far from any mask, the third one has the mask of the first
    graph = graph_of([0, 1, 1, 1], [(20, 31), (20, 22), (55, 75), (21, 22)], [(0, 1)], radius=[6, 6, 3, 3])
    found = list(cells_in_masks(graph, masks))
    np.testing.assert_array_equal(found[0], np.where(masks[0] == 1, 1, 0))
    np.testing.assert_array_equal(found[1] > 0, masks[1] == 1)
    assert lives_of_graph(graph, followed(*found))[1] == 2
    by_number = graph_of([0, 1], [(0, 0), (0, 0)], [(0, 1)], label=np.array([2, 1]))
    np.testing.assert_array_equal(next(cells_in_masks(by_number, masks)), np.where(masks[0] == 2, 1, 0))


def test_cells_are_drawn_as_discs_and_outlines() -> None:
    square = np.array([[30, 30], [30, 40], [40, 40], [40, 30]], float)
    graph = graph_of(
        [0, 0, 1], [(20, 20), (35, 35), (20, 21)], [(0, 2)], size=(60, 80), outlines=[None, square, None]
    )
    first, second = draw_cells(graph)
    assert abs(np.count_nonzero(first == 1) - np.pi * 36) < 8
    assert np.argwhere(first == 2).min(axis=0).tolist() == [30, 30]
    assert np.argwhere(first == 2).max(axis=0).tolist() == [40, 40]
    assert np.unique(second).tolist() == [0, 1]


@pytest.mark.parametrize(
    ("known", "said"),
    [
        ({}, "add masks="),
        ({"size": (60, 80), "radius": [np.nan]}, "add masks="),
        ({"size": (10**6, 10**6)}, "states frames of 1000000x1000000 pixels"),
    ],
)
def test_cells_that_cannot_be_drawn_are_refused(known: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said) as caught:
        next(draw_cells(graph_of([0], [(5, 5)], [], **known)))
    assert "\n" not in str(caught.value)
