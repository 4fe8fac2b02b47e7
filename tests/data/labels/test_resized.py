from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from hela_seg.data.labels.resized import NearestSeries, nearest
from hela_seg.data.stacks import ArraySeries, FrameSequence
from hela_seg.system.errors import InputError

LENGTHS = st.integers(1, 60)


def scaled(masks, size):
    return NearestSeries(ArraySeries(masks, "TYX", 1), size)


def test_two_pixels_at_five_by_hand():
    masks = np.array([[[7, 9]]], np.uint8)
    assert scaled(masks, (2, 5)).frame(0).tolist() == [[[7, 7, 9, 9, 9]] * 2]


def test_every_third_pixel_is_the_one_in_the_middle():
    assert nearest(3, 9).tolist() == [1, 4, 7]


@given(length=LENGTHS, source=LENGTHS)
def test_places_are_those_of_pillow(length, source):
    row = Image.fromarray(np.arange(source, dtype=np.uint8)[None])
    expected = np.asarray(row.resize((length, 1), Image.Resampling.NEAREST))[0]
    ties = (2 * np.arange(length) + 1) * source % (
        2 * length
    ) == 0  # between two pixels floats may fall short
    np.testing.assert_array_equal(nearest(length, source)[~ties], expected[~ties])
    assert (np.abs(nearest(length, source) - expected) <= 1).all()


@given(data=st.data(), source=st.integers(2, 30), scale=st.integers(1, 4), up=st.booleans())
def test_a_window_is_cut_from_the_whole(data, source, scale, up):
    size = (source * scale, 2 * source * scale) if up else (-(-source // scale), -(-2 * source // scale))
    masks = np.random.default_rng(source).integers(0, 9, (2, source, 2 * source), np.uint16)
    series = scaled(masks, size)
    rows, columns = (
        slice(
            *sorted(
                data.draw(st.tuples(st.integers(0, n - 1), st.integers(1, n)).filter(lambda s: s[0] < s[1]))
            )
        )
        for n in size
    )
    found = series.read(1, rows, columns)
    assert found.dtype == np.uint16
    np.testing.assert_array_equal(found, series.frame(1)[:, rows, columns])
    np.testing.assert_array_equal(
        series.frame(1)[0],
        masks[1][np.ix_(*(nearest(n, m) for n, m in zip(size, masks.shape[1:], strict=True)))],
    )


def test_only_the_source_pixels_that_a_window_needs_are_read(monkeypatch):
    source = ArraySeries(np.zeros((1, 10, 10), np.uint8), "TYX", 1)
    asked = []
    read = source.read
    monkeypatch.setattr(source, "read", lambda *window: asked.append(window) or read(*window))
    NearestSeries(source, (40, 40)).read(0, slice(8, 14), slice(36, 40))
    assert asked == [(0, slice(2, 4), slice(9, 10))]


@pytest.mark.parametrize(("source", "size"), [((100, 200), (400, 400)), ((30, 20), (200, 300))])
def test_other_proportions_are_no_other_resolution(source, size):
    with pytest.raises(InputError, match=rf"array is {source[0]}x{source[1]}, expected the proportions of"):
        scaled(np.zeros((1, *source), np.uint8), size)


@pytest.mark.parametrize("size", [(1022, 1024), (700, 1100), (37, 512)])
@pytest.mark.parametrize("scale", [0.1, 0.5, 1 / 3, 2.7])
@pytest.mark.parametrize("rounded", [np.floor, np.ceil])
def test_sizes_that_are_rounded_keep_their_proportions(size, scale, rounded):
    source = rounded(np.array(size) * scale).astype(int)
    assert scaled(np.zeros((1, *source), np.uint8), size).shape == (1, 1, *size)


def test_files_are_those_of_the_source():
    frames = []
    for name in ("a.png", "b.png"):
        frame = ArraySeries(np.zeros((1, 4, 4), np.uint8), "TYX", 1)
        frame.path = Path(name)
        frames.append(frame)
    series = NearestSeries(FrameSequence(frames, "film"), (8, 8))
    assert series.paths == (Path("a.png"), Path("b.png"))
    assert [series.path_of(t) for t in range(2)] == [Path("a.png"), Path("b.png")]
    assert (series.name, series.shape) == ("film", (2, 1, 8, 8))
