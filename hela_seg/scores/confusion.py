"""Scores of a segmentation from counted pixels, with NumPy alone: reading results needs no PyTorch."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Scores:
    """Scores by class, each (K,) float64 from 0 to 1, and their means over classes.

    A class absent from truth and prediction is NaN in every score. A single score that is 0/0, such as the
    recall of a class that is predicted but nowhere true, is NaN too, while IoU and Dice of that class are 0.
    Means leave NaN out; the mean of nothing is NaN. Where `scores_of` was given several matrices at once,
    scores are (..., K), and only `mean_over_classes` gives their means.
    """

    precision: FloatArray
    recall: FloatArray
    iou: FloatArray
    dice: FloatArray
    accuracy: FloatArray

    @property
    def mean_iou(self) -> float:
        """The paper's m-IoU: mean intersection over union over the classes present."""
        return float(mean_over_classes(self.iou))

    @property
    def mean_dice(self) -> float:
        """Mean Dice over the classes present."""
        return float(mean_over_classes(self.dice))

    def to_plain(self) -> dict[str, Any]:
        """Lists by class and ``mean_`` figures, as JSON takes them: None stands for NaN."""
        plain: dict[str, Any] = {}
        for field in fields(self):
            values = getattr(self, field.name)
            plain[field.name] = to_plain(values)
            plain[f"mean_{field.name}"] = to_plain(mean_over_classes(values))
        return plain


def scores_of(matrix: npt.NDArray[np.integer[Any]]) -> Scores:
    """Score a confusion matrix, or each of several.

    Args:
        matrix: counts (K, K) of any integer type, rows are the truth and columns the prediction; or
            (..., K, K), one matrix a frame for instance.

    Returns:
        Scores (K,), or (..., K).

    Raises:
        ValueError: the matrix is not square or not of integers.

    Example:
        ``scores_of(np.array([[2, 1], [0, 1]])).iou`` is 2/3 and 1/2.
    """
    counts = np.asarray(matrix)
    if counts.ndim < 2 or counts.shape[-2] != counts.shape[-1] or not np.issubdtype(counts.dtype, np.integer):
        raise ValueError(f"matrix is {counts.dtype} {counts.shape}, expected integers of shape (K, K)")
    true_positive = counts.diagonal(axis1=-2, axis2=-1)
    false_positive = counts.sum(axis=-2) - true_positive
    false_negative = counts.sum(axis=-1) - true_positive
    total = counts.sum(axis=(-2, -1))[..., np.newaxis]
    true_negative = total - true_positive - false_positive - false_negative
    return scores_from_counts(true_positive, false_positive, false_negative, true_negative)


def scores_from_counts(
    true_positive: npt.ArrayLike,
    false_positive: npt.ArrayLike,
    false_negative: npt.ArrayLike,
    true_negative: npt.ArrayLike,
) -> Scores:
    """Score each class against the rest, from its pixel counts (K,).

    With TP, FP, FN and TN: precision TP / (TP + FP), recall TP / (TP + FN), IoU TP / (TP + FP + FN), Dice
    2 TP / (2 TP + FP + FN), accuracy (TP + TN) / (TP + FP + FN + TN), as in the paper.
    """
    tp, fp, fn, tn = (
        np.asarray(count, dtype=np.float64)
        for count in (true_positive, false_positive, false_negative, true_negative)
    )
    seen = tp + fp + fn
    return Scores(
        precision=divide(tp, tp + fp),
        recall=divide(tp, tp + fn),
        iou=divide(tp, seen),
        dice=divide(2 * tp, tp + seen),
        accuracy=divide(np.where(seen > 0, tp + tn, np.nan), seen + tn),
    )


def divide(numerator: npt.NDArray[Any], denominator: npt.NDArray[Any]) -> FloatArray:
    """The quotients of two arrays of one shape; NaN where the denominator is 0."""
    quotient = np.full(np.shape(numerator), np.nan)
    np.divide(numerator, denominator, out=quotient, where=np.asarray(denominator) > 0)
    return quotient


def mean_over_classes(values: FloatArray) -> FloatArray:
    """Means of scores (..., K) over the classes that have one; NaN where none has."""
    known = ~np.isnan(values)
    return divide(np.where(known, values, 0).sum(axis=-1), known.sum(axis=-1))


def to_plain(values: npt.ArrayLike | None) -> Any:
    """A number, or lists of numbers, as JSON takes them, with None for NaN."""
    numbers = np.asarray(values, np.float64)
    plain = numbers.astype(object)
    plain[np.isnan(numbers)] = None
    return plain.tolist()
