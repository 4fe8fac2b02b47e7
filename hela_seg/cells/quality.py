"""Cells found against true ones: which match, and the average precision.

Average precision is here what the Data Science Bowl 2018 made usual and StarDist and Cellpose report:
TP / (TP + FP + FN) at one threshold of the intersection over union, and not the area under a precision-recall
curve that goes by the same name in object detection. Counts are added up over all frames before they are
divided, as in StarDist's ``matching_dataset``; Cellpose and the Bowl divide frame by frame and take means.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import maximum_bipartite_matching

from hela_seg.cells.overlap import Overlaps, overlaps

Counts = NDArray[np.int64]

IOU_THRESHOLDS = (0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95)
"""Intersections over union from which on two cells count as the same."""


@dataclass(frozen=True, eq=False)
class Matches:
    """Matches of found and true cells at each of S thresholds; those of several frames can be added.

    Attributes:
        thresholds: (S,) least intersections over union.
        true_positives: (S,) int64, pairs of a true and a found cell.
        false_positives: (S,) found cells without a true one.
        false_negatives: (S,) true cells that were not found.
    """

    thresholds: tuple[float, ...]
    true_positives: Counts
    false_positives: Counts
    false_negatives: Counts

    def __add__(self, other: Matches) -> Matches:
        if self.thresholds != other.thresholds:
            raise ValueError(f"matches at thresholds {self.thresholds} and {other.thresholds} do not add up")
        return Matches(
            self.thresholds,
            self.true_positives + other.true_positives,
            self.false_positives + other.false_positives,
            self.false_negatives + other.false_negatives,
        )

    @property
    def average_precision(self) -> NDArray[np.float64]:
        """TP / (TP + FP + FN) at each threshold, (S,); NaN where there is no cell at all."""
        cells = self.true_positives + self.false_positives + self.false_negatives
        nothing = np.full(len(cells), np.nan)
        precision: NDArray[np.float64] = np.divide(self.true_positives, cells, out=nothing, where=cells > 0)
        return precision

    @property
    def mean_average_precision(self) -> float:
        """Mean of the average precision over the thresholds; NaN where there is no cell at all."""
        return float(self.average_precision.mean())


@dataclass(frozen=True, eq=False)
class CellScores:
    """Cells found against true ones, over T frames.

    Attributes:
        matches: of all frames together.
        frames: T.
        true_by_ids: all masks number the true cells; else they are `split_cells` of the true classes.
        found_by_ids: the same of the cells found.
        neck: that classes were split with, see `split_cells`; None where both are by ids, or not recorded.
        least_area: the same.
    """

    matches: Matches
    frames: int
    true_by_ids: bool
    found_by_ids: bool
    neck: float | None
    least_area: int | None

    def to_plain(self) -> dict[str, Any]:
        """The scores as JSON takes them; None stands for what does not exist.

        Keys: ``frames``; ``truth`` and ``found``, ``ids`` of the masks or ``split`` from class maps;
        ``neck`` and ``least_area``; ``true_cells`` and ``found_cells``, their numbers;
        ``mean_average_precision``, over all thresholds; ``thresholds``, a list with ``iou``, the numbers of
        cells ``matched``, ``missed`` (true cells without a found one) and ``extra`` (found cells without a
        true one), ``precision``, ``recall``, ``f1`` and ``average_precision``.
        """
        matches = self.matches
        counts = (matches.true_positives, matches.false_negatives, matches.false_positives)
        rows = [
            {
                "iou": iou,
                "matched": matched,
                "missed": missed,
                "extra": extra,
                "precision": _share(matched, matched + extra),
                "recall": _share(matched, matched + missed),
                "f1": _share(2 * matched, 2 * matched + missed + extra),
                "average_precision": _share(matched, matched + missed + extra),
            }
            for iou, matched, missed, extra in zip(
                matches.thresholds, *(of.tolist() for of in counts), strict=True
            )
        ]
        mean = matches.mean_average_precision
        return {
            "frames": self.frames,
            "truth": "ids" if self.true_by_ids else "split",
            "found": "ids" if self.found_by_ids else "split",
            "neck": self.neck,
            "least_area": self.least_area,
            "true_cells": rows[0]["matched"] + rows[0]["missed"],
            "found_cells": rows[0]["matched"] + rows[0]["extra"],
            "mean_average_precision": None if np.isnan(mean) else mean,
            "thresholds": rows,
        }


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def match_cells(
    truth: NDArray[np.integer[Any]],
    found: NDArray[np.integer[Any]],
    thresholds: tuple[float, ...] = IOU_THRESHOLDS,
) -> Matches:
    """Match the cells of two label maps (H, W), 0 for no cell, each to one at most, as many as possible.

    Truth ``[[1, 1, 0, 2]]`` and found ``[[1, 1, 1, 0]]`` overlap with an IoU of 2/3: at 0.5 there are one
    match, no false positive and one false negative, an average precision of 1/2.

    Args:
        truth: cell numbers.
        found: the same, of the cells to judge.
        thresholds: least intersections over union, above 0 and up to 1.

    Raises:
        ValueError: the shapes differ.
    """
    pairs = overlaps(truth, found)
    shape = len(pairs.first_labels), len(pairs.second_labels)
    matched = [_most_pairs(pairs, pairs.iou >= threshold, shape) for threshold in thresholds]
    positives = np.array(matched, np.int64)
    return Matches(thresholds, positives, shape[1] - positives, shape[0] - positives)


def _most_pairs(pairs: Overlaps, alike: NDArray[np.bool_], shape: tuple[int, int]) -> int:
    """How many pairs of cells that are alike can be formed, no cell being in two of them."""
    links = pairs.first[alike], pairs.second[alike]
    graph = coo_array((np.ones(len(links[0]), bool), links), shape=shape).tocsr()
    return int((maximum_bipartite_matching(graph, perm_type="column") >= 0).sum())
