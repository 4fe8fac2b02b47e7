"""Predicted pixels are counted against those of the masks."""

from __future__ import annotations

import numpy as np
from toy_nets import Brightness, predictor

from hela_seg.data.labels.readers import ValueLabels
from hela_seg.data.layouts import Recording
from hela_seg.data.splits.split import Block
from hela_seg.data.stacks import ArraySeries
from hela_seg.inference import count_frames
from hela_seg.scores.calibration import count_by_confidence


def test_counted_pixels_are_those_of_the_blocks() -> None:
    image = np.random.default_rng(0).integers(0, 256, (4, 20, 30), dtype=np.uint8)
    mask = (image > 100).astype(np.uint8)
    bright = predictor(Brightness())
    recording = Recording(ArraySeries(image, "TYX", 1), ArraySeries(mask, "TYX", 1))
    counts, _, seconds = count_frames(
        bright,
        [recording],
        [Block(0, 0, 1, "test"), Block(0, 3, 4, "test")],
        ValueLabels(bright.classes),
    )
    chosen = image[[0, 3]]
    expected = [
        [(chosen <= 100).sum(), 0],
        [((chosen > 100) & (chosen <= 127)).sum(), (chosen > 127).sum()],
    ]
    np.testing.assert_array_equal(counts.pooled, expected)
    assert counts.places == [("array", 0, 0), ("array", 3, 1)]
    np.testing.assert_array_equal(
        counts.matrix[1].sum(axis=1), [(image[3] <= 100).sum(), (image[3] > 100).sum()]
    )
    assert seconds > 0


def test_confidences_are_those_of_the_predicted_probabilities() -> None:
    image = np.random.default_rng(1).integers(0, 256, (2, 20, 30), dtype=np.uint8)
    mask = (image > 100).astype(np.uint8)
    mask[:, :3] = 255
    bright = predictor(Brightness())
    recording = Recording(ArraySeries(image, "TYX", 1), ArraySeries(mask, "TYX", 1))
    reader = ValueLabels(bright.classes, ignore_value=255)
    counts, reliability, _ = count_frames(bright, [recording], [Block(0, 0, 2, "test")], reader)
    assert reliability.sum() == counts.pooled.sum() == 2 * 17 * 30
    assert reliability[:, 1].sum() == np.trace(counts.pooled)
    whole = sum(
        count_by_confidence(probabilities, labels, truth)
        for probabilities, labels, truth in zip(
            bright.predict_proba(image), bright.predict(image), mask, strict=True
        )
    )
    np.testing.assert_array_equal(reliability, whole)
