"""What the user says about files fits what files can have."""

import pytest
from refusals import refusal

from hela_seg.data.stacks.options import ReadOptions


@pytest.mark.parametrize("z", [None, 0, 7, "max", "mean"])
def test_a_plane_or_a_projection_of_a_z_stack_is_taken(z):
    assert ReadOptions(z=z).z == z


@pytest.mark.parametrize("z", [-1, 1.0, True, "min", "3"])
def test_what_is_neither_is_refused(z):
    assert f"data.z (z, to predict) is {z!r}, expected the number of a plane" in refusal(ReadOptions, z=z)
