"""Predicted pixels are counted against those of the masks."""

from __future__ import annotations

import numpy as np
from toy_nets import Brightness, predictor

from hela_seg.data.labels import ValueLabels
from hela_seg.data.layouts import Recording
from hela_seg.data.splits import Block
from hela_seg.data.stacks import ArraySeries
from hela_seg.inference import count_frames


def test_counted_pixels_are_those_of_the_blocks() -> None:
    image = np.random.default_rng(0).integers(0, 256, (4, 20, 30), dtype=np.uint8)
    mask = (image > 100).astype(np.uint8)
    bright = predictor(Brightness())
    recording = Recording(ArraySeries(image, "TYX", 1), ArraySeries(mask, "TYX", 1))
    counts, reliability, seconds = count_frames(
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
