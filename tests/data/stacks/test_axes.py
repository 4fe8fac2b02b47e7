from pathlib import Path

import pytest
from refusals import refusal

from hela_seg.data.stacks.axes import checked, resolve
from hela_seg.data.stacks.options import ReadOptions
from hela_seg.system.errors import InputError

PATH = Path("movie.tif")


def axes(found, shape, stated=False, wanted=None, assumed=None, labels=False):
    return resolve(found, shape, ReadOptions(wanted, assumed, labels), PATH, stated=stated)


@pytest.mark.parametrize("found", ["QYX", "IYX", "CYX", "SYX", "TYX", "ZYX"])
def test_three_axes_that_the_file_does_not_state_are_refused_with_both_lines_that_settle_it(found):
    with pytest.raises(
        InputError, match=r"movie\.tif does not say .*\(3x64x65\), expected data\.axes=TYX or data\.axes=CYX"
    ):
        axes(found, (3, 64, 65))


@pytest.mark.parametrize(
    ("found", "shape", "choices"),
    [
        ("QQYX", (5, 2, 64, 65), "expected data.axes=TCYX or data.axes=TYXC or data.axes=TZYX: "),
        ("QYXS", (5, 64, 65, 3), "expected data.axes=TYXC or data.axes=ZYXC: "),
        ("QCYX", (5, 2, 64, 65), "expected data.axes=TCYX or data.axes=TYXC or data.axes=TZYX: "),
        ("QQYXS", (5, 2, 64, 65, 3), "expected data.axes=TCYX: "),
    ],
)
def test_more_axes_that_are_not_stated_are_refused_with_what_they_may_be(found, shape, choices):
    assert choices in refusal(axes, found, shape)


def test_two_axes_can_be_nothing_but_rows_and_columns():
    assert axes("YX", (64, 65)) == "YX"


@pytest.mark.parametrize(
    ("found", "shape", "letters"),
    [
        ("TYX", (5, 64, 65), "TYX"),
        ("TCYX", (5, 2, 64, 65), "TCYX"),
        ("TYXS", (5, 64, 65, 3), "TYXC"),
        ("TZCYX", (5, 1, 2, 64, 65), "T_CYX"),
        ("CTYX", (2, 5, 64, 65), "CTYX"),
        ("TYX", (1, 1, 65), "_YX"),
    ],
)
def test_what_a_file_states_counts(found, shape, letters):
    assert axes(found, shape, stated=True) == letters


@pytest.mark.parametrize(
    ("wanted", "shape", "letters"),
    [
        ("TYX", (20, 64, 65), "TYX"),
        ("thw", (20, 64, 65), "TYX"),
        ("YXS", (64, 65, 3), "YXC"),
        ("TYX", (20, 1, 64, 65), "T_YX"),
        ("YX", (1, 64, 65), "_YX"),
        ("TYX", (1, 64, 65), "TYX"),
    ],
)
def test_the_users_word_settles_it(wanted, shape, letters):
    assert axes("Q" * (len(shape) - 2) + "YX", shape, wanted=wanted) == letters


def test_the_users_word_counts_before_the_files():
    assert axes("CYX", (20, 64, 65), stated=True, wanted="TYX") == "TYX"


def test_an_assumption_counts_after_what_the_file_states():
    assert axes("CYX", (2, 64, 65), stated=True, assumed="TYX") == "CYX"
    assert axes("QYX", (2, 64, 65), assumed="TYX") == "TYX"
    assert axes("YX", (64, 65), assumed="TYX") == "YX"


def test_the_users_word_for_other_files_leaves_a_file_that_states_its_axes_alone():
    assert axes("YX", (64, 65), wanted="TYX") == "YX"
    assert axes("TCYX", (5, 2, 64, 65), stated=True, wanted="TYX") == "TCYX"


@pytest.mark.parametrize("letters", ["ZYX", "TZYX", "TZCYX"])
def test_planes_that_are_stated_are_axes_like_others(letters):
    assert axes(letters, (20, 3, 2, 64, 65)[-len(letters) :], stated=True) == letters
    assert axes("Q" * len(letters), (20, 3, 2, 64, 65)[-len(letters) :], wanted=letters) == letters


@pytest.mark.parametrize("wanted", ["TQYX", "TTYX", "TC", "frames", "YY", " TYX"])
def test_letters_that_name_no_axes_are_refused(wanted):
    with pytest.raises(InputError, match=f"given as '{wanted}', expected the letters T, C, Z, Y, X"):
        checked(wanted)


@pytest.mark.parametrize(
    ("given", "dimensions", "letters"),
    [
        ("TCZYX", 4, "TZYX"),
        ("TCZYX", 3, "TYX"),
        ("YXS", 2, "YX"),
        ("tczyx", 4, "TZYX"),
        ("TYX", 3, "TYX"),
        ("ZYX", 2, "YX"),
    ],
)
def test_a_mask_has_no_channels_and_may_have_no_planes(given, dimensions, letters):
    found, shape = "QQQYX"[-dimensions:], (5, 4, 3, 64, 65)[-dimensions:]
    assert axes(found, shape, wanted=given, labels=True) == letters
    assert axes(found, shape, assumed=given, labels=True) == letters
