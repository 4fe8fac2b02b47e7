"""A frame takes its cells from masks that number them, and from no others."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from hela_seg.data.classes import IGNORE_INDEX, Classes
from hela_seg.data.labels.readers import InstanceLabels, ValueLabels
from hela_seg.data.layouts import Recording
from hela_seg.data.stacks import ArraySeries, FrameSequence, PixelSize
from hela_seg.scores.frames import against_truth

IDS = np.array([[[0, 7, 7, 9]], [[5, 5, 9, 0]]], np.uint16)


def recording() -> Recording:
    images = [ArraySeries(np.zeros((1, 4), np.uint8), "YX", 1) for _ in IDS]
    for t, image in enumerate(images):
        image.path, image.pixel_size = Path(f"t{t}.tif"), PixelSize(0.25, 0.5)
    return Recording(FrameSequence(images, "dish"), ArraySeries(IDS, "TYX", 1))


def test_masks_that_number_cells_give_their_ids_but_where_pixels_are_ignored() -> None:
    reader = InstanceLabels(border_width=0, ignore_value=9)
    truth = reader.convert(IDS[1])
    assert truth.tolist() == [[1, 1, IGNORE_INDEX, 0]]
    found, found_cells = np.array([[0, 1, 1, 0]], np.uint8), np.array([[0, 4, 4, 0]])
    frame = against_truth(recording(), 1, truth, found, reader, found_cells)
    assert frame.true_cells is not None
    assert frame.true_cells.tolist() == [[5, 5, 0, 0]]
    assert (frame.truth is truth, frame.found is found, frame.found_cells is found_cells) == (True,) * 3
    assert (frame.path.name, frame.pixel_size) == ("t1.tif", (0.25, 0.5))


def test_masks_of_classes_give_no_ids() -> None:
    reader = ValueLabels(Classes(["background", {"name": "cell", "values": [5, 7, 9]}]))
    truth = reader.convert(IDS[0])
    frame = against_truth(recording(), 0, truth, truth, reader)
    assert frame.true_cells is None
    assert frame.found_cells is None
