import pickle
from pathlib import Path

import numpy as np
import pytest
from refusals import refusal

from hela_seg.data.stacks import ArraySeries, FrameSequence, name_of
from hela_seg.system.errors import InputError

FRAME = np.arange(4 * 5, dtype=np.uint8).reshape(4, 5)


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


def test_sequence_strings_single_frames_together_in_time():
    frames = [ArraySeries(FRAME + 30 * t, "YX", 1) for t in range(3)]
    sequence = FrameSequence(frames, "movie")
    assert (sequence.name, sequence.shape, sequence.dtype, sequence.axes) == (
        "movie",
        (3, 1, 4, 5),
        np.uint8,
        "TYX",
    )
    np.testing.assert_array_equal(sequence.frame(2)[0], FRAME + 60)
    np.testing.assert_array_equal(sequence.read(1, slice(1, 3), slice(0, 2))[0], (FRAME + 30)[1:3, :2])
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(sequence)).frame(0)[0], FRAME)


@pytest.mark.parametrize(
    "odd",
    [FRAME[:3], FRAME.astype(np.uint16), np.stack([FRAME, FRAME])],
    ids=["size", "dtype", "two frames"],
)
def test_frames_that_differ_make_no_sequence(odd):
    first = ArraySeries(FRAME, None, 1)
    with pytest.raises(InputError, match=r"frame\(s\) of .* but array has 1 frame\(s\) of 4x5, .* alike"):
        FrameSequence([first, ArraySeries(odd, None, 1)], "movie")


def test_name_leaves_out_the_endings():
    assert [name_of(Path(name)) for name in ("a/b.tif", "b.ome.tiff", "t.1.png")] == ["b", "b", "t.1"]
