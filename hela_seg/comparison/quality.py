"""Boundaries and cells of a net: means over its seeds, and all folds of a cross-validation together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

import numpy as np

from hela_seg.cells import CellScores, Matches
from hela_seg.comparison.found import TRACKS, Run
from hela_seg.scores.boundaries import BoundaryScores
from hela_seg.scores.confusion import divide

FIRST_THRESHOLD = 0.5

SPLIT_SETTINGS = ("neck", "least_area")
"""Settings with which class maps are split into cells, below ``cells`` in the configuration and in scores."""

BOUNDARY_METHOD = ("tolerance", "unit")
CELL_METHOD = ("truth", "found", *SPLIT_SETTINGS)
"""What figures must have in common so that a mean of them means something."""

COUNTED = ("boundary_pixels", "boundary_pixels_within", "hausdorff_95_frames", "one_sided_frames")

Plain = Mapping[str, Any]


@dataclass(frozen=True)
class NetQuality:
    """What was measured of a net beside pixels: means over seeds; None where there is no such figure.

    Attributes:
        normalised_surface_distance: mean over classes.
        tolerance: of that distance, in ``unit``.
        unit: ``pixels`` or ``micrometres``.
        hausdorff_95_mean: 95th percentile Hausdorff distance, means over frames and classes, in ``unit``.
        average_precision_50: of cells at an intersection over union of 0.5.
        mean_average_precision: of cells, over all thresholds.
        cells: values of `CELL_METHOD` by key; empty where no cells were measured.
        seeds_measured: seeds of which any of these was measured.
        inconsistent: ``boundaries`` and ``cells``, where they were measured with other settings for one seed
            than for another, so that there is no mean.
        tracking_accuracy: TRA of the Cell Tracking Challenge, mean over recordings.
        division_f1: of divisions found within one frame, mean over recordings.
        cell_count_error: differences of the number of cells in each frame over the true cells, likewise.
        duration_error: frames that the lengths of true and found lives are apart, likewise.
    """

    normalised_surface_distance: float | None
    tolerance: float | None
    unit: str | None
    hausdorff_95_mean: float | None
    average_precision_50: float | None
    mean_average_precision: float | None
    cells: Mapping[str, Any]
    seeds_measured: int
    inconsistent: tuple[str, ...] = ()
    tracking_accuracy: float | None = None
    division_f1: float | None = None
    cell_count_error: float | None = None
    duration_error: float | None = None


def quality_of(runs: Sequence[Run]) -> NetQuality:
    """Boundaries and cells of the runs of one net, of which some may lack them."""
    boundaries = [run.quality["boundaries"] for run in runs if "boundaries" in run.quality]
    cells = [run.quality["cells"] for run in runs if "cells" in run.quality]
    boundary_method, cell_method = _method(boundaries, BOUNDARY_METHOD), _method(cells, CELL_METHOD)
    tracks = [of for run in runs for of in run.quality.get(TRACKS, {}).values()]
    inconsistent = {"boundaries": boundary_method is None, "cells": cell_method is None}
    means = [] if boundary_method is None else [plain["mean"] for plain in boundaries]
    cells = [] if cell_method is None else cells
    at_first = (row for plain in cells for row in plain["thresholds"] if row["iou"] == FIRST_THRESHOLD)
    return NetQuality(
        normalised_surface_distance=_mean(mean["normalised_surface_distance"] for mean in means),
        tolerance=(boundary_method or {}).get("tolerance"),
        unit=(boundary_method or {}).get("unit"),
        hausdorff_95_mean=_mean(mean["hausdorff_95_mean"] for mean in means),
        average_precision_50=_mean(row["average_precision"] for row in at_first),
        mean_average_precision=_mean(plain["mean_average_precision"] for plain in cells),
        cells=cell_method or {},
        seeds_measured=sum(bool(run.quality) for run in runs),
        inconsistent=tuple(what for what, several in inconsistent.items() if several),
        tracking_accuracy=_mean(of.get("TRA") for of in tracks),
        division_f1=_mean(of.get("division F1 within 1 frame") for of in tracks),
        cell_count_error=_mean(of.get("cell count error") for of in tracks),
        duration_error=_mean(of.get("duration error") for of in tracks),
    )


def pool_quality(folds: Sequence[Plain]) -> dict[str, Any]:
    """Boundaries and cells, as in ``scores.json``, as if the test frames of all folds were those of one run.

    Boundary pixels, and cells matched, missed and extra, are added up before they are divided. Of Hausdorff
    distances the means are weighted by the frames that have one; their median is not known and None. What a
    fold lacks, or measured with other settings than the others, is left out, and so are boundaries without
    counts, as files of older versions have them.
    """
    found: dict[str, Any] = {}
    boundaries, cells = ([fold[key] for fold in folds if key in fold] for key in ("boundaries", "cells"))
    counted = all(set(COUNTED) <= row.keys() for plain in boundaries for row in plain["classes"].values())
    if counted and len(boundaries) == len(folds) and _method(boundaries, BOUNDARY_METHOD):
        found["boundaries"] = _pool_boundaries(boundaries)
    if len(cells) == len(folds) and _method(cells, CELL_METHOD):
        found["cells"] = _pool_cells(cells)
    return found


def _pool_boundaries(folds: Sequence[Plain]) -> dict[str, Any]:
    names = list(folds[0]["classes"])
    rows = [[fold["classes"][name] for name in names] for fold in folds]
    counts = {key: np.array([[row[key] for row in fold] for fold in rows]) for key in COUNTED}
    distances = np.array([[row["hausdorff_95_mean"] or 0.0 for row in fold] for fold in rows])
    pixels, within, frames, one_sided = (of.sum(axis=0) for of in counts.values())
    return BoundaryScores(
        surface_distance=divide(within, pixels),
        hausdorff_mean=divide((counts["hausdorff_95_frames"] * distances).sum(axis=0), frames),
        hausdorff_median=np.full(len(names), np.nan),
        frames=frames,
        one_sided=one_sided,
        within=within,
        pixels=pixels,
        of=sum(fold["frames"] for fold in folds),
        tolerance=folds[0]["tolerance"],
        unit=folds[0]["unit"],
    ).to_plain(names)


def _pool_cells(folds: Sequence[Plain]) -> dict[str, Any]:
    first = folds[0]
    matched, missed, extra = (
        np.sum([[row[key] for row in fold["thresholds"]] for fold in folds], axis=0)
        for key in ("matched", "missed", "extra")
    )
    matches = Matches(tuple(row["iou"] for row in first["thresholds"]), matched, extra, missed)
    by_ids = (first["truth"] == "ids", first["found"] == "ids")
    frames = sum(fold["frames"] for fold in folds)
    return CellScores(matches, frames, *by_ids, first.get("neck"), first.get("least_area")).to_plain()


def _method(measured: Sequence[Plain], keys: Sequence[str]) -> dict[str, Any] | None:
    """How figures were measured, by key; empty without figures, None where the settings differ."""
    methods = {tuple(plain.get(key) for key in keys) for plain in measured}  # older files lack some
    if len(methods) > 1:
        return None
    return {key: value for method in methods for key, value in zip(keys, method, strict=True)}


def _mean(figures: Iterable[float | None]) -> float | None:
    """The mean of the figures that exist; None where none does."""
    known = [figure for figure in figures if figure is not None]
    return fmean(known) if known else None
