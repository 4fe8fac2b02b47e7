"""Boundaries and cells, frame after frame."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hela_seg.data.classes import IGNORE_INDEX
from hela_seg.data.stacks import PixelSize
from hela_seg.scores.frames import SegmentedFrame
from hela_seg.scores.meters import BoundaryMeter, CellMeter, Meters
from hela_seg.system.errors import InputError


def frame(truth, found, pixel_size=None, true_cells=None, found_cells=None) -> SegmentedFrame:
    truth, found = (np.atleast_2d(np.array(of, np.uint8)) for of in (truth, found))
    ids = [None if of is None else np.atleast_2d(np.array(of)) for of in (true_cells, found_cells)]
    return SegmentedFrame(Path("a.tif"), pixel_size, truth, found, *ids)


def test_tolerance_and_distances_are_in_micrometres_where_asked_for() -> None:
    meter = BoundaryMeter(2, tolerance=0.5, unit="micrometres")
    meter.add(frame([0, 0, 0, 1, 1, 1], [0, 1, 1, 1, 1, 1], pixel_size=PixelSize(0.5, 0.25)))
    scores = meter.scores
    assert (scores.surface_distance[1], scores.hausdorff_mean[1], scores.unit) == (1, 0.5, "micrometres")


def test_micrometres_need_the_size_of_pixels() -> None:
    with pytest.raises(InputError, match=r"a\.tif does not state the size of its pixels"):
        BoundaryMeter(2, unit="micrometres").add(frame([0, 1], [0, 1]))


def test_cells_that_masks_number_are_taken_as_they_are() -> None:
    meter = CellMeter()
    # the ids tell two cells apart that touch along a whole side, which no neck does
    meter.add(frame([1, 1, 1, 1], [1, 1, 1, 1], true_cells=[3, 3, 7, 7], found_cells=[9, 9, 2, 2]))
    assert meter.scores.matches.true_positives[0] == 2
    assert (meter.scores.true_by_ids, meter.scores.found_by_ids) == (True, True)
    assert (meter.scores.neck, meter.scores.least_area) == (None, None)  # nothing was split


def test_cells_of_class_maps_are_the_parts_of_the_foreground() -> None:
    meter = CellMeter(neck=0.4, least_area=2)
    meter.add(frame([1, 1, 0, 2, 0, 2, 2], [1, 1, 0, 0, 0, 0, 1]))  # one pixel alone is no cell
    matches = meter.scores.matches
    assert (matches.true_positives[0], matches.false_negatives[0], matches.false_positives[0]) == (1, 1, 0)
    assert (meter.scores.neck, meter.scores.least_area) == (0.4, 2)
    assert (meter.scores.true_by_ids, meter.scores.found_by_ids) == (False, False)


def test_cells_are_by_ids_only_where_those_of_all_frames_are() -> None:
    meter = CellMeter()
    for numbered in ({}, {"true_cells": [3], "found_cells": [9]}):
        meter.add(frame([1], [1], **numbered))
    assert (meter.scores.true_by_ids, meter.scores.found_by_ids) == (False, False)


def test_what_is_found_where_truth_is_ignored_is_no_cell() -> None:
    meter = CellMeter()
    meter.add(frame([1, 1, 0, *3 * [IGNORE_INDEX]], [1, 1, 0, 1, 1, 1]))
    meter.add(frame([1, 0, *2 * [IGNORE_INDEX]], [1, 0, 1, 1], found_cells=[4, 0, 5, 5]))
    assert meter.scores.frames == 2
    assert meter.scores.matches.true_positives[0] == 2
    assert meter.scores.matches.false_positives[0] == 0


def test_frames_that_several_processes_measured_count_as_those_of_one() -> None:
    random = np.random.default_rng(0)
    frames = [
        frame(*random.integers(0, 2, (2, 6, 6)), **more) for more in 4 * [{}, {"found_cells": np.eye(6)}]
    ]
    alone, first, *others = (Meters(BoundaryMeter(2), CellMeter()) for _ in range(4))
    for number, one in enumerate(frames):
        alone.add(one)
        (first if number % 3 else others[0]).add(one)  # the last process has no frame
    for other in others:
        first.take_over(other)
    expected, found = alone.quality, first.quality
    assert found.boundaries.to_plain(["a", "b"]) == expected.boundaries.to_plain(["a", "b"])
    assert found.cells.to_plain() == expected.cells.to_plain()
    assert found.cells.frames == found.boundaries.of == 8


def test_what_is_switched_off_is_not_measured() -> None:
    meters = Meters(None, CellMeter())
    meters.add(frame([0, 1], [0, 1]))
    assert meters.quality.boundaries is None
    assert meters.quality.cells is not None


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda: BoundaryMeter(2, tolerance=-1), "boundaries.tolerance is -1, expected 0 or more"),
        (lambda: BoundaryMeter(2, tolerance=None), "boundaries.tolerance is null, expected 0 or more"),
        (lambda: BoundaryMeter(2, unit="inch"), "boundaries.unit is 'inch', expected pixels or micrometres"),
        (lambda: CellMeter(neck=2), "cells.neck is 2, expected a number from 0 to 1"),
        (lambda: CellMeter(neck=None), "cells.neck is null, expected a number from 0 to 1"),
        (lambda: CellMeter(least_area=-1), "cells.least_area is -1"),
        (lambda: CellMeter(least_area=2.5), "cells.least_area is 2.5"),
    ],
)
def test_settings_out_of_range_are_refused(make, expected: str) -> None:
    with pytest.raises(InputError, match=expected):
        make()
