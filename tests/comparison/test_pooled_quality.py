"""Boundaries and cells of folds together are those of one test on all of their frames."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from hela_seg.comparison.quality import pool_quality
from hela_seg.data.classes import Classes
from hela_seg.report.quality import quality_to_plain
from hela_seg.scores.frames import SegmentedFrame
from hela_seg.scores.meters import BoundaryMeter, CellMeter, Meters

CLASSES = Classes(["background", "round", "debris"])
Maps = NDArray[np.uint8]


def maps_of(seed: int) -> tuple[Maps, Maps]:
    """Truth and what was found, one a little beside the other; frames without debris, and with it alone."""
    random = np.random.default_rng(seed)
    truth = np.zeros((40, 50), np.uint8)
    for value in (1, 1, 2)[: int(random.integers(2, 4))]:
        row, column = random.integers(1, 28, 2)
        truth[row : row + 10, column : column + 11] = value
    found = np.roll(truth, tuple(random.integers(-3, 4, 2)), (0, 1))
    found[:2, :2] = 2 * (seed % 2)
    return truth, found


def measured(seeds: Sequence[int], neck: float = 0.5, tolerance: float = 2.0) -> dict[str, Any]:
    meters = Meters(BoundaryMeter(len(CLASSES), tolerance), CellMeter(neck, 1))
    for seed in seeds:
        meters.add(SegmentedFrame(Path("frame"), None, *maps_of(seed)))
    return quality_to_plain(meters.quality, CLASSES)


def without_medians(plain: dict[str, Any]) -> dict[str, Any]:
    """What is known of all folds together."""
    rows = [plain["boundaries"]["mean"], *plain["boundaries"]["classes"].values()]
    for row in rows:
        row["hausdorff_95_median"] = None
    return plain


def flat(plain: Any, path: str = "") -> dict[str, Any]:
    items = plain.items() if isinstance(plain, dict) else enumerate(plain)
    return {
        name: value
        for key, below in items
        for name, value in (
            flat(below, f"{path}/{key}") if isinstance(below, dict | list) else {f"{path}/{key}": below}
        ).items()
    }


def test_folds_of_different_sizes_together_are_one_test_of_all_frames() -> None:
    pooled = pool_quality([measured(range(5)), measured([5]), measured(range(6, 13))])
    expected = flat(without_medians(measured(range(13))))
    assert flat(pooled).keys() == expected.keys()
    for path, value in flat(pooled).items():
        assert value == (pytest.approx(expected[path]) if isinstance(value, float) else expected[path]), path


@pytest.mark.parametrize(
    ("second", "left"),
    [
        ({}, set()),
        (measured([1], neck=0.3), {"boundaries"}),
        (measured([1], tolerance=3), {"cells"}),
        ({"cells": measured([1])["cells"]}, {"cells"}),
    ],
)
def test_what_not_all_folds_measured_alike_is_left_out(second: dict[str, Any], left: set[str]) -> None:
    assert pool_quality([measured([0]), second]).keys() == left


def test_boundaries_of_older_files_that_lack_their_counts_are_left_out() -> None:
    older = measured([1])
    for row in older["boundaries"]["classes"].values():
        del row["boundary_pixels"]
    assert pool_quality([measured([0]), older]).keys() == {"cells"}


def test_a_class_and_cells_that_are_nowhere_have_no_score() -> None:
    meters = Meters(BoundaryMeter(len(CLASSES)), CellMeter())
    meters.add(SegmentedFrame(Path("frame"), None, *np.zeros((2, 9, 9), np.uint8)))
    plain = quality_to_plain(meters.quality, CLASSES)
    pooled = pool_quality([plain, plain])
    assert pooled["boundaries"]["mean"]["normalised_surface_distance"] is None
    assert pooled["boundaries"]["classes"]["round"]["hausdorff_95_mean"] is None
    assert pooled["cells"]["mean_average_precision"] is None
