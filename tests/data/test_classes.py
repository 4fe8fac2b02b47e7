"""Classes as a user names them."""

from __future__ import annotations

from typing import Any

import pytest

from hela_seg.data.classes import IGNORE_INDEX, Classes, is_reordered
from hela_seg.system.errors import InputError


def test_names_alone_get_their_index_as_value_and_colours_of_their_own() -> None:
    classes = Classes(["background", "round", "spread"])
    assert classes.names == ["background", "round", "spread"]
    assert [entry.values for entry in classes] == [(0,), (1,), (2,)]
    assert len({entry.colour for entry in classes}) == 3


def test_colour_and_values_may_be_given() -> None:
    nucleus = Classes(["background", {"name": "nucleus", "colour": "#0A0b0C", "values": [127, 255]}])[1]
    assert (nucleus.index, nucleus.rgb, nucleus.values) == (1, (10, 11, 12), (127, 255))


def test_what_is_written_is_read_back() -> None:
    classes = Classes(["background", {"name": "nucleus", "values": [255]}])
    assert list(Classes(classes.to_plain())) == list(classes)


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        (["alone"], "has 1 entries"),
        ([str(index) for index in range(IGNORE_INDEX + 1)], "has 256 entries"),
        (["a", "a"], "the name 'a'"),
        (["a", {"name": "b", "values": [0]}], "the mask value 0"),
        (["a", "mean"], "which in tables is the mean over classes"),
        (["a", {"name": "b", "color": "#000000"}], "expected keys name, colour, values"),
        (["a", {"values": [1]}], "expected keys name, colour, values"),
        (["a", {"name": "b", "colour": "red"}], "six hexadecimal digits"),
        (["a", {"name": "b", "values": ["x"]}], "whole numbers"),
        (["a", 3], "a name or a mapping"),
    ],
)
def test_what_cannot_be_meant_is_refused(entries: list[Any], expected: str) -> None:
    with pytest.raises(InputError, match=expected):
        Classes(entries)


def test_values_may_be_ranges_with_both_ends() -> None:
    classes = Classes(
        [{"name": "background", "values": ["0..127"]}, {"name": "cell", "values": [128, "130..255"]}]
    )
    assert classes[0].values == tuple(range(128))
    assert classes[1].values == (128, *range(130, 256))
    plain = classes.to_plain()
    assert plain[1]["values"] == [128, "130..255"]
    assert Classes(plain)[1].values == classes[1].values


@pytest.mark.parametrize("values", [["9..3"], ["1..x"], ["1-3"], [1.5], [], ["..3"]])
def test_values_that_are_no_ranges_are_refused(values: list[object]) -> None:
    with pytest.raises(InputError, match=r"expected whole numbers as masks hold them, or ranges"):
        Classes(["background", {"name": "cell", "values": values}])


def test_ranges_that_overlap_are_refused() -> None:
    with pytest.raises(InputError, match="gives the mask value 128 to more than one class"):
        Classes([{"name": "background", "values": ["0..128"]}, {"name": "cell", "values": ["128..65535"]}])


def test_a_class_in_both_lists_at_other_places_is_reordered():
    assert is_reordered(["background", "round", "spread"], ["background", "spread", "round"])
    assert is_reordered(["background", "round", "spread"], ["background", "spread", "debris"])
    assert not is_reordered(["background", "round"], ["background", "cell", "round"][:2])
