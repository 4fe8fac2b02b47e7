import pickle
import re

import imagecodecs
import numpy as np
import pytest
from PIL import Image
from refusals import refusal

from hela_seg.data.stacks import open_series
from hela_seg.system.errors import InputError

RANDOM = np.random.default_rng(0)
GREY = RANDOM.integers(0, 256, (37, 53), np.uint8)
RGB = RANDOM.integers(0, 256, (37, 53, 3), np.uint8)
OPAQUE = np.full((37, 53, 1), 255, np.uint8)
INDICES = RANDOM.integers(0, 3, (37, 53), np.uint8)
COLOURS = np.array([[10, 20, 30], [200, 0, 0], [0, 200, 7]], np.uint8)


def save(path, pixels):
    path.write_bytes(imagecodecs.png_encode(pixels))
    return path


def save_palette(path, **options):
    image = Image.fromarray(INDICES)
    image.putpalette(COLOURS.ravel().tolist())
    image.save(path, **options)
    return path


@pytest.mark.parametrize("scale", [1, 257], ids=["8 bits", "16 bits"])
@pytest.mark.parametrize("pixels", [GREY, RGB], ids=["grey", "RGB"])
def test_grey_and_colours_of_8_and_16_bits_come_as_they_are(tmp_path, pixels, scale):
    pixels = pixels if scale == 1 else pixels.astype(np.uint16) * 257 - (pixels > 9)
    series = open_series(save(tmp_path / "a b ü.png", pixels))
    expected = pixels.reshape(37, 53, -1).transpose(2, 0, 1)
    assert (series.name, series.shape, series.dtype) == ("a b ü", (1, *expected.shape), pixels.dtype)
    assert series.axes == ("YX" if len(expected) == 1 else "YXC")
    np.testing.assert_array_equal(series.frame(0), expected)
    window = pickle.loads(pickle.dumps(series)).read(0, slice(5, 9), slice(50, 53))
    np.testing.assert_array_equal(window, expected[:, 5:9, 50:53])


@pytest.mark.parametrize("options", [{}, {"bits": 2}, {"bits": 4}, {"transparency": 0}])
def test_mask_with_a_colour_table_holds_its_indices(tmp_path, options):
    series = open_series(save_palette(tmp_path / "mask.png", **options), labels=True)
    assert series.shape == (1, 1, 37, 53)
    np.testing.assert_array_equal(series.frame(0)[0], INDICES)


def test_image_with_a_colour_table_shows_its_colours(tmp_path):
    series = open_series(save_palette(tmp_path / "image.png"))
    assert series.shape == (1, 3, 37, 53)
    np.testing.assert_array_equal(series.frame(0), COLOURS[INDICES].transpose(2, 0, 1))


@pytest.mark.parametrize("labels", [True, False])
def test_single_bits_are_0_and_1(tmp_path, labels):
    Image.fromarray(GREY > 99).save(tmp_path / "bits.png")
    series = open_series(tmp_path / "bits.png", labels=labels)
    assert (series.shape, series.dtype) == ((1, 1, 37, 53), bool)
    np.testing.assert_array_equal(series.frame(0)[0], GREY > 99)


def test_alpha_that_hides_nothing_is_dropped(tmp_path):
    coloured = open_series(save(tmp_path / "rgba.png", np.concatenate([RGB, OPAQUE], 2)))
    grey = open_series(save(tmp_path / "la.png", np.concatenate([GREY[..., None], OPAQUE], 2)), labels=True)
    np.testing.assert_array_equal(coloured.frame(0), RGB.transpose(2, 0, 1))
    np.testing.assert_array_equal(grey.frame(0)[0], GREY)


@pytest.mark.parametrize("case", ["alpha", "16-bit alpha", "transparent colour", "transparent palette"])
def test_transparency_is_refused_at_once(tmp_path, case):
    path = tmp_path / "t.png"
    veiled = OPAQUE.copy()
    veiled[3, 4] = 254
    if case == "alpha":
        save(path, np.concatenate([RGB, veiled], 2))
    elif case == "16-bit alpha":
        save(path, np.concatenate([RGB, veiled], 2).astype(np.uint16) * 257)
    elif case == "transparent colour":
        Image.fromarray(RGB).save(path, transparency=tuple(RGB[3, 4].tolist()))
    else:
        save_palette(path, transparency=0)
    with pytest.raises(InputError, match=r"t\.png is partly transparent, expected grey or RGB"):
        open_series(path)


def test_mask_in_colours_has_three_channels(tmp_path):
    series = open_series(save(tmp_path / "mask.png", RGB), labels=True)
    np.testing.assert_array_equal(series.frame(0), RGB.transpose(2, 0, 1))


def test_opening_reads_no_pixels(tmp_path, monkeypatch):
    def decode(data):
        raise AssertionError("decoded")

    path = save(tmp_path / "a.png", GREY)
    monkeypatch.setattr(imagecodecs, "png_decode", decode)
    assert open_series(path).shape == (1, 1, 37, 53)


def test_png_cut_anywhere_is_refused_when_opened(tmp_path):
    whole = imagecodecs.png_encode(RGB)
    path = tmp_path / "cut.png"
    for size in [*range(1, 64), *range(64, len(whole) - 8, 97), len(whole) - 9]:
        path.write_bytes(whole[:size])
        assert re.search(r"cut\.png is damaged or no PNG \(.*\): copy or export", refusal(open_series, path))


@pytest.mark.parametrize("labels", [True, False], ids=["mask", "image"])
def test_damaged_pixels_are_refused_when_read(tmp_path, labels):
    path = save_palette(tmp_path / "flipped.png")
    content = bytearray(path.read_bytes())
    data = content.index(b"IDAT") + 4
    content[data + 2 : data + 40] = bytes(38)
    path.write_bytes(content)
    series = open_series(path, labels=labels)
    with pytest.raises(InputError, match=r"flipped\.png is damaged"):
        series.frame(0)


@pytest.mark.parametrize("content", [b"hello", b"\x89PNG\r\n\x1a\n", GREY.tobytes()])
def test_what_is_no_png_is_refused(tmp_path, content):
    (tmp_path / "no.png").write_bytes(content)
    with pytest.raises(InputError, match=r"no\.png is damaged or no PNG"):
        open_series(tmp_path / "no.png")
