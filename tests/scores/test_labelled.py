"""Label images are counted frame by frame; one that cannot be used is named and leaves a gap."""

from __future__ import annotations

import numpy as np
import pytest

from hela_seg.data.classes import Classes
from hela_seg.data.labels.readers import ValueLabels
from hela_seg.data.layouts import Recording
from hela_seg.data.splits.split import Block
from hela_seg.data.stacks import ArraySeries
from hela_seg.scores.labelled import class_map, score_labels
from hela_seg.scores.meters import CellMeter, Meters
from hela_seg.scores.partners import Partners
from hela_seg.system.errors import InputError

CLASSES = Classes(["background", "cell"])
TRUTH = ValueLabels(CLASSES, ignore_value=9)
MASKS = np.array([[[0, 1, 1]], [[0, 0, 1]], [[9, 1, 0]], [[1, 1, 1]], [[0, 0, 0]]], np.uint8)
FOUND = np.array([[[0, 1, 0]], [[0, 0, 1]], [[9, 1, 0]], [[1, 1, 1]], [[0, 0, 1]]], np.uint8)


def scored(found: np.ndarray, blocks: list[Block], lacking: tuple[int, ...] = ()):
    image = ArraySeries(np.zeros_like(MASKS), "TYX", 1)
    labels = ArraySeries(found, "TYX", 1)
    partners = Partners({(0, t): (labels, t) for t in range(len(found)) if t not in lacking})
    recordings = [Recording(image, ArraySeries(MASKS, "TYX", 1))]
    return score_labels(partners, recordings, blocks, TRUTH, TRUTH, 2, Meters(None, CellMeter()))


def test_pixels_are_counted_by_hand() -> None:
    counts, blocks, faults = scored(FOUND, [Block(0, 0, 3, "test"), Block(0, 4, 5, "test")])
    assert counts.matrix.tolist() == [[[1, 0], [1, 1]], [[2, 0], [0, 1]], [[1, 0], [0, 1]], [[2, 1], [0, 0]]]
    assert (counts.frame.tolist(), counts.block.tolist()) == ([0, 1, 2, 4], [0, 0, 0, 1])
    assert (blocks, faults) == ([Block(0, 0, 3, "test"), Block(0, 4, 5, "test")], [])


@pytest.mark.parametrize(("pixel", "why"), [(3, r"values 3 \(1 pixel\) are in no class"), (9, "to ignore")])
def test_a_frame_that_cannot_be_used_is_named_and_parts_its_block(pixel: int, why: str) -> None:
    found = FOUND.copy()
    found[1, 0, 2] = pixel
    counts, blocks, (fault,) = scored(found, [Block(0, 0, 5, "test")], lacking=(3,))
    assert counts.frame.tolist() == [0, 2, 4]
    assert blocks == [Block(0, t, t + 1, "test") for t in (0, 2, 4)]
    with pytest.raises(InputError, match=f"^array, frame 1: .*{why}"):
        raise InputError(fault)


def test_no_frame_at_all_is_an_error_that_says_why() -> None:
    with pytest.raises(
        InputError, match=r"no frame can be scored: 5 times: array, frame 0: .*reading\.kind=instances"
    ):
        scored(FOUND + 3, [Block(0, 0, 5, "test")])


def test_label_images_give_the_class_map_of_a_frame() -> None:
    partners = Partners({(2, 7): (ArraySeries(FOUND, "TYX", 1), 4)})
    assert class_map(partners, TRUTH, Block(2, 5, 9, "test"), 7).tolist() == [[0, 0, 1]]
