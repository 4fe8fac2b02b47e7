"""What findings mean for training: faults, warnings, or nothing."""

from __future__ import annotations

import numpy as np
import pytest

from hela_seg.data.checks.examine import Examination, SeriesFacts
from hela_seg.data.checks.looks import FrameLook, look_at
from hela_seg.data.checks.verdict import judge
from hela_seg.data.classes import Classes
from hela_seg.data.layouts import Recording
from hela_seg.data.splits.table import Block
from hela_seg.data.stacks import ArraySeries

CLASSES = Classes(["background", "round"])
BLOCKS = [Block(0, 0, 9, "train"), Block(1, 0, 9, "test")]
GOOD = {"train": np.array([900, 100]), "test": np.array([800, 200])}
GREY = (10.0, 50.0, 110.0)  # a span of 100 between the dark and the bright end


def series(name, grey=GREY, dtype=np.uint8, constant=(), saturated=(), faults=()):
    frames = ArraySeries(np.zeros((9, 4, 4), dtype), "TYX", 1)
    frames.name = name
    percentiles = None if grey is None else np.array([grey])
    return SeriesFacts(Recording(frames, frames), percentiles, list(constant), list(saturated), list(faults))


def judged(facts=None, pixels=GOOD, looks=None, faults=()):
    facts = facts or [series("one"), series("two")]
    return judge(faults, Examination(facts, pixels, {}, looks or {}), BLOCKS, CLASSES)


def look(number, t, picture=b"", of=None, mask=None):
    """Looks of different numbers are unlike, but where one shows the field of another."""
    pixels = np.random.default_rng(number if of is None else of).random((1, 64, 64))
    return FrameLook(
        number, t, look_at(number, t, pixels, None).sketch, picture or bytes([number, t]), 64, mask
    )


def test_good_data_give_neither_faults_nor_warnings():
    verdict = judged(looks={"train": [look(0, 1)], "test": [look(1, 1)]})
    assert (verdict.faults, verdict.warnings, verdict.twins) == ([], [], [])


def test_faults_of_files_and_of_series_are_kept_in_order():
    facts = [series("one", faults=["b", "c"]), series("two", faults=["d"])]
    assert judged(facts, faults=["a"]).faults == ["a", "b", "c", "d"]


def test_the_same_picture_in_two_parts_is_a_fault_told_once_for_two_series():
    looks = {
        "train": [look(0, 0, picture=b"x"), look(0, 1, picture=b"y")],
        "test": [look(1, 4, picture=b"x"), look(1, 5, picture=b"y")],
    }
    verdict = judged(looks=looks)
    assert verdict.faults == [
        "the same picture is in two parts, 2 time(s): 'one' frame 0 (train) and 'two' frame 4 (test): remove "
        "one of the two, or keep both series in one part"
    ]
    assert verdict.warnings == []


def test_nearly_the_same_picture_in_two_parts_is_a_warning():
    verdict = judged(looks={"train": [look(0, 6)], "test": [look(1, 7, of=0)]})
    assert verdict.faults == []
    (line,) = verdict.warnings
    assert line.startswith(
        "1 frame(s) for test look nearly like one for train, such as 'one' frame 6 (train) and 'two' frame 7"
    )


def test_the_same_mask_of_another_image_is_a_warning_of_its_own():
    verdict = judged(looks={"train": [look(0, 6, mask=b"m")], "test": [look(1, 7, mask=b"m"), look(1, 8)]})
    assert verdict.faults == []
    (line,) = verdict.warnings
    assert line.startswith("1 frame(s) for test have the mask of one for train")
    assert "'one' frame 6 (train) and 'two' frame 7 (test)" in line


def test_training_pixels_of_one_class_alone_are_a_fault():
    (fault,) = judged(pixels={"train": np.array([0, 9]), "test": np.array([5, 5])}).faults
    assert fault.startswith("all training pixels are of the class 'round'")


@pytest.mark.parametrize(("number", "advised"), [(0, True), (1, False)])
def test_a_gap_is_advised_within_one_series_alone(number, advised):
    (line,) = judged(looks={"train": [look(0, 6)], "test": [look(number, 7, of=0)]}).warnings
    assert ("data.split.gap" in line) == advised


def test_training_pixels_of_no_class_are_a_fault():
    (fault,) = judged(pixels={**GOOD, "train": np.array([0, 0])}).faults
    assert fault.startswith("no training pixel is of any class")


@pytest.mark.parametrize(("rare", "warned"), [(10, False), (9, True)])
def test_a_class_below_a_thousandth_of_all_pixels_is_rare(rare, warned):
    lines = judged(pixels={"train": np.array([5000, rare - 1]), "test": np.array([5000 - rare, 1])}).warnings
    assert [line.startswith("class 'round' has 0.090% of the pixels, below 0.1%") for line in lines] == (
        [True] if warned else []
    )


def test_a_class_that_a_part_lacks_gets_no_score_there():
    (line,) = judged(pixels={**GOOD, "test": np.array([1000, 0])}).warnings
    assert line == "class 'round' is absent from test: it gets no score there"


def test_a_class_that_training_lacks_cannot_be_learned():
    (line,) = judged(pixels={**GOOD, "train": np.array([1000, 0])}).warnings
    assert line.startswith(
        "class 'round' has no pixel in the training frames, no net can learn it: move a series"
    )


@pytest.mark.parametrize(
    ("bright", "warned"), [(35.0, False), (34.0, True), (410.0, False), (411.0, True)]
)  # a quarter of the usual span of 100, and four times it
def test_a_contrast_far_from_the_usual_one_is_a_warning(bright, warned):
    facts = [series("one"), series("two"), series("odd", (10.0, 20.0, bright))]
    lines = [line for line in judged(facts).warnings if " span " in line]
    assert [line.startswith(f"the grey values of odd ({bright - 10:g}) span") for line in lines] == (
        [True] if warned else []
    )


@pytest.mark.parametrize("factor", [1, 4, 16])
def test_a_series_with_other_grey_values_than_all_others_is_named_once(factor):
    odd = series("odd", tuple(factor * value for value in GREY), np.uint16)
    lines = judged([series("one", dtype=np.uint16), series("two", dtype=np.uint16), odd]).warnings
    assert [line.startswith("the grey values of odd (") for line in lines] == [True] * (factor > 1)


def test_a_series_above_an_offset_is_named_though_its_contrast_is_the_usual_one():
    facts = [series("one"), series("two", (12.0, 60.0, 115.0)), series("odd", (110.0, 150.0, 210.0))]
    (line,) = judged(facts).warnings
    assert line == (
        "the grey values of odd (110 to 210) lie elsewhere than those of the other series, usually 12 to 115"
        ": convert all alike, or if exposure differs, take data.normalise=auto or frame"
    )


def test_types_of_values_that_differ_are_named_and_their_contrasts_not_compared():
    facts = [series("one"), series("two", (0.0, 9e3, 6e4), np.uint16), series("three", None)]
    assert judged(facts).warnings == [
        "series have different types of values (uint16, uint8): convert all alike, or if exposure differs, "
        "take data.normalise=auto or frame"
    ]


def test_frames_of_one_value_and_saturated_ones_are_counted_and_five_are_named():
    dark, bright = judged([series("one", constant=range(7)), series("two", saturated=[3])]).warnings
    assert dark.startswith("7 frame(s) of one grey value (one frame 0, ")
    assert "one frame 4 and 2 more)" in dark
    assert bright == "1 saturated frame(s) (two frame 3): structure is lost there"
