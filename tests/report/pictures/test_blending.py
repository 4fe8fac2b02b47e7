"""Labels over an image: what is grey, what is coloured, and what is shown as black and as white."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from skimage.color import deltaE_ciede2000, rgb2lab

from hela_seg.data.classes import IGNORE_INDEX, Classes
from hela_seg.report.pictures.blending import blend, contrast_of, fit_panel

CLASSES = Classes(["background", "round", "spread"])
ORANGE, BLUE = (np.array(CLASSES[index].rgb) for index in (1, 2))


def unlabelled(image):
    return blend(image, np.zeros(image.shape[1:], np.uint8), CLASSES)


def test_grey_is_stretched_from_the_1st_to_the_99_8th_percentile():
    image = np.arange(1001, dtype=np.uint16).reshape(1, 7, 143)  # percentiles 10 and 998
    picture = unlabelled(image).reshape(1001, 3)
    assert (
        picture[[0, 10, 14, 257, 990, 998, 1000]] == np.array([[0], [0], [1], [64], [253], [255], [255]])
    ).all()


def test_inside_is_a_quarter_of_the_colour_and_the_outline_all_of_it():
    labels = np.zeros((9, 9), np.uint8)
    labels[2:7, 2:7] = 1
    image = np.zeros((1, 9, 9), np.uint8)
    image[0, 4, 4] = 200
    picture = blend(image, labels, CLASSES)
    assert (picture[3, 3] == np.round(0.25 * ORANGE)).all()
    assert (picture[4, 4] == np.round(0.75 * 255 + 0.25 * ORANGE)).all()
    outline = labels.astype(bool)
    outline[3:6, 3:6] = False
    assert (picture[outline] == ORANGE).all()
    assert (picture[labels == 0] == 0).all()


def test_class_colours_are_the_same_on_grey_and_on_tinted_images():
    labels = np.full((9, 9), 2, np.uint8)
    grey = np.random.default_rng(0).integers(0, 99, (1, 9, 9))
    green = np.concatenate([grey * 0, grey, grey // 2])
    inside = blend(green, labels, CLASSES).astype(int) - np.round(0.25 * BLUE).astype(int)
    assert (np.ptp(inside, axis=2) <= 1).all()


@pytest.mark.parametrize("brightness", [0, 32, 60, 128, 200, 255])
@pytest.mark.parametrize("channels", [(1,), (0, 1, 0.2)])
def test_the_fill_of_every_class_is_told_apart_from_grey_and_green_images(brightness, channels):
    """By CIEDE2000, of which an eye sees a difference of about 2."""
    classes = Classes([str(index) for index in range(8)])
    image = np.stack([np.full((32, 4), brightness * share) for share in channels])
    labels = np.repeat(np.arange(8, dtype=np.uint8), 4)[:, None] * np.ones((1, 4), np.uint8)
    contrast = np.array([[0.0, 255.0]] * len(channels))
    inside = blend(image, labels, classes, contrast)[1::4, 1:2]  # the background, and seven fills
    seen = rgb2lab(np.repeat(inside, 8, axis=1))
    difference = deltaE_ciede2000(seen, seen.transpose(1, 0, 2))
    assert (difference[0, 1:] > 7).all()
    assert (difference[~np.eye(8, dtype=bool)] > 4).all()


def test_touching_classes_each_keep_their_outline():
    labels = np.ones((8, 8), np.uint8)
    labels[:, 4:] = 2
    picture = blend(np.zeros((1, 8, 8)), labels, CLASSES)
    assert (picture[:, 3] == ORANGE).all()
    assert (picture[:, 4] == BLUE).all()


def test_ignored_pixels_are_hatched_grey_and_have_no_outline():
    labels = np.full((16, 16), IGNORE_INDEX, np.uint8)
    picture = blend(np.zeros((1, 16, 16), np.uint8), labels, CLASSES)
    assert set(np.unique(picture)) == {0, 140}
    assert (picture == 140).mean() == 3 / 8


def test_a_wider_outline_grows_inwards():
    labels = np.zeros((12, 12), np.uint8)
    labels[2:10, 2:10] = 1
    picture = blend(np.zeros((1, 12, 12), np.uint8), labels, CLASSES, outline=3)
    solid = (picture == ORANGE).all(axis=2)
    inside = np.zeros((12, 12), bool)
    inside[5:7, 5:7] = True
    assert (solid == (labels.astype(bool) & ~inside)).all()


@pytest.mark.parametrize("channels", [1, 2, 3, 5])
def test_contrast_of_an_image_is_what_it_is_shown_with_by_default(channels):
    image = np.random.default_rng(0).integers(0, 4000, (channels, 20, 30))
    labels = np.zeros((20, 30), np.uint8)
    with_own = blend(image, labels, CLASSES, contrast_of([image]))
    assert (with_own == blend(image, labels, CLASSES)).all()


def test_one_contrast_shows_a_dim_frame_dim():
    bright = np.linspace(0, 1000, 1001).reshape(1, 7, 143)
    contrast = contrast_of([bright, bright / 100, 2 * bright])  # median: that of the first, 10 to 998
    assert contrast.tolist() == [[10.0, 998.0]]
    dim = blend(bright / 2, np.zeros((7, 143), np.uint8), CLASSES, contrast)
    assert dim.max() == round((500 - 10) / 988 * 255)


def test_contrast_of_nothing_is_a_programming_error():
    with pytest.raises(ValueError, match="at least one image"):
        contrast_of([])


def test_three_channels_keep_their_hue():
    image = np.stack([np.full((8, 8), value, np.uint8) for value in (10, 40, 20)])
    image[:, 0, 0] = 0
    picture = unlabelled(image)
    red, green, blue = picture[4, 4].astype(float)
    assert green == 255
    assert red / green == pytest.approx(10 / 40, abs=0.01)
    assert blue / green == pytest.approx(20 / 40, abs=0.01)


def test_two_channels_are_magenta_and_green_each_stretched_alone():
    image = np.zeros((2, 10, 10), np.uint16)
    image[0, :5], image[1, 5:] = 60000, 3
    picture = unlabelled(image)
    assert (picture[0, 0] == (255, 0, 255)).all()
    assert (picture[9, 9] == (0, 255, 0)).all()


def test_of_more_than_three_channels_the_first_three_are_shown_each_stretched_alone():
    image = np.zeros((5, 10, 10), np.uint16)
    image[0, :, :5], image[2, :, :5], image[4] = 9, 70, 5
    assert (unlabelled(image)[0, 0] == (255, 0, 255)).all()


def test_few_bright_pixels_on_an_even_frame_are_still_seen():
    image = np.zeros((1, 50, 50), np.uint8)
    image[0, 7, 7] = 3
    assert (unlabelled(image)[7, 7] == 255).all()


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int16, np.uint16, np.int64, np.float16, np.float64])
def test_any_real_dtype_can_be_shown(dtype):
    image = np.zeros((1, 10, 10), dtype)
    image[0, 5:] = 1
    assert set(np.unique(unlabelled(image))) == {0, 255}


@pytest.mark.parametrize("value", [0.0, 7.0, np.nan, np.inf])
def test_frames_of_one_value_are_black(value):
    assert (unlabelled(np.full((1, 4, 4), value)) == 0).all()


def test_values_that_are_not_finite_are_black_and_do_not_spoil_the_rest():
    image = np.linspace(0, 1, 100).reshape(1, 10, 10)
    image[0, 5, 5], image[0, 5, 6], image[0, 5, 7] = np.nan, np.inf, -np.inf
    picture = unlabelled(image)
    assert (picture[5, 5:8] == 0).all()
    assert (picture[9, 9] == 255).all()


@settings(deadline=None, max_examples=50)
@given(arrays(np.uint8, (11, 13), elements=st.sampled_from([0, 0, 1, 2, IGNORE_INDEX])))
def test_background_pixels_stay_as_they_are(labels):
    image = np.random.default_rng(0).integers(0, 4000, (1, 11, 13))
    background = labels == 0
    assert (blend(image, labels, CLASSES)[background] == unlabelled(image)[background]).all()


def test_labels_of_another_size_are_a_programming_error():
    with pytest.raises(ValueError, match=r"image is \(1, 4, 5\) and labels \(5, 4\)"):
        blend(np.zeros((1, 4, 5)), np.zeros((5, 4), np.uint8), CLASSES)


def test_a_large_frame_is_shrunk_by_area_means_and_its_labels_are_not_mixed():
    image = np.array([[[0, 4, 8, 8], [4, 8, 0, 0]]], np.uint8)
    labels = np.array([[0, 1, 2, 2], [1, 1, 0, 2]], np.uint8)
    shrunk, nearest = fit_panel(image, labels, 2)
    np.testing.assert_allclose(shrunk, [[[4, 4]]])
    assert nearest.tolist() == [[1, 2]]


def test_of_a_huge_frame_every_so_many_pixels_are_looked_at():
    image = np.full((1, 40, 20), 9, np.uint8)
    image[:, ::2, ::2] = 3
    shrunk, labels = fit_panel(image, image[0], 10)
    assert shrunk.shape == (1, 10, 5)
    assert (shrunk == 3).all()
    assert (labels == 3).all()
