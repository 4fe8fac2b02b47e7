"""How label images are read that other programs wrote."""

from __future__ import annotations

import numpy as np
import pytest

from hela_seg.data.classes import Classes
from hela_seg.scores.reading import Reading
from hela_seg.system.errors import InputError
from hela_seg.system.settings import checked

TWO, THREE = Classes(["background", "cell"]), Classes(["background", "round", "spread"])
RAW = np.array([[0, 1, 1, 7]], np.uint16)


def test_by_default_label_images_are_read_as_masks_are() -> None:
    masks = {"kind": "instances", "border_width": 1, "ignore_value": 7}
    labels = Reading().reader(Classes(["background", "interior", "border"]), masks).convert(RAW)
    assert labels.tolist() == [[0, 2, 2, 255]]


def test_ids_are_the_one_class_beside_the_background() -> None:
    assert Reading(kind="instances").reader(TWO, {"kind": "values"}).convert(RAW).tolist() == [[0, 1, 1, 1]]


def test_other_values_may_stand_for_the_classes() -> None:
    # ilastik counts labels from 1
    classes = [{"name": name, "values": [value]} for name, value in zip(THREE.names, (1, 2, 3), strict=True)]
    labels = Reading(classes=classes).reader(THREE, None).convert(np.array([[1, 2, 3]]))
    assert labels.tolist() == [[0, 1, 2]]


def test_class_maps_are_compared_with_instances() -> None:
    masks = {"kind": "instances", "ignore_value": 9}
    reader = Reading(kind="values").reader(Classes(["background", "interior", "border"]), masks)
    assert reader.convert(np.array([[0, 1, 2]])).tolist() == [[0, 1, 2]]


@pytest.mark.parametrize(("kind", "masks", "expected"), [
    (None, None, False),
    (None, {"kind": "colours"}, True),
    ("values", {"kind": "colours"}, False),
    ("colours", {"kind": "values"}, True),
])  # fmt: skip
def test_colours_are_known_before_files_are_opened(kind, masks, expected: bool) -> None:
    assert Reading(kind=kind).in_colours(masks) is expected


@pytest.mark.parametrize(
    ("reading", "expected"),
    [
        ({"kind": "instances"}, "the truth has 3 classes"),
        ({"classes": ["background", "spread", "round"]}, "expected background, round, spread"),
        ({"classes": "spread"}, "reading.classes is 'spread', expected a list"),
        ({"classes": 3}, "reading.classes is 3, expected a list"),
        ({"kind": "boxes"}, "reading.kind is 'boxes', expected values, colours, instances or null"),
        ({"files": "mask"}, "reading.files is 'mask', expected {name} in it"),
    ],
)
def test_what_cannot_be_read_against_this_truth_is_refused(reading, expected: str) -> None:
    with pytest.raises(InputError, match=expected):
        checked(Reading, reading, "reading").reader(THREE, {"kind": "values"})
