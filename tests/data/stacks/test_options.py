"""How files are to be read: settings that cannot be are refused."""

import pytest

from hela_seg.data.stacks.options import ReadOptions
from hela_seg.system.errors import InputError


@pytest.mark.parametrize("z", [None, 0, 7, "max", "mean"])
def test_planes_and_projections(z):
    assert ReadOptions(z=z).z == z


@pytest.mark.parametrize("z", [-1, "min", "0", 1.0, True, False])
def test_what_is_no_plane_and_no_projection_is_refused(z):
    with pytest.raises(
        InputError, match=rf"data\.z \(z, to predict\) is {z!r}, expected the number of a plane"
    ):
        ReadOptions(z=z)
