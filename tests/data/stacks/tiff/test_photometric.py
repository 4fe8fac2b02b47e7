"""What the numbers of a TIFF mean, beside Pillow's reading of the same file."""

import numpy as np
import pytest
import tifffile
from PIL import Image

from hela_seg.data.stacks import open_series
from hela_seg.data.stacks.tiff.photometric import Photometric
from hela_seg.system.errors import InputError

GREY = np.random.default_rng(0).integers(0, 256, (37, 53), np.uint8)
RGBA = np.random.default_rng(1).integers(0, 256, (37, 53, 4), np.uint8)
OPAQUE = np.dstack([RGBA[..., :3], np.full((37, 53), 255, np.uint8)])
TABLE = (np.random.default_rng(2).integers(0, 256, (3, 256)) * 257).astype(np.uint16)
LAYOUTS = [{}, {"compression": "zlib"}, {"compression": "zlib", "tile": (16, 32)}, {"byteorder": ">"}]


def write(path, array, **options):
    tifffile.imwrite(path, array, **{"metadata": None, "software": "a microscope", **options})
    return path


def pillow(path, mode=None):
    with Image.open(path) as image:
        array = np.asarray(image if mode is None else image.convert(mode))
    return array[np.newaxis] if array.ndim == 2 else np.moveaxis(array, -1, 0)


def test_white_as_zero_of_single_bits_and_of_more_than_8(tmp_path):
    path = write(tmp_path / "a.tif", GREY > 99, photometric="miniswhite")
    np.testing.assert_array_equal(open_series(path).frame(0), pillow(path))
    deep = GREY.astype(np.uint16) * 200
    path = write(tmp_path / "b.tif", deep, photometric="miniswhite")
    np.testing.assert_array_equal(open_series(path).frame(0)[0], 65535 - deep)
    twelve = GREY.astype(np.uint16) * 16
    path = write(tmp_path / "c.tif", twelve, photometric="miniswhite", bitspersample=12)
    np.testing.assert_array_equal(open_series(path).frame(0)[0], 4095 - twelve)
    path = write(tmp_path / "d.tif", GREY.astype(np.float32), photometric="miniswhite")
    with pytest.raises(InputError, match=r"d\.tif states that white is zero for float32 pixels"):
        open_series(path)


@pytest.mark.parametrize("labels", [False, True])
def test_white_as_zero_of_imagej_is_asked_for(tmp_path, labels):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, GREY, imagej=True, photometric="miniswhite", metadata={"axes": "YX"})
    with pytest.raises(InputError, match=r"inverting lookup table.*Invert LUT.*Edit > Invert"):
        open_series(path, labels=labels)


@pytest.mark.parametrize("options", LAYOUTS, ids=str)
def test_a_colour_table_is_colours_in_images_and_painted_masks_and_values_in_other_masks(tmp_path, options):
    path = write(tmp_path / "a.tif", GREY, photometric="palette", colormap=TABLE, **options)
    image = open_series(path)
    assert (image.shape, image.dtype) == ((1, 3, 37, 53), np.uint8)
    np.testing.assert_array_equal(image.frame(0), pillow(path, "RGB"))
    np.testing.assert_array_equal(image.read(0, slice(3, 9), slice(50, 53)), pillow(path, "RGB")[:, 3:9, 50:])
    np.testing.assert_array_equal(open_series(path, colours=True).frame(0), pillow(path, "RGB"))
    np.testing.assert_array_equal(open_series(path, labels=True).frame(0)[0], GREY)


def test_lookup_tables_of_imagej_and_ramps_of_others_leave_intensities_as_they_are(tmp_path):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, GREY, imagej=True, photometric="palette", colormap=TABLE, metadata={"axes": "YX"})
    np.testing.assert_array_equal(open_series(path).frame(0)[0], GREY)
    np.testing.assert_array_equal(open_series(path, colours=True).frame(0), pillow(path, "RGB"))
    green = np.zeros((3, 256), np.uint16)
    green[1] = np.arange(256) * 257
    path = write(tmp_path / "b.tif", GREY, photometric="palette", colormap=green)
    np.testing.assert_array_equal(open_series(path).frame(0)[0], GREY)


def test_colour_tables_of_8_bits_are_told_from_those_of_16(tmp_path):
    path = write(tmp_path / "a.tif", GREY, photometric="palette", colormap=TABLE // 257)
    np.testing.assert_array_equal(open_series(path).frame(0), (TABLE // 257)[:, GREY])


@pytest.mark.parametrize("labels", [False, True])
@pytest.mark.parametrize("planar", [False, True])
def test_opacity_is_left_out_where_all_is_opaque_as_of_png(tmp_path, labels, planar):
    options = {"photometric": "rgb", "extrasamples": ["unassalpha"], "compression": "zlib"}
    options |= {"planarconfig": "separate"} if planar else {}
    arranged = np.moveaxis(OPAQUE, -1, 0) if planar else OPAQUE
    path = write(tmp_path / "a.tif", arranged, **options)
    series = open_series(path, labels=labels)
    assert series.shape == (1, 3, 37, 53)
    np.testing.assert_array_equal(series.frame(0), pillow(path, "RGB"))
    path = write(tmp_path / "b.tif", np.moveaxis(RGBA, -1, 0) if planar else RGBA, **options)
    with pytest.raises(InputError, match=r"b\.tif is partly transparent"):
        open_series(path, labels=labels).frame(0)


def test_a_fourth_channel_that_is_no_opacity_stays(tmp_path):
    path = write(tmp_path / "a.tif", RGBA, photometric="rgb", extrasamples=["unspecified"])
    np.testing.assert_array_equal(open_series(path).frame(0), np.moveaxis(RGBA, -1, 0))
    path = write(tmp_path / "b.tif", OPAQUE, photometric="rgb", extrasamples=["unspecified"])
    assert open_series(path).shape == (1, 3, 37, 53)  # as Pillow and others write opacity


def test_colours_in_planes_are_what_the_tags_say(tmp_path):
    planes = np.ascontiguousarray(np.moveaxis(OPAQUE[..., :3], -1, 0))
    options = {"photometric": "rgb", "planarconfig": "separate"}
    path = write(tmp_path / "a.tif", planes, **options)
    series = open_series(path)
    assert series.shape == (1, 3, 37, 53)
    np.testing.assert_array_equal(series.frame(0), pillow(path))
    assert open_series(path, "TYX").shape == (3, 1, 37, 53)


def test_ycbcr_of_jpeg_is_decoded_to_rgb(tmp_path):
    path = write(tmp_path / "a.tif", OPAQUE[..., :3], photometric="ycbcr", compression="jpeg")
    np.testing.assert_allclose(open_series(path).frame(0).astype(int), pillow(path).astype(int), atol=2)


def test_pictures_that_are_to_be_turned_are_refused(tmp_path):
    path = write(tmp_path / "a.tif", GREY, photometric="minisblack", extratags=[(274, 3, 1, 6, True)])
    with pytest.raises(InputError, match=r"a\.tif states that it is to be shown turned .*Orientation=6"):
        open_series(path)
    path = write(tmp_path / "b.tif", GREY, photometric="minisblack", extratags=[(274, 3, 1, 1, True)])
    np.testing.assert_array_equal(open_series(path).frame(0)[0], GREY)


def test_pixels_beyond_a_colour_table_are_damage(tmp_path):
    photometric = Photometric(tmp_path / "a.tif", np.dtype(np.uint8), colours=np.zeros((16, 3), np.uint8))
    assert photometric.apply(np.full((1, 2, 2), 15, np.uint8)).shape == (3, 2, 2)
    with pytest.raises(InputError, match=r"a\.tif is damaged .*pixel 16 has no entry in its colour table"):
        photometric.apply(np.full((1, 2, 2), 16, np.uint8))
