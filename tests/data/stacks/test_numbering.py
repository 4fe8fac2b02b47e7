"""Frame numbers in file names."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hela_seg.data.stacks.numbering import by_value, numbered_sequence
from hela_seg.system.errors import InputError


def numbers(*names):
    return numbered_sequence([Path("dish") / name for name in names])


@pytest.mark.parametrize(
    "names",
    [
        ["t2.tif", "t10.tif"],
        ["a9b2.tif", "a9b10.tif"],
        ["a.tif", "9.tif", "010.tif"],  # letters first
        ["t01.tif", "t1.tif", "t2.tif"],  # equal numbers by the name
    ],
)
def test_numbers_sort_by_value(names):
    paths = [Path(name) for name in names]
    assert sorted([*paths[1:], paths[0]], key=by_value) == paths


@given(st.lists(st.text("019ab_", min_size=1), unique=True))
def test_any_names_have_one_order(names):
    paths = [Path(f"{name}.tif") for name in names]
    assert sorted(paths, key=by_value) == sorted([*paths[1:], *paths[:1]], key=by_value)


@pytest.mark.parametrize(
    ("names", "found"),
    [
        (["dish2_t007.tif", "dish2_t008.tif"], [7, 8]),
        (["t0.tif", "t5.tif", "t10.tif"], [0, 5, 10]),  # every fifth frame
        (["t099.tif", "t100.tif"], [99, 100]),
        (["plate3_well12.tif"], [12]),  # a file by itself
    ],
)
def test_the_running_number_is_the_one_that_differs(names, found):
    assert numbers(*names) == found


@pytest.mark.parametrize(
    ("names", "reason"),
    [
        (["t1.tif", "t2.tif", "t4.tif"], "dish lacks frame 3 between t1.tif and t4.tif"),
        (["t0.tif", "t2.tif", "t8.tif"], "lacks frame 4, 6 between"),
        (["t0.tif", "t1.tif", "t99.tif"], r"lacks frame 2, 3, 4, 5, 6, \.\.\. between"),
        (["t1.tif", "t01.tif", "t2.tif"], "t01.tif comes after t1.tif, expected frame numbers that go up"),
        (["t2.tif", "t1.tif"], "t1.tif comes after t2.tif"),
        (["a1_b1.tif", "a2_b2.tif"], "names that differ in one frame number"),
        (["t1.tif", "t1_2.tif"], "names that differ in one frame number"),
        (["first.tif", "second.tif"], "names that differ in one frame number"),
    ],
)
def test_gaps_and_names_without_one_running_number_are_refused(names, reason):
    with pytest.raises(InputError, match=reason):
        numbers(*names)


@given(st.integers(0, 10**6), st.integers(1, 50), st.integers(2, 20), st.data())
def test_any_equal_steps_are_read_and_any_missing_frame_is_named(first, step, count, data):
    expected = [first + step * n for n in range(count)]
    names = [f"dish7_t{number:04}.tif" for number in expected]
    assert numbers(*names) == expected
    if count > 3:
        gone = data.draw(st.integers(1, count - 2))
        with pytest.raises(InputError, match=f"lacks frame {expected[gone]} between"):
            numbers(*names[:gone], *names[gone + 1 :])
