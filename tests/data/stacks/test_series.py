import pickle
from pathlib import Path

import numpy as np
import pytest

from hela_seg.data.stacks import ArraySeries, FrameSequence, name_of
from hela_seg.system.errors import InputError

FRAME = np.arange(4 * 5, dtype=np.uint8).reshape(4, 5)


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
