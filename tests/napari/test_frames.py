import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hela_seg.napari.frames import LazyFrames

SHAPE = (4, 5, 6)


def made():
    stored = np.random.default_rng(0).integers(0, 3, SHAPE).astype(np.uint8)
    return LazyFrames(lambda t: stored[t], SHAPE), stored.copy(), stored


@st.composite
def keys(draw):
    """Indices as napari gives them: numbers and slices, or an array an axis."""
    if draw(st.booleans()):
        count = draw(st.integers(1, 8))
        return tuple(
            np.array(draw(st.lists(st.integers(0, n - 1), min_size=count, max_size=count))) for n in SHAPE
        )
    return tuple(
        draw(st.one_of(st.integers(-n, n - 1), st.slices(n))) for n in SHAPE[: draw(st.integers(1, 3))]
    )


@given(st.lists(st.tuples(keys(), st.integers(0, 9)), max_size=4), keys())
def test_it_is_read_and_written_like_an_array(writes, key):
    frames, array, stored = made()
    for place, value in writes:
        frames[place] = value
        array[place] = value
    assert np.array_equal(frames[key], array[key])
    assert np.array_equal(np.asarray(frames), array)
    assert frames.changed() == [t for t in range(SHAPE[0]) if (array[t] != stored[t]).any()]


def test_what_was_read_does_not_change_with_what_is_painted():
    frames, _, stored = made()
    shown = frames[1]
    frames[1, 0, 0] = 9
    assert shown[0, 0] != 9
    assert stored[1, 0, 0] != 9


def test_a_frame_beyond_the_last_is_an_index_error():
    with pytest.raises(IndexError):
        made()[0][4]
