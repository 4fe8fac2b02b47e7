"""Whether a net is right as often as it is sure: pixels counted by the probability of the class chosen.

Counts are integers, pooled over all pixels as those of a confusion matrix are, so that their order, the
number of processes and rounding cannot change them.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hela_seg.data.classes import IGNORE_INDEX
from hela_seg.system.errors import InputError
from hela_seg.system.files import write_table

CONFIDENCE_STEPS = 300
"""Equal parts of 0 to 1 that probabilities are counted in: a confidence is known to 1/600."""

BINS = 15
"""Bins of a curve and of the error, as by Guo et al.; each takes in 20 steps."""

COLUMNS = ("confidence from", "to", "wrong", "right")

FloatArray = NDArray[np.float64]


def count_by_confidence(
    probabilities: NDArray[np.float32], prediction: NDArray[np.uint8], truth: NDArray[np.uint8]
) -> NDArray[np.int64]:
    """Count pixels by how sure the net was of the class it chose, and by whether it was right.

    Args:
        probabilities: (K, H, W), over K they sum to 1.
        prediction: (H, W) chosen classes.
        truth: (H, W); ignored pixels count nowhere.

    Returns:
        (`CONFIDENCE_STEPS`, 2): wrong and right pixels. One that is right with probability 0.5 adds 1 to
        ``counts[150, 1]``.
    """
    step = np.minimum((probabilities.max(axis=0) * CONFIDENCE_STEPS).astype(np.int64), CONFIDENCE_STEPS - 1)
    known = truth != IGNORE_INDEX
    places = 2 * step[known] + (prediction == truth)[known]
    return np.bincount(places, minlength=2 * CONFIDENCE_STEPS).reshape(CONFIDENCE_STEPS, 2)


@dataclass(frozen=True, eq=False)
class Curve:
    """A reliability curve.

    Attributes:
        confidence: (B,) mean probability of the chosen class in each bin that holds pixels.
        accuracy: (B,) share of its pixels that are right.
        share: (B,) of all pixels.
    """

    confidence: FloatArray
    accuracy: FloatArray
    share: FloatArray

    @property
    def error(self) -> float:
        """Expected calibration error: mean of the gap between confidence and accuracy over all pixels.

        Guo et al. (2017), "On calibration of modern neural networks", equation 3, with 15 bins. NaN where
        nothing was counted.
        """
        gaps = np.abs(self.accuracy - self.confidence)
        return float((self.share * gaps).sum()) if len(gaps) else float("nan")


def curve_of(counts: NDArray[np.int64]) -> Curve:
    """The reliability curve of counts (`CONFIDENCE_STEPS`, 2); bins without a pixel are left out.

    Example:
        8 right and 2 wrong pixels of confidence 0.9 make one bin with accuracy 0.8 and the error 0.1, but for
        half a step.
    """
    middles = (np.arange(CONFIDENCE_STEPS) + 0.5) / CONFIDENCE_STEPS
    of_bins = counts.reshape(BINS, CONFIDENCE_STEPS // BINS, 2)
    pixels = of_bins.sum(axis=(1, 2))
    weighted = (of_bins.sum(axis=2) * middles.reshape(BINS, -1)).sum(axis=1)
    held = pixels > 0
    return Curve(
        confidence=weighted[held] / pixels[held],
        accuracy=of_bins[..., 1].sum(axis=1)[held] / pixels[held],
        share=pixels[held] / max(int(pixels.sum()), 1),
    )


def write_reliability(path: Path, counts: NDArray[np.int64]) -> None:
    """Write counts as CSV, a row for each part of 0 to 1; the file appears whole or not at all.

    Raises:
        InputError: it cannot be written.
    """
    ends = [f"{step / CONFIDENCE_STEPS:.4f}" for step in range(CONFIDENCE_STEPS + 1)]
    rows = [(*span, *of_step) for span, of_step in zip(pairwise(ends), counts.tolist(), strict=True)]
    write_table(path, [dict(zip(COLUMNS, row, strict=True)) for row in rows])


def read_reliability(path: Path) -> NDArray[np.int64]:
    """Read what `write_reliability` wrote.

    Raises:
        InputError: no such file, or no table of whole numbers of this kind.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            header, *rows = csv.reader(file)
        counts = np.array([row[2:] for row in rows], dtype=np.int64)
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror})") from None
    except (ValueError, OverflowError, csv.Error):
        header, counts = [], np.zeros(0, np.int64)
    if tuple(header) != COLUMNS or counts.shape != (CONFIDENCE_STEPS, 2) or (counts < 0).any():
        raise InputError(
            f"{path} is damaged, expected {CONFIDENCE_STEPS} rows of pixels: hela_seg.evaluate writes it anew"
        )
    return counts
