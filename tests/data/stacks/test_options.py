"""How files are to be read: settings that cannot be are refused, and masks follow their images."""

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


@pytest.mark.parametrize("limit", [0, -5])
def test_a_limit_below_one_value_is_refused(limit):
    assert ReadOptions(max_frame_pixels=1).max_frame_pixels == 1
    with pytest.raises(InputError, match=f"data.max_frame_pixels is {limit}, expected 1 or more"):
        ReadOptions(max_frame_pixels=limit)


@pytest.mark.parametrize(
    ("axes", "dimensions", "expected"),
    [
        ("TCZYX", 4, "TZYX"),
        ("TCZYX", 3, "TYX"),
        ("YXS", 2, "YX"),
        ("tczyx", 4, "tzyx"),
        ("TYX", 3, "TYX"),
        ("ZYX", 2, "YX"),
        (None, 3, None),
    ],
)
def test_a_mask_has_no_channels_and_may_have_no_planes(axes, dimensions, expected):
    options = ReadOptions(axes=axes, assumed_axes=axes, z=2, max_frame_pixels=99).for_mask(dimensions)
    assert options == ReadOptions(axes=expected, assumed_axes=expected, z=2, max_frame_pixels=99)
