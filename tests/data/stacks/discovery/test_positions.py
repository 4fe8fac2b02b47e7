from pathlib import Path

import pytest

from hela_seg.data.stacks.discovery.positions import chosen, picked, position_names
from hela_seg.system.errors import InputError


def test_names_fit_into_file_names():
    assert position_names(["Well A1/field 0", "b:c "]) == ["Well-A1-field-0", "b-c"]


@pytest.mark.parametrize("found", [["a", "a"], ["", "b"], ["A", "a"], ["/", "b"]])
def test_names_that_do_not_tell_positions_apart_are_numbers(found):
    assert position_names(found) == ["0", "1"]


def test_a_name_counts_before_a_number():
    names = ["1", "0", "b"]
    assert picked(names, "1") == [0]
    assert picked(names, ["b", 2]) == [2]
    assert picked(names, ["b", "none", 0]) == [1, 2]
    assert picked(names, None) == [0, 1, 2]


def test_one_of_several_has_to_be_chosen():
    assert chosen(["only"], None, Path("a.lif")) == 0
    with pytest.raises(InputError, match=r"a\.lif holds 2 positions \(x, y\), expected the choice of one"):
        chosen(["x", "y"], None, Path("a.lif"))
    with pytest.raises(InputError, match=r"none called z: set data\.position .* from 0 to 1"):
        chosen(["x", "y"], "z", Path("a.lif"))
