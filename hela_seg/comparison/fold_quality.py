"""Boundaries and cells of all folds of a cross-validation together, from what each fold counted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hela_seg.comparison.quality import BOUNDARY_WAY, CELL_WAY, mean_of_known, way_of

COUNTED = ("boundary_pixels", "boundary_pixels_within", "hausdorff_95_frames", "one_sided_frames")
MATCHED = ("matched", "missed", "extra")

Plain = Mapping[str, Any]


def pool_quality(folds: Sequence[Plain]) -> dict[str, Any]:
    """What would have been measured, had the test frames of all folds been those of one run.

    Boundary pixels, and cells matched, missed and extra, are added up before they are divided. Of Hausdorff
    distances the means are weighted by the frames that have one; their median over all frames is not known
    from that of each fold, and None.

    Args:
        folds: what each fold's ``scores.json`` says of ``boundaries`` and ``cells``, as
            `hela_seg.report.quality.quality_to_plain` has it.

    Returns:
        The same of all together; without what not every fold has, or was not measured alike, or lacks its
        counts as files of older versions do.
    """
    found: dict[str, Any] = {}
    boundaries, cells = ([fold[key] for fold in folds if key in fold] for key in ("boundaries", "cells"))
    if len(boundaries) == len(folds) and way_of(boundaries, BOUNDARY_WAY) and _counted(boundaries):
        found["boundaries"] = _boundaries(boundaries)
    if len(cells) == len(folds) and way_of(cells, CELL_WAY):
        found["cells"] = _cells(cells)
    return found


def _counted(boundaries: Sequence[Plain]) -> bool:
    return all(set(COUNTED) <= row.keys() for plain in boundaries for row in plain["classes"].values())


def _boundaries(folds: Sequence[Plain]) -> dict[str, Any]:
    names = folds[0]["classes"]
    by_class = {name: _class([fold["classes"][name] for fold in folds]) for name in names}
    shares = ("normalised_surface_distance", "hausdorff_95_mean")
    means = {key: mean_of_known(row[key] for row in by_class.values()) for key in shares}
    return {
        **{key: folds[0][key] for key in BOUNDARY_WAY},
        "frames": sum(fold["frames"] for fold in folds),
        "classes": by_class,
        "mean": {**means, "hausdorff_95_median": None},
    }


def _class(folds: Sequence[Plain]) -> dict[str, Any]:
    counts = {key: sum(fold[key] for fold in folds) for key in COUNTED}
    distances = sum(fold["hausdorff_95_frames"] * (fold["hausdorff_95_mean"] or 0.0) for fold in folds)
    return {
        "normalised_surface_distance": _share(counts["boundary_pixels_within"], counts["boundary_pixels"]),
        "hausdorff_95_mean": _share(distances, counts["hausdorff_95_frames"]),
        "hausdorff_95_median": None,
        **counts,
    }


def _cells(folds: Sequence[Plain]) -> dict[str, Any]:
    rows = [_threshold(same) for same in zip(*(fold["thresholds"] for fold in folds), strict=True)]
    counts = ("frames", "true_cells", "found_cells")
    precisions = [row["average_precision"] for row in rows]
    return {
        **{key: folds[0].get(key) for key in CELL_WAY},
        **{key: sum(fold[key] for fold in folds) for key in counts},
        "mean_average_precision": mean_of_known(precisions),
        "thresholds": rows,
    }


def _threshold(folds: Sequence[Plain]) -> dict[str, Any]:
    counts = {key: sum(fold[key] for fold in folds) for key in MATCHED}
    matched, missed, extra = counts.values()
    return {
        "iou": folds[0]["iou"],
        **counts,
        "precision": _share(matched, matched + extra),
        "recall": _share(matched, matched + missed),
        "f1": _share(2 * matched, 2 * matched + missed + extra),
        "average_precision": _share(matched, sum(counts.values())),
    }


def _share(part: float, whole: float) -> float | None:
    return part / whole if whole else None
