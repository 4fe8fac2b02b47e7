"""Arrays in memory are series of frames, channels, rows and columns, in whatever order their axes come."""

import numpy as np
import pytest
from refusals import refusal

from hela_seg.data.stacks import ArraySeries


@pytest.mark.parametrize(
    ("shape", "axes", "channels", "expected"),
    [
        ((4, 5), None, 1, (1, 1, 4, 5)),
        ((7, 4, 5), None, 1, (7, 1, 4, 5)),
        ((7, 1, 4, 5), None, 1, (7, 1, 4, 5)),
        ((4, 5, 1), None, 1, (1, 1, 4, 5)),
        ((7, 4, 5, 1), None, 1, (7, 1, 4, 5)),
        ((7, 4, 3), "TYX", 1, (7, 1, 4, 3)),
        ((3, 4, 5), None, 3, (1, 3, 4, 5)),
        ((4, 5, 3), None, 3, (1, 3, 4, 5)),
        ((7, 3, 4, 5), None, 3, (7, 3, 4, 5)),
        ((7, 4, 5, 3), None, 3, (7, 3, 4, 5)),
        ((3, 4, 3), "YXC", 3, (1, 3, 3, 4)),
        ((3, 4, 5), "TYX", 3, (3, 1, 4, 5)),
        ((4, 5, 2, 7), "YXCT", 2, (7, 2, 4, 5)),
        ((7, 4, 5, 3), "thws", 3, (7, 3, 4, 5)),
    ],
)
def test_array_becomes_frames_channels_rows_columns(shape, axes, channels, expected):
    assert ArraySeries(np.zeros(shape, np.uint8), axes, channels).shape == expected


def test_windows_of_an_array_are_copies_of_its_slices():
    array = np.arange(2 * 3 * 4 * 5).reshape(2, 4, 5, 3)
    series = ArraySeries(array, "TYXC", 3)
    window = series.read(1, slice(1, 3), slice(2, 5))
    np.testing.assert_array_equal(window, array[1, 1:3, 2:5].transpose(2, 0, 1))
    window[:] = -1
    assert (array >= 0).all()


@pytest.mark.parametrize(
    ("shape", "axes", "channels", "reason"),
    [
        ((3, 4, 3), None, 3, "one of them of 3 channel"),
        ((4, 5), None, 3, "one of them of 3 channel"),
        ((5, 3), None, 3, "one of them of 3 channel"),
        ((40, 50, 3), None, 1, "whose last axis looks like colours, expected one channel"),
        ((7,), None, 1, "two to four axes"),
        ((2, 2, 2, 4, 5), None, 1, "two to four axes"),
        ((7, 4, 5), "TCYX", 1, "given as 'TCYX', expected one of the letters T, C, Y, X for each axis"),
        ((7, 4, 5), "ZYX", 1, "given as 'ZYX', expected the letters T, C, Y, X"),
    ],
)
def test_array_whose_axes_cannot_be_known_is_refused(shape, axes, channels, reason):
    assert reason in refusal(ArraySeries, np.zeros(shape, np.uint8), axes, channels)


def test_an_array_without_pixels_is_refused():
    assert "expected one frame or more, with pixels" in refusal(ArraySeries, np.zeros((0, 4, 5)), "TYX", 1)


def test_a_frame_that_holds_no_number_is_named_once_it_is_read():
    array = np.zeros((3, 4, 5))
    array[1, 2, 2] = np.nan
    series = ArraySeries(array, "TYX", 1)
    assert series.frame(2).shape == (1, 4, 5)
    assert "frame 1" in refusal(series.frame, 1)
