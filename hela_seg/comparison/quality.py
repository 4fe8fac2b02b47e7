"""Boundaries and cells of a net, over its seeds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from hela_seg.comparison.found import Run

FIRST_THRESHOLD = 0.5


@dataclass(frozen=True)
class NetQuality:
    """What was measured of a net beside pixels: means over seeds; None where there is no such figure.

    Attributes:
        surface_distance: normalised surface distance, mean over classes; None, too, where seeds were measured
            with several tolerances, as ``tolerance``, ``unit`` and ``hausdorff`` are then.
        tolerance: that it was measured with, in ``unit``.
        unit: ``pixels`` or ``micrometres``.
        hausdorff: 95th percentile Hausdorff distance, means over frames and classes, in ``unit``.
        average_precision_50: of cells at an intersection over union of 0.5.
        mean_average_precision: of cells, over all thresholds.
        runs: seeds of which any of these was measured.
    """

    surface_distance: float | None
    tolerance: float | None
    unit: str | None
    hausdorff: float | None
    average_precision_50: float | None
    mean_average_precision: float | None
    runs: int


def quality_of(runs: Sequence[Run]) -> NetQuality:
    """Boundaries and cells of the runs of one net, of which some may lack them."""
    measured = [run.quality for run in runs if run.quality]
    boundaries = [plain["boundaries"] for plain in measured if "boundaries" in plain]
    cells = [plain["cells"] for plain in measured if "cells" in plain]
    ways = {(plain["tolerance"], plain["unit"]) for plain in boundaries}
    if len(ways) != 1:
        boundaries, ways = [], {(None, None)}
    ((tolerance, unit),) = ways
    return NetQuality(
        _mean(plain["mean"]["normalised_surface_distance"] for plain in boundaries),
        tolerance,
        unit,
        _mean(plain["mean"]["hausdorff_95_mean"] for plain in boundaries),
        _mean(map(_at_first_threshold, cells)),
        _mean(plain["mean_average_precision"] for plain in cells),
        len(measured),
    )


def _at_first_threshold(cells: Mapping[str, Any]) -> float | None:
    found: float | None = next(
        (row["average_precision"] for row in cells["thresholds"] if row["iou"] == FIRST_THRESHOLD), None
    )
    return found


def _mean(figures: Iterable[float | None]) -> float | None:
    known = [figure for figure in figures if figure is not None]
    return fmean(known) if known else None
