"""Boundaries and cells of a net, over its seeds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from hela_seg.comparison.found import Run

FIRST_THRESHOLD = 0.5

SPLIT_SETTINGS = ("neck", "least_area")
"""Settings with which class maps are split into cells, below ``cells`` in the configuration and in scores."""

BOUNDARY_WAY = ("tolerance", "unit")
CELL_WAY = ("truth", "found", *SPLIT_SETTINGS)
"""What figures must have in common so that a mean of them means something."""


@dataclass(frozen=True)
class NetQuality:
    """What was measured of a net beside pixels: means over seeds; None where there is no such figure.

    Attributes:
        surface_distance: normalised surface distance, mean over classes.
        tolerance: that it was measured with, in ``unit``.
        unit: ``pixels`` or ``micrometres``.
        hausdorff: 95th percentile Hausdorff distance, means over frames and classes, in ``unit``.
        average_precision_50: of cells at an intersection over union of 0.5.
        mean_average_precision: of cells, over all thresholds.
        cells: where these come from: ``truth``, ``found``, ``neck`` and ``least_area`` as `scores.json` has
            them; empty where none were measured.
        runs: seeds of which any of these was measured.
        unlike: ``boundaries`` and ``cells``, as far as seeds were measured in several ways, so that there is
            no mean.
    """

    surface_distance: float | None
    tolerance: float | None
    unit: str | None
    hausdorff: float | None
    average_precision_50: float | None
    mean_average_precision: float | None
    cells: Mapping[str, Any]
    runs: int
    unlike: tuple[str, ...] = ()


def quality_of(runs: Sequence[Run]) -> NetQuality:
    """Boundaries and cells of the runs of one net, of which some may lack them."""
    measured = [run.quality for run in runs if run.quality]
    boundaries = [plain["boundaries"] for plain in measured if "boundaries" in plain]
    cells = [plain["cells"] for plain in measured if "cells" in plain]
    way_of_boundaries, way_of_cells = way_of(boundaries, BOUNDARY_WAY), way_of(cells, CELL_WAY)
    unlike = {"boundaries": way_of_boundaries is None, "cells": way_of_cells is None}
    if way_of_boundaries is None:
        boundaries = []
    if way_of_cells is None:
        cells = []
    return NetQuality(
        surface_distance=mean_of_known(plain["mean"]["normalised_surface_distance"] for plain in boundaries),
        tolerance=(way_of_boundaries or {}).get("tolerance"),
        unit=(way_of_boundaries or {}).get("unit"),
        hausdorff=mean_of_known(plain["mean"]["hausdorff_95_mean"] for plain in boundaries),
        average_precision_50=mean_of_known(map(_at_first_threshold, cells)),
        mean_average_precision=mean_of_known(plain["mean_average_precision"] for plain in cells),
        cells=way_of_cells or {},
        runs=len(measured),
        unlike=tuple(what for what, several in unlike.items() if several),
    )


def way_of(measured: Sequence[Mapping[str, Any]], keys: Sequence[str]) -> dict[str, Any] | None:
    """How figures were measured, by key; empty without figures, None where they were not measured alike.

    Args:
        measured: boundaries or cells of some runs.
        keys: `BOUNDARY_WAY` or `CELL_WAY`; what an older file does not say is None.
    """
    ways = {tuple(plain.get(key) for key in keys) for plain in measured}
    if len(ways) > 1:
        return None
    return {key: value for way in ways for key, value in zip(keys, way, strict=True)}


def _at_first_threshold(cells: Mapping[str, Any]) -> float | None:
    found: float | None = next(
        (row["average_precision"] for row in cells["thresholds"] if row["iou"] == FIRST_THRESHOLD), None
    )
    return found


def mean_of_known(figures: Iterable[float | None]) -> float | None:
    """The mean of those figures that exist; None where none does."""
    known = [figure for figure in figures if figure is not None]
    return fmean(known) if known else None
