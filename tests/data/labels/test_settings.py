import numpy as np
import pytest
from refusals import refusal

from hela_seg.data.classes import Classes
from hela_seg.data.labels import settings
from hela_seg.data.labels.readers import ColourLabels, InstanceLabels, ValueLabels
from hela_seg.data.labels.settings import LabelSettings
from hela_seg.system.errors import InputError
from hela_seg.system.settings import checked

THREE = Classes(["background", "interior", "border"])


def test_labels_are_values_unless_said_otherwise():
    reader = settings.label_reader(THREE, LabelSettings())
    assert isinstance(reader, ValueLabels)
    assert settings.label_reader(THREE, LabelSettings(ignore_value=7)).convert(
        np.array([[7, 2]], np.uint8)
    ).tolist() == [[255, 2]]


def test_instances_have_a_border_of_the_width_given():
    reader = settings.label_reader(THREE, LabelSettings("instances", border_width=1))
    assert isinstance(reader, InstanceLabels)
    assert reader.margin == 1


def test_painted_masks_have_a_colour_that_is_ignored():
    reader = settings.label_reader(THREE, LabelSettings("colours", ignore_value="#ffffff"))
    assert isinstance(reader, ColourLabels)
    assert reader.convert(np.array([[255, 32]], np.uint8)).tolist() == [[255, 0]]


@pytest.mark.parametrize(
    ("classes", "given", "reason"),
    [
        (THREE, {"resize": "linear"}, "data.labels.resize is 'linear', expected nearest or null"),
        (
            THREE,
            {"ignore_value": "#ffffff"},
            "data.labels.ignore_value is '#ffffff', expected a whole number",
        ),
        (THREE, {"kind": "paint"}, "data.labels.kind is 'paint', expected values, colours or instances"),
        (
            THREE,
            {"width": 3},
            "data.labels has the unknown key(s) width, expected some of kind, border_width",
        ),
        (
            Classes(["a", "b"]),
            {"kind": "instances"},
            "data.classes has 2 entries but data.labels.kind=instances",
        ),
    ],
)
def test_labels_that_cannot_be_are_refused(classes, given, reason):
    assert reason in refusal(
        lambda: settings.label_reader(classes, checked(LabelSettings, given, "data.labels"))
    )


TWO = Classes(["background", {"name": "cell", "values": ["128..255"]}])


def test_classes_in_files_of_their_own_have_their_first_values():
    assert settings.class_values(TWO, LabelSettings(), {"cell": "{n}_c.png"}) == {
        "background": 0,
        "cell": 128,
    }
    assert settings.class_values(THREE, LabelSettings("instances"), "masks") == {}


@pytest.mark.parametrize(
    ("classes", "labels", "masks", "reason"),
    [
        (TWO, LabelSettings(), {"dead": "{n}.png"}, r"data.masks has files for dead, expected classes of"),
        (THREE, LabelSettings("instances"), {"border": "{n}.png"}, "expected data.labels.kind=values"),
        (TWO, LabelSettings("colours", threshold=9), "masks", "expected data.labels.kind=values"),
        (THREE, LabelSettings(threshold=9), "masks", "tells two classes apart and data.classes has 3"),
    ],
)
def test_files_of_classes_and_thresholds_go_with_values(classes, labels, masks, reason):
    with pytest.raises(InputError, match=reason):
        settings.class_values(classes, labels, masks)
