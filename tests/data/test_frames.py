import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st

from hela_seg.data.classes import IGNORE_INDEX, Classes
from hela_seg.data.frames import LabelFrames, NormalisedFrames
from hela_seg.data.labels.readers import ColourLabels, InstanceLabels, ValueLabels
from hela_seg.data.labels.resized import NearestSeries
from hela_seg.data.normalise import Normalisation, fit
from hela_seg.data.stacks import ArraySeries, FrameSequence, open_series
from hela_seg.data.tiles import Window
from hela_seg.system.errors import InputError

RANDOM = np.random.default_rng(0)
IMAGES = RANDOM.integers(0, 4000, (3, 2, 19, 23), np.uint16)
CELLS = np.kron(RANDOM.integers(0, 5, (3, 5, 6)), np.ones((1, 4, 4), int)).astype(np.uint16)[:, :19, :23]
WINDOWS = st.builds(
    Window,
    row=st.integers(-8, 20),
    column=st.integers(-8, 25),
    height=st.integers(1, 30),
    width=st.integers(1, 30),
)


def cut(array, window, **pad):
    """Rows and columns of the last two axes, made up outside by numpy."""
    margin = 64
    padded = np.pad(array, [(0, 0)] * (array.ndim - 2) + [(margin, margin)] * 2, **pad)
    rows = slice(window.row + margin, window.row + margin + window.height)
    return padded[..., rows, window.column + margin : window.column + margin + window.width]


@pytest.mark.parametrize("kind", ["dtype", "percentile", "frame", "zscore"])
@given(window=WINDOWS, t=st.integers(0, 2))
def test_window_is_cut_from_the_normalised_frame_mirrored_at_its_edges(kind, window, t):
    normalisation = fit(kind, IMAGES)
    frame = normalisation.apply(IMAGES[t], normalisation.statistics(IMAGES[t]))
    found = NormalisedFrames(ArraySeries(IMAGES, "TCYX", 2), normalisation).read(t, window)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, cut(frame, window, mode="reflect"))


@given(window=WINDOWS, t=st.integers(0, 2), border=st.integers(0, 3))
def test_instances_have_the_labels_of_the_whole_frame_in_any_window(window, t, border):
    reader = InstanceLabels(border)
    whole = reader.convert(CELLS[t])
    found = LabelFrames(ArraySeries(CELLS, "TYX", 1), reader).read(t, window)
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, cut(whole, window, mode="constant", constant_values=IGNORE_INDEX))


def test_whole_frame_of_labels():
    classes = Classes(["background", {"name": "a", "values": [1, 2]}, {"name": "b", "values": [3, 4]}])
    found = LabelFrames(ArraySeries(CELLS, "TYX", 1), ValueLabels(classes)).whole(1)
    np.testing.assert_array_equal(found, np.array([0, 1, 1, 2, 2])[CELLS[1]])


def test_value_of_no_class_is_refused_with_file_frame_value_and_pixels(tmp_path):
    masks = np.zeros((3, 6, 7), np.uint8)
    masks[2, 1, :5] = 77
    tifffile.imwrite(tmp_path / "mäsk 1.tif", masks, photometric="minisblack")
    frames = LabelFrames(
        open_series(tmp_path / "mäsk 1.tif", "TYX", labels=True), ValueLabels(Classes(["a", "b"]))
    )
    assert not frames.whole(1).any()
    with pytest.raises(InputError, match=r"mäsk 1\.tif, frame 2: values 77 \(5 pixels\) are in no class"):
        frames.whole(2)


def test_bad_frame_of_a_sequence_is_named_by_its_own_file(tmp_path):
    for t in range(3):
        tifffile.imwrite(tmp_path / f"t{t}.tif", np.full((4, 5), t, np.uint8))
    sequence = FrameSequence([open_series(tmp_path / f"t{t}.tif", labels=True) for t in range(3)], "film")
    with pytest.raises(InputError, match=r"t2\.tif, frame 2: values 2 \(20 pixels\)"):
        LabelFrames(sequence, ValueLabels(Classes(["a", "b"]))).whole(2)


def test_masks_in_colours_are_read_by_all_their_channels():
    colours = np.zeros((1, 3, 4, 5), np.uint8)
    colours[0, 0, 1, 2] = 255
    reader = ColourLabels(Classes([{"name": "a", "colour": "#000000"}, {"name": "b", "colour": "#ff0000"}]))
    found = LabelFrames(ArraySeries(colours, "TCYX", 3), reader).read(0, Window(0, 1, 3, 3))
    assert found.tolist() == [[0, 0, 0], [0, 1, 0], [0, 0, 0]]


@given(window=WINDOWS, t=st.integers(0, 2), border=st.integers(0, 3))
def test_border_of_resized_instances_is_as_wide_in_any_window(window, t, border):
    reader = InstanceLabels(border)
    masks = NearestSeries(ArraySeries(CELLS, "TYX", 1), (29, 35))
    whole = reader.convert(masks.frame(t)[0])
    found = LabelFrames(masks, reader).read(t, window)
    np.testing.assert_array_equal(found, cut(whole, window, mode="constant", constant_values=IGNORE_INDEX))


def test_frame_is_looked_at_once_for_its_own_percentiles(monkeypatch):
    series = ArraySeries(IMAGES, "TCYX", 2)
    seen = []
    monkeypatch.setattr(series, "frame", lambda t: seen.append(t) or IMAGES[t])
    frames = NormalisedFrames(series, Normalisation("frame"))
    for t in (1, 1, 0, 1):
        frames.read(t, Window(2, 3, 4, 4))
    assert seen == [1, 0]


def test_ids_of_cells_are_as_the_masks_number_them_but_for_ignored_pixels() -> None:
    masks = ArraySeries(np.array([[[0, 70_000, 70_000, 9, 4]]], np.uint32), "TYX", 1)
    frames = LabelFrames(masks, InstanceLabels(border_width=0, ignore_value=9))
    ids = frames.instances(0, frames.whole(0))
    assert ids is not None
    assert ids.tolist() == [[0, 70_000, 70_000, 0, 4]]


def test_masks_of_classes_hold_no_ids() -> None:
    masks = ArraySeries(np.array([[[0, 1]]], np.uint8), "TYX", 1)
    frames = LabelFrames(masks, ValueLabels(Classes(["background", "cell"])))
    assert frames.instances(0, frames.whole(0)) is None
