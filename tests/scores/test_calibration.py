"""Pixels are counted by confidence as integers, and the error follows from these counts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchmetrics.functional.classification import multiclass_calibration_error

from hela_seg.scores.calibration import (
    BINS,
    CONFIDENCE_STEPS,
    count_by_confidence,
    curve_of,
    read_reliability,
    write_reliability,
)
from hela_seg.system.errors import InputError


def drawn(seed: int, sharpness: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Probabilities (3, 40, 50) of some sharpness, the classes chosen, and truth with ignored pixels."""
    random = np.random.default_rng(seed)
    logits = random.normal(0, sharpness, (3, 40, 50))
    probabilities = (np.exp(logits) / np.exp(logits).sum(axis=0)).astype(np.float32)
    truth = random.integers(0, 3, (40, 50)).astype(np.uint8)
    truth[:, :5] = 255
    return probabilities, probabilities.argmax(axis=0).astype(np.uint8), truth


def test_a_pixel_counts_where_its_confidence_lies() -> None:
    probabilities = np.array([[[0.5, 1.0, 0.2]], [[0.5, 0.0, 0.8]]], np.float32)
    prediction = np.array([[0, 0, 1]], np.uint8)
    counts = count_by_confidence(probabilities, prediction, np.array([[0, 1, 255]], np.uint8))
    assert counts.sum() == 2
    assert counts[CONFIDENCE_STEPS // 2].tolist() == [0, 1]
    assert counts[CONFIDENCE_STEPS - 1].tolist() == [1, 0]


def test_ten_pixels_by_hand() -> None:
    counts = np.zeros((CONFIDENCE_STEPS, 2), np.int64)
    counts[round(0.9 * CONFIDENCE_STEPS)] = 2, 8
    curve = curve_of(counts)
    assert curve.accuracy.tolist() == [0.8]
    assert curve.share.tolist() == [1.0]
    assert curve.confidence.tolist() == pytest.approx([270.5 / 300])  # the middle of its cell
    assert curve.error == pytest.approx(270.5 / 300 - 0.8)


def test_nothing_counted_is_no_error_of_zero() -> None:
    assert np.isnan(curve_of(np.zeros((CONFIDENCE_STEPS, 2), np.int64)).error)


@settings(max_examples=25)
@given(seed=st.integers(0, 999), sharpness=st.floats(0.1, 6))
def test_the_error_is_that_of_torchmetrics(seed: int, sharpness: float) -> None:
    probabilities, prediction, truth = drawn(seed, sharpness)
    ours = curve_of(count_by_confidence(probabilities, prediction, truth)).error
    known = truth != 255
    theirs = multiclass_calibration_error(
        torch.from_numpy(probabilities[:, known].T.copy()),
        torch.from_numpy(truth[known].astype(np.int64)),
        num_classes=3,
        n_bins=BINS,
        norm="l1",
    )
    # a confidence is known to half a cell; one on the border of two bins may fall into either
    assert ours == pytest.approx(float(theirs), abs=1 / CONFIDENCE_STEPS)


def test_counts_of_parts_add_up_to_those_of_the_whole() -> None:
    probabilities, prediction, truth = drawn(0, 2.0)
    whole = count_by_confidence(probabilities, prediction, truth)
    parts = [
        count_by_confidence(probabilities[:, rows], prediction[rows], truth[rows])
        for rows in (slice(0, 13), slice(13, 40))
    ]
    np.testing.assert_array_equal(sum(parts), whole)


def test_the_table_comes_back_as_it_was(tmp_path: Path) -> None:
    counts = count_by_confidence(*drawn(1, 1.0))
    write_reliability(tmp_path / "calibration.csv", counts)
    np.testing.assert_array_equal(read_reliability(tmp_path / "calibration.csv"), counts)
    header, first, *_ = (tmp_path / "calibration.csv").read_text().splitlines()
    assert (header, first) == ("confidence from,to,wrong,right", "0.0000,0.0033,0,0")


HEADER = "confidence from,to,wrong,right\n"


@pytest.mark.parametrize(
    "content",
    [
        "",
        "a,b\n1,2\n",
        HEADER + "0,0,1\n",
        HEADER + "0,0,1,-1\n" * CONFIDENCE_STEPS,
        HEADER + "0,0,1,1\n" * 299,
        None,
    ],
)
def test_a_damaged_table_is_named(content: str | None, tmp_path: Path) -> None:
    path = tmp_path / "calibration.csv"
    if content is not None:
        path.write_text(content)
    with pytest.raises(InputError, match=r"calibration\.csv (is damaged|cannot be read)"):
        read_reliability(path)
