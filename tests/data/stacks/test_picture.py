import os

import numpy as np
import pytest
from PIL import Image

from hela_seg.data.stacks import find_files, images_in, open_series
from hela_seg.system.errors import InputError

GREY = np.random.default_rng(0).integers(0, 255, (11, 14), np.uint8)
RGB = np.random.default_rng(1).integers(0, 255, (11, 14, 3), np.uint8)


def save(path, pixels, **options):
    Image.fromarray(pixels).save(path, **options)
    return path


@pytest.mark.parametrize("pixels", [GREY, RGB, GREY > 99], ids=["grey", "RGB", "bits"])
def test_bmp_has_the_pixels_of_the_picture(tmp_path, pixels):
    series = open_series(save(tmp_path / "a.bmp", pixels))
    expected = np.moveaxis(pixels.reshape(11, 14, -1), 2, 0)
    assert (series.shape, series.dtype) == ((1, *expected.shape), pixels.dtype)
    np.testing.assert_array_equal(series.frame(0), expected)
    np.testing.assert_array_equal(series.read(0, slice(2, 7), slice(3, 14)), expected[:, 2:7, 3:])


def test_a_colour_table_means_colours_in_images_and_numbers_in_masks(tmp_path):
    picture = Image.fromarray(GREY % 3, "P")
    picture.putpalette([0, 0, 0, 250, 10, 20, 30, 240, 50])
    picture.save(tmp_path / "a.bmp")
    colours = np.array([[0, 0, 0], [250, 10, 20], [30, 240, 50]], np.uint8)[GREY % 3]
    np.testing.assert_array_equal(open_series(tmp_path / "a.bmp").frame(0), np.moveaxis(colours, 2, 0))
    np.testing.assert_array_equal(open_series(tmp_path / "a.bmp", labels=True).frame(0)[0], GREY % 3)


def test_jpeg_is_read_with_one_line_a_folder_that_says_it_is_lossy(tmp_path, caplog):
    smooth = np.add.outer(np.arange(16), np.arange(24)).astype(np.uint8)
    for name in ("a.jpg", "b.jpeg"):
        save(tmp_path / name, smooth, quality=100)
    for image in images_in(find_files(tmp_path)):
        series = open_series(image.path)
        assert series.shape == (1, 1, 16, 24)
        assert np.abs(series.frame(0)[0].astype(int) - smooth).max() <= 1
    assert caplog.text.count("holds JPEG files, whose compression has changed their grey values") == 1
    assert open_series(save(tmp_path / "c.jpg", RGB)).shape == (1, 3, 11, 14)


def test_masks_as_jpeg_turned_and_four_colour_pictures_are_refused(tmp_path):
    with pytest.raises(InputError, match=r"a\.jpg is a mask as JPEG, whose compression changes its values"):
        open_series(save(tmp_path / "a.jpg", GREY), labels=True)
    assert find_files(tmp_path) == [tmp_path / "a.jpg"]
    with pytest.raises(InputError, match="holds no image"):
        find_files(tmp_path, labels=True)
    turned = Image.Exif()
    turned[274] = 6
    with pytest.raises(InputError, match=r"to be shown turned or mirrored \(Orientation=6\)"):
        open_series(save(tmp_path / "b.jpg", GREY, exif=turned))
    Image.fromarray(RGB).convert("CMYK").save(tmp_path / "c.jpg")
    with pytest.raises(InputError, match="stores its colours as CMYK, expected grey or RGB"):
        open_series(tmp_path / "c.jpg")


@pytest.mark.parametrize("name", ["a.jpg", "a.bmp"])
@pytest.mark.parametrize("size", [1, 30, 300])
def test_cut_files_are_refused(tmp_path, name, size):
    path = save(tmp_path / name, RGB)
    os.truncate(path, size)
    with pytest.raises(InputError, match=r"is damaged or no JPEG or BMP \("):
        open_series(path).frame(0)


def test_frames_above_the_limit_are_refused(tmp_path):
    with pytest.raises(InputError, match="states frames of 11x14"):
        open_series(save(tmp_path / "a.bmp", GREY), max_frame_pixels=153)


def test_a_soft_mask_may_be_jpeg_and_says_nothing(tmp_path, caplog):
    assert open_series(save(tmp_path / "a.jpg", GREY), labels=True, soft=True).shape == (1, 1, 11, 14)
    assert caplog.messages == []
