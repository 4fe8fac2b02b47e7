import math

import numpy as np
import pytest
import tifffile
from drawn import label_maps
from hypothesis import given
from hypothesis import strategies as st
from skimage.measure import regionprops_table

from hela_seg.cells import count_cells, measure_cells, split_cells
from hela_seg.data.classes import IGNORE_INDEX, Classes
from hela_seg.data.stacks import PixelSize

CLASSES = Classes(["background", "round", "spread"])
OURS = {
    "area_px": "area",
    "perimeter_px": "perimeter",
    "eccentricity": "eccentricity",
    "solidity": "solidity",
    "row_px": "centroid-0",
    "column_px": "centroid-1",
}
"""Our columns by the names that scikit-image has for them."""


def measured(labels, image=None, **options):
    labels = np.asarray(labels)
    return measure_cells(labels, (labels > 0).astype(np.uint8), CLASSES, image, **options)


def assert_same_as_scikit_image(labels, image):
    ours = measured(labels, image[None])
    theirs = regionprops_table(
        labels,
        image,
        ("label", "area", "perimeter", "eccentricity", "solidity", "centroid", "intensity_mean", "bbox"),
    )
    assert (ours["label"] == theirs["label"]).all()
    for our_name, their_name in OURS.items():
        # An eccentricity near 0 is the root of a difference of almost equal numbers.
        tolerance = 1e-6 if our_name == "eccentricity" else 1e-9
        np.testing.assert_allclose(ours[our_name], theirs[their_name], rtol=1e-9, atol=tolerance)
    np.testing.assert_allclose(ours["mean_intensity_0"], theirs["intensity_mean"], rtol=1e-9)
    height, width = labels.shape
    at_edge = (theirs["bbox-0"] == 0) | (theirs["bbox-1"] == 0)
    at_edge |= (theirs["bbox-2"] == height) | (theirs["bbox-3"] == width)
    assert (ours["touches_border"] == at_edge).all()


def test_a_square_by_hand():
    labels = np.zeros((6, 7), np.int32)
    labels[1:5, 2:6] = 9
    cells = measured(labels, np.stack([labels, 2 * labels]), frame=3, pixel_size=PixelSize(0.5, 0.5))
    assert {name: column.tolist() for name, column in cells.items()} == {
        "frame": [3],
        "label": [9],
        "class": ["round"],
        "area_px": [16],
        "perimeter_px": [12.0],  # between the centres of the border's pixels
        "eccentricity": [0.0],
        "solidity": [1.0],
        "row_px": [2.5],
        "column_px": [3.5],
        "touches_border": [False],
        "mean_intensity_0": [9.0],
        "mean_intensity_1": [18.0],
        "area_um2": [4.0],
        "perimeter_um": [6.0],
        "row_um": [1.25],
        "column_um": [1.75],
    }


def test_rectangular_pixels_measure_by_their_height_and_width():
    """Four rows of 0.5 and four columns of 0.25: 2 x 1 µm, its border's pixels 1.5 and 0.75 apart."""
    labels = np.zeros((6, 7), np.int32)
    labels[1:5, 2:6] = 1
    cells = measured(labels, pixel_size=PixelSize(height=0.5, width=0.25))
    assert (cells["area_px"].tolist(), cells["perimeter_px"].tolist()) == ([16], [12.0])
    assert (cells["area_um2"].tolist(), cells["perimeter_um"].tolist()) == ([2.0], [4.5])
    assert (cells["row_um"].tolist(), cells["column_um"].tolist()) == ([1.25], [0.875])
    assert cells["eccentricity"] == pytest.approx([math.sqrt(1 - 1 / 4)])


@given(label_maps(), st.floats(0.1, 10), st.floats(0.1, 10))
def test_turned_by_a_quarter_rectangular_pixels_measure_the_same(labels, height, width):
    upright = measured(labels, pixel_size=PixelSize(height, width))
    turned = measured(labels.T, pixel_size=PixelSize(width, height))
    for name in ("area_um2", "perimeter_um"):
        np.testing.assert_allclose(upright[name], turned[name], rtol=1e-9)
    np.testing.assert_allclose(upright["eccentricity"], turned["eccentricity"], atol=1e-6)
    np.testing.assert_allclose(upright["row_um"], turned["column_um"], rtol=1e-9)


def test_cells_whose_pixel_size_is_unknown_keep_their_shape_in_pixels():
    cells = measured(np.ones((2, 4), int), pixel_size=PixelSize(math.nan, math.nan))
    assert cells["eccentricity"] == pytest.approx([math.sqrt(1 - 1 / 5)])
    assert np.isnan(cells["perimeter_um"]).all()


def test_the_time_stands_beside_the_frame_where_frames_have_an_interval():
    cells = measured(np.eye(2, dtype=int), frame=3, time=4.5)
    assert list(cells)[:3] == ["frame", "time_s", "label"]
    assert cells["time_s"].tolist() == [4.5]
    assert list(measured(np.eye(2, dtype=int)))[:2] == ["frame", "label"]


def test_eccentricity_of_a_rectangle_by_hand():
    # Variances of 1 x 3 pixels: 0 and 2/3; of 2 x 4 pixels: 1/4 and 5/4.
    assert measured([[1, 1, 1]])["eccentricity"].tolist() == [1.0]
    assert measured(np.ones((2, 4), int))["eccentricity"] == pytest.approx([math.sqrt(1 - 1 / 5)])


def test_solidity_of_a_corner_by_hand():
    # Five pixels in the shape of an L; the middle of the square of nine lies on the hull's slanting side,
    # and the one beside the far corner on either side lies beyond it.
    labels = [[1, 0, 0], [1, 0, 0], [1, 1, 1]]
    assert measured(labels)["solidity"] == pytest.approx([5 / 6])


@given(label_maps())
def test_any_cells_measure_as_in_scikit_image(labels):
    image = np.random.default_rng(labels.size).integers(0, 60_000, labels.shape).astype(np.uint16)
    if labels.any():
        assert_same_as_scikit_image(labels, image)


def test_real_nuclei_measure_as_in_scikit_image(shared):
    folder = shared / "hela-h2b-timelapse"
    labels, image = (tifffile.imread(folder / name, key=19) for name in ("instances.tif", "images.tif"))
    assert_same_as_scikit_image(labels.astype(np.int32), image)


def test_large_and_lone_cells_measure_as_in_scikit_image():
    labels = np.zeros((700, 900), np.int32)
    labels[5:690, 10:880], labels[200:600, 300:320], labels[699, 899] = 60_000, 7, 2
    assert_same_as_scikit_image(labels, np.arange(labels.size).reshape(labels.shape))


def test_the_class_is_that_of_most_pixels_and_ignored_ones_have_no_say():
    labels = np.array([[1, 1, 1, 1, 1, 1, 0, 2, 2]])
    class_map = np.array([[2, 2, 1, *[IGNORE_INDEX] * 3, 0, 2, 1]], np.uint8)
    cells = measure_cells(labels, class_map, CLASSES)
    assert cells["class"].tolist() == ["spread", "round"]
    assert count_cells(cells, CLASSES) == {"round": 1, "spread": 1}


def test_a_frame_without_cells_has_all_columns_and_no_row():
    cells = measured(np.zeros((4, 4), np.int32), np.zeros((2, 4, 4)), pixel_size=PixelSize(1.0, 1.0))
    one = measured(np.ones((4, 4), np.int32), np.zeros((2, 4, 4)), pixel_size=PixelSize(1.0, 1.0))
    assert list(cells) == list(one)
    assert all(len(column) == 0 for column in cells.values())
    assert {n: c.dtype for n, c in cells.items()} == {n: c.dtype for n, c in one.items()}
    assert count_cells(cells, CLASSES) == {"round": 0, "spread": 0}


def test_of_a_class_map_alone():
    class_map = np.array([[1, 1, 0, 2], [1, 1, 0, 2]], np.uint8)
    cells = measure_cells(split_cells(class_map), class_map, CLASSES)
    assert cells["class"].tolist() == ["round", "spread"]
    assert not any(name.startswith("mean_intensity") or name.endswith(("um", "um2")) for name in cells)


@pytest.mark.parametrize(
    ("labels", "class_map", "image"),
    [
        (np.ones((4, 4), int), np.ones((4, 5), int), None),
        (np.ones((4, 4), int), np.ones((4, 4), int), np.ones((4, 4))),
        (np.ones((4, 4), int), np.full((4, 4), 7), None),
    ],
)
def test_misfits_are_refused(labels, class_map, image):
    with pytest.raises(ValueError, match=r"expected|of one shape"):
        measure_cells(labels, class_map, CLASSES, image)
