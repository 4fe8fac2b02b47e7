from itertools import product

import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from tiff_samples import COMPRESSIONS, CUTS, SHAPES, draw, write

from hela_seg.data.stacks import open_series
from hela_seg.system.errors import InputError


def expected(path, axes):
    """What tifffile's own reader gives, as (T, C, H, W)."""
    array = tifffile.imread(path).reshape(SHAPES[axes])
    order = axes.replace("S", "C")
    array = array.transpose([order.index(letter) for letter in "TCYX" if letter in order])
    if "C" not in order:
        array = array[..., np.newaxis, :, :]
    return array if "T" in order else array[np.newaxis]


WINDOWS = [
    (slice(0, 37), slice(0, 53)),
    (slice(0, 1), slice(52, 53)),
    (slice(3, 17), slice(30, 34)),
    (slice(36, 37), slice(0, 53)),
]


def assert_equal_to_tifffile(path, axes, stated=None):
    series = open_series(path, stated)
    whole = expected(path, axes)
    assert series.shape == whole.shape
    assert series.dtype == whole.dtype
    assert series.dtype.isnative
    for t, (rows, columns) in product(range(len(whole)), WINDOWS):
        window = series.read(t, rows, columns)
        np.testing.assert_array_equal(window, whole[t, :, rows, columns])
        assert window.dtype == series.dtype
        assert window.flags.writeable


PLAIN = [
    (axes, compression, cut, dtype)
    for axes, compression, cut, dtype in product(SHAPES, COMPRESSIONS, CUTS, (np.uint8, np.uint16))
    if not (compression == "jpeg" and dtype == np.uint16)
]


@pytest.mark.parametrize("axes", SHAPES)
@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_every_window_equals_tifffiles(tmp_path, axes, compression):
    for number, (_, _, cut, dtype) in enumerate(p for p in PLAIN if p[:2] == (axes, compression)):
        path = write(tmp_path / f"{number}.tif", axes, dtype, compression, cut)
        assert_equal_to_tifffile(path, axes, stated=axes)


@pytest.mark.parametrize("axes", ["YX", "TYX", "TCYX", "TYXS", "TSYX"])
@pytest.mark.parametrize(
    "options",
    [
        {"byteorder": ">"},
        {"byteorder": ">", "compression": "zlib"},
        {"bigtiff": True},
        {"bigtiff": True, "compression": "zlib"},
        {"predictor": True, "compression": "zlib"},
    ],
    ids=str,
)
def test_big_endian_bigtiff_and_predictor(tmp_path, axes, options):
    path = write(tmp_path / "a.tif", axes, np.uint16, **options)
    assert_equal_to_tifffile(path, axes, stated=axes)


@pytest.mark.parametrize("axes", ["YX", "TYX", "CYX", "TCYX", "YXS", "TYXS"])
@pytest.mark.parametrize("compression", ["none", "zlib"])
@pytest.mark.parametrize("kind", ["imagej", "ome"])
def test_axes_that_imagej_and_ome_state_need_no_setting(tmp_path, axes, compression, kind):
    path = tmp_path / "a.tif"
    photometric = "rgb" if "S" in axes else "minisblack"
    options = {kind: True, "metadata": {"axes": axes}, "photometric": photometric}
    tifffile.imwrite(path, draw(axes), compression=compression, **options)
    assert_equal_to_tifffile(path, axes)


def test_axes_in_tifffiles_own_metadata_need_no_setting(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", draw("TYX"), photometric="minisblack", metadata={"axes": "TYX"})
    assert_equal_to_tifffile(tmp_path / "a.tif", "TYX")


@given(
    shape=st.tuples(st.integers(1, 5), st.integers(1, 40), st.integers(2, 40)),
    tile=st.sampled_from([None, (16, 16), (32, 16)]),
    compression=st.sampled_from(["none", "zlib"]),
    data=st.data(),
)
def test_any_window_of_any_size_equals_the_slice(tmp_path_factory, shape, tile, compression, data):
    frames, height, width = shape
    path = tmp_path_factory.mktemp("any") / "a.tif"
    array = np.random.default_rng(0).integers(0, 2**16, shape, np.uint16)
    options = {"tile": tile} if tile else {"rowsperstrip": 7}
    tifffile.imwrite(path, array, compression=compression, photometric="minisblack", **options)
    series = open_series(path, "TYX")
    t = data.draw(st.integers(0, frames - 1))
    top, left = data.draw(st.integers(0, height - 1)), data.draw(st.integers(0, width - 1))
    bottom, right = data.draw(st.integers(top + 1, height)), data.draw(st.integers(left + 1, width))
    window = series.read(t, slice(top, bottom), slice(left, right))
    np.testing.assert_array_equal(window[0], array[t, top:bottom, left:right])


@pytest.mark.parametrize("dtype", [bool, np.int16, np.uint32, np.float32])
@pytest.mark.parametrize("compression", ["none", "zlib"])
def test_other_kinds_of_numbers(tmp_path, dtype, compression):
    array = draw("TYX").astype(dtype)
    options = {"photometric": "minisblack", "metadata": {"axes": "TYX"}}
    tifffile.imwrite(tmp_path / "a.tif", array, compression=compression, **options)
    series = open_series(tmp_path / "a.tif")
    assert series.dtype == dtype
    np.testing.assert_array_equal(series.read(2, slice(3, 20), slice(1, 53))[0], array[2, 3:20, 1:])


def test_complex_pixels_are_refused(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((4, 5), np.complex64))
    with pytest.raises(InputError, match=r"a\.tif holds complex64 pixels, expected real numbers"):
        open_series(tmp_path / "a.tif")


def test_jpeg_with_tables_beside_the_strips(tmp_path):
    smooth = np.add.outer(np.arange(200), np.arange(150)).astype(np.uint8)
    Image.fromarray(smooth).save(tmp_path / "a.tif", compression="jpeg")
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        assert file.pages[0].jpegtables is not None
    series = open_series(tmp_path / "a.tif")
    np.testing.assert_array_equal(series.frame(0)[0], tifffile.imread(tmp_path / "a.tif"))


# Axes are never guessed


@pytest.mark.parametrize(
    ("shape", "dtype"),
    [((5, 37, 53), np.uint16), ((3, 37, 53), np.uint8), ((3, 37, 53), np.uint16), ((2, 37, 53), np.uint8)],
)
@pytest.mark.parametrize("metadata", [None, {}], ids=["plain", "shaped"])
def test_three_axes_without_names_are_refused_until_settled(tmp_path, shape, dtype, metadata):
    path = tmp_path / "ä b.tif"
    array = np.random.default_rng(0).integers(0, 255, shape).astype(dtype)
    planar = {"photometric": "rgb", "planarconfig": "separate"}  # tifffile calls the axes SYX
    options = planar if shape[0] == 3 else {"photometric": "minisblack"}
    tifffile.imwrite(path, array, metadata=metadata, **options)
    with pytest.raises(InputError, match=r"ä b\.tif does not say .* data\.axes=TYX or data\.axes=CYX"):
        open_series(path)
    assert open_series(path, "TYX").shape == (shape[0], 1, 37, 53)
    assert open_series(path, "CYX").shape == (1, shape[0], 37, 53)
    assert open_series(path, assumed_axes="TYX").shape == (shape[0], 1, 37, 53)
    np.testing.assert_array_equal(open_series(path, "TYX").frame(1)[0], array[1])
    np.testing.assert_array_equal(open_series(path, "CYX").frame(0), array)


def test_pages_of_imagej_without_dimensions_are_refused(tmp_path):
    options = {"description": "ImageJ=1.54f\nimages=5\n", "metadata": None, "photometric": "minisblack"}
    tifffile.imwrite(tmp_path / "a.tif", draw("TYX"), **options)
    with pytest.raises(InputError, match=r"data\.axes=TYX or data\.axes=CYX"):
        open_series(tmp_path / "a.tif")


@pytest.mark.parametrize("kind", ["imagej", "ome"])
def test_z_stack_is_refused_unless_its_slices_are_frames(tmp_path, kind):
    tifffile.imwrite(tmp_path / "a.tif", draw("TYX"), metadata={"axes": "ZYX"}, **{kind: True})
    with pytest.raises(InputError, match=r"a\.tif is a Z-stack .* data\.z=0 .* data\.axes=TYX"):
        open_series(tmp_path / "a.tif")
    assert open_series(tmp_path / "a.tif", "TYX").shape == (5, 1, 37, 53)


def test_mask_has_the_axes_of_its_image_without_channels(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", draw("TYX"), photometric="minisblack")
    for axes in ("TCYX", "TYXS", "tyxc"):
        assert open_series(tmp_path / "a.tif", axes, labels=True).shape == (5, 1, 37, 53)
    with pytest.raises(InputError, match="does not say what its axes mean"):
        open_series(tmp_path / "a.tif", "CYX", labels=True)


def test_mask_has_one_channel_or_three_colours(tmp_path):
    assert open_series(write(tmp_path / "a.tif", "YXS"), labels=True).shape == (1, 3, 37, 53)
    tifffile.imwrite(tmp_path / "b.tif", draw("CYX"), imagej=True, metadata={"axes": "CYX"})
    with pytest.raises(InputError, match=r"b\.tif is a mask of 2 channels, expected one"):
        open_series(tmp_path / "b.tif", labels=True)


def test_axes_that_the_pages_cannot_have_are_refused(tmp_path):
    path = write(tmp_path / "a.tif", "TYX", compression="zlib")
    with pytest.raises(InputError, match=r"a\.tif is laid out in pages of YX \(37, 53\)"):
        open_series(path, "YXT")


# Real recordings


def test_h2b_timelapse_needs_its_axes_named_and_then_reads_as_tifffile_does(shared):
    folder = shared / "hela-h2b-timelapse"
    with pytest.raises(InputError, match=r"images\.tif does not say .*\(20x700x1100\)"):
        open_series(folder / "images.tif")
    for name, labels in (("images.tif", False), ("instances.tif", True)):
        series = open_series(folder / name, "TYX", labels=labels)
        assert (series.shape, series.dtype) == ((20, 1, 700, 1100), np.uint16)
        whole = tifffile.imread(folder / name, key=13)
        window = series.read(13, slice(130, 700), slice(1000, 1100))
        np.testing.assert_array_equal(window[0], whole[130:, 1000:])


@pytest.mark.parametrize(
    ("folder", "size"), [("hela-nucleolus/images", (512, 512)), ("t98g-phase/stills/images", (1022, 1024))]
)
def test_single_frames_need_no_axes(shared, folder, size):
    for path in sorted((shared / folder).iterdir())[:3]:
        series = open_series(path)
        assert series.shape == (1, 1, *size)
        np.testing.assert_array_equal(series.frame(0)[0], tifffile.imread(path))
