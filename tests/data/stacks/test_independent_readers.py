"""Random pictures in random files come as an independent reader shows them, or are refused by name."""

import cv2
import imagecodecs
import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from hela_seg.data.stacks import open_series
from hela_seg.system.errors import InputError

SIZES = st.tuples(st.integers(1, 40), st.integers(1, 40))
COLOURS = st.integers(0, 99).map(lambda seed: np.random.default_rng(seed).integers(0, 256, 768))


def pixels_of(data, shape, dtype=np.uint8):
    """Random pixels, of few values or of all."""
    random = np.random.default_rng(data.draw(st.integers(0, 99), "pixels"))
    high = 2 if dtype is bool else data.draw(st.sampled_from([2, np.iinfo(dtype).max + 1]), "values")
    return random.integers(0, high, shape).astype(dtype)


def by_pillow(path, mode=None):
    with Image.open(path) as image:
        return np.asarray(image if mode is None else image.convert(mode))


def by_opencv(path):
    pixels = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    return pixels if pixels.ndim == 2 else pixels[..., ::-1]


def assert_shows(path, expected, **options):
    """The only frame is as expected, (H, W) or (H, W, C), whole and in a window."""
    series = open_series(path, **options)
    expected = expected[np.newaxis] if expected.ndim == 2 else np.moveaxis(expected, -1, 0)
    assert series.shape == (1, *expected.shape)
    np.testing.assert_array_equal(series.frame(0), expected)
    _, height, width = expected.shape
    window = slice(height // 3, height), slice(width // 4, 1 + width // 2)
    np.testing.assert_array_equal(series.read(0, *window), expected[:, *window])


def assert_refused(path, said, **options):
    with pytest.raises(InputError, match=said) as error:
        open_series(path, **options).frame(0)
    assert str(path) in str(error.value)


@st.composite
def ways_to_write(draw, compressions=(None, "zlib", "lzw", "packbits", "zstd", "lzma")):
    """Options of `tifffile.imwrite` that change nothing of what a file shows."""
    cuts = [{}, {"rowsperstrip": draw(st.integers(1, 9))}, {"tile": (16, 32)}, {"tile": (32, 16)}]
    bigtiff, byteorder = draw(st.sampled_from([(False, "<"), (False, ">"), (True, "<")]))
    options = {"bigtiff": bigtiff, "byteorder": byteorder, "compression": draw(st.sampled_from(compressions))}
    return {"metadata": None, "software": "a microscope", **options, **draw(st.sampled_from(cuts))}


def predicted(draw, options):
    """By chance, with differences of neighbours in place of pixels."""
    possible = options["compression"] in {"zlib", "lzw", "zstd"}
    return options | ({"predictor": True} if possible and draw(st.booleans(), "predictor") else {})


@settings(max_examples=40)
@given(SIZES, ways_to_write(), st.sampled_from(["minisblack", "miniswhite"]), st.booleans(), st.data())
def test_grey_tiff_with_black_or_white_as_zero(tmp_path_factory, size, options, photometric, labels, data):
    path = tmp_path_factory.mktemp("grey") / "a.tif"
    dtype = data.draw(st.sampled_from([np.uint8, np.uint16]))
    options = predicted(data.draw, options)
    if dtype == np.uint16 and photometric == "miniswhite":
        options["byteorder"] = "<"  # as Pillow reads it; it turns round 1 and 8 bits alone
    tifffile.imwrite(path, pixels_of(data, size, dtype), photometric=photometric, **options)
    turned = dtype == np.uint16 and photometric == "miniswhite"
    assert_shows(path, 65535 - by_pillow(path) if turned else by_pillow(path), labels=labels)


@settings(max_examples=40)
@given(SIZES, ways_to_write((None, "packbits")), st.sampled_from(["minisblack", "miniswhite"]), st.data())
def test_tiff_of_single_bits(tmp_path_factory, size, options, photometric, data):
    path = tmp_path_factory.mktemp("bits") / "a.tif"
    tifffile.imwrite(path, pixels_of(data, size, bool), photometric=photometric, **options)
    assert_shows(path, by_pillow(path), labels=data.draw(st.booleans()))


@settings(max_examples=40)
@given(SIZES, ways_to_write(), COLOURS, st.sampled_from(["image", "colours", "labels"]), st.data())
def test_tiff_with_a_colour_table(tmp_path_factory, size, options, colours, meant, data):
    path = tmp_path_factory.mktemp("palette") / "a.tif"
    table = colours.astype(np.uint16).reshape(3, 256) * 257
    stored = pixels_of(data, size)
    tifffile.imwrite(path, stored, photometric="palette", colormap=table, **options)
    is_ramp = (np.diff(table.astype(int), axis=1) >= 0).all()  # shows intensities, which stay as they are
    as_values = meant == "labels" or (meant == "image" and is_ramp)
    expected = by_pillow(path) if as_values else by_pillow(path, "RGB")
    assert_shows(path, expected, labels=meant == "labels", colours=meant == "colours")


@settings(max_examples=40)
@given(SIZES, ways_to_write(), st.sampled_from([None, "opaque", "transparent", "unspecified"]), st.data())
def test_tiff_in_colours(tmp_path_factory, size, options, fourth, data):
    path = tmp_path_factory.mktemp("colours") / "a.tif"
    dtype = np.uint8 if fourth else data.draw(st.sampled_from([np.uint8, np.uint16]))
    planar, labels = data.draw(st.booleans(), "planar"), data.draw(st.booleans(), "labels")
    stored = pixels_of(data, (*size, 4 if fourth else 3), dtype)
    if fourth == "opaque":
        stored[..., 3] = 255
    if fourth == "transparent":
        stored[0, 0, 3] = 254
    if fourth:
        options["extrasamples"] = ["unspecified" if fourth == "unspecified" else "unassalpha"]
    if dtype is np.uint16 and options["compression"] in {"zstd", "lzma"}:
        options["compression"] = "zlib"  # OpenCV, which reads 16 bits where Pillow does not, lacks these
    arranged = np.ascontiguousarray(np.moveaxis(stored, -1, 0)) if planar else stored
    options = predicted(data.draw, options) | {"planarconfig": "separate" if planar else "contig"}
    tifffile.imwrite(path, arranged, photometric="rgb", **options)
    if fourth == "transparent":
        assert_refused(path, "is partly transparent", labels=labels)
    elif fourth == "unspecified" and labels:
        assert_refused(path, "is a mask of 4 channels", labels=labels)
    elif fourth == "unspecified":
        assert_shows(path, tifffile.imread(path) if not planar else np.moveaxis(tifffile.imread(path), 0, -1))
    else:
        # OpenCV leaves planes of 16 bits in part as its memory was, so there what was written is the measure
        of_16_bits = (lambda path: stored) if planar else by_opencv
        expected = of_16_bits(path) if dtype == np.uint16 else by_pillow(path, "RGB")
        assert_shows(path, expected, labels=labels)


@settings(max_examples=40)
@given(
    SIZES,
    ways_to_write(),
    st.sampled_from(["ycbcr", "cielab", "icclab", "itulab", "separated", "logluv"]),
    st.data(),
)
def test_tiff_in_colours_of_other_kinds_is_refused(tmp_path_factory, size, options, photometric, data):
    path = tmp_path_factory.mktemp("kinds") / "a.tif"
    channels = 4 if photometric == "separated" else 3
    tifffile.imwrite(path, pixels_of(data, (*size, channels)), photometric=photometric, **options)
    assert_refused(path, f"stores its colours as {photometric.upper()}", labels=data.draw(st.booleans()))


@settings(max_examples=40)
@given(SIZES, st.sampled_from(["1", "L", "P", "RGB", "LA", "RGBA", "I;16"]), st.booleans(), st.data())
def test_png_as_pillow_writes_it(tmp_path_factory, size, mode, labels, data):
    path = tmp_path_factory.mktemp("png") / "a.png"
    dtype = {"1": bool, "I;16": np.uint16}.get(mode, np.uint8)
    bands = len(Image.new(mode, (1, 1)).getbands())
    stored = pixels_of(data, size if bands == 1 else (*size, bands), dtype)
    options, transparent = {}, bands in {2, 4} and data.draw(st.booleans(), "transparent")
    if bands in {2, 4}:
        stored[..., -1] = 255
        stored[0, 0, -1] = 254 if transparent else 255
    if mode == "P":
        options["bits"] = data.draw(st.sampled_from([1, 2, 4, 8]))
        stored &= 2 ** options["bits"] - 1
    image = Image.fromarray(stored, "P") if mode == "P" else Image.fromarray(stored)
    if mode == "P":
        image.putpalette(data.draw(COLOURS).tolist())
    image.save(path, **options)
    if transparent:
        assert_refused(path, "is partly transparent", labels=labels)
        return
    shown = {"P": None if labels else "RGB", "LA": "L", "RGBA": "RGB"}.get(mode)
    assert_shows(path, by_pillow(path, shown), labels=labels)


@settings(max_examples=40)
@given(SIZES, st.sampled_from([(), (3,), (4,)]), st.data())
def test_png_of_16_bits_in_colours(tmp_path_factory, size, channels, data):
    path = tmp_path_factory.mktemp("deep") / "a.png"
    stored = pixels_of(data, (*size, *channels), np.uint16)
    if channels == (4,):
        stored[..., 3] = 65535
    path.write_bytes(imagecodecs.png_encode(stored))
    pixels = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    assert_shows(path, pixels if not channels else pixels[..., 2::-1])


@settings(max_examples=40)
@given(
    st.tuples(st.integers(1, 4), st.integers(1, 40), st.integers(1, 40)),
    st.sampled_from(["|b1", "|u1", "<u2", ">u2", "<i2", ">i4", "<f4", ">f8"]),
    st.sampled_from([2, 3]),
    st.data(),
)
def test_zarr_of_any_layout(tmp_path_factory, shape, dtype, zarr_format, data):
    zarr = pytest.importorskip("zarr", reason="the extra zarr is not installed")
    path = tmp_path_factory.mktemp("zarr") / "a.zarr"
    movie = pixels_of(data, shape, np.uint8).astype(dtype)
    chunks = tuple(data.draw(st.integers(1, length)) for length in shape)
    options = {"zarr_format": zarr_format, "chunks": chunks, "dtype": movie.dtype}
    codecs = (
        [zarr.codecs.GzipCodec(), zarr.codecs.ZstdCodec()]
        if zarr_format == 3
        else [{"id": "zlib", "level": 1}]
    )
    options["compressors"] = data.draw(st.sampled_from([None, *codecs]))
    if zarr_format == 2:
        options["order"] = data.draw(st.sampled_from("CF"))
        separator = data.draw(st.sampled_from("./"))
        options["chunk_key_encoding"] = {"name": "v2", "separator": separator}
    elif data.draw(st.booleans(), "shards"):
        options["shards"] = tuple(n * data.draw(st.integers(1, 3)) for n in chunks)
    fill = data.draw(st.sampled_from([0, 1]))
    zarr.create_array(
        str(path), shape=shape, fill_value=fill, config={"write_empty_chunks": True}, **options
    )[:] = movie
    series = open_series(path, "TYX")
    assert (series.shape, series.dtype) == ((shape[0], 1, *shape[1:]), movie.dtype.newbyteorder("="))
    np.testing.assert_array_equal([series.frame(t)[0] for t in range(shape[0])], movie)
