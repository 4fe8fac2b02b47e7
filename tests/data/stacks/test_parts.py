import tracemalloc
import zlib

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st

from hela_seg.data.stacks import EncodedFrame, parts, read_part, write_part
from hela_seg.data.stacks.parts import needs_bigtiff
from hela_seg.system.errors import InputError


def draw(shape, high=256, seed=0):
    return np.random.default_rng(seed).integers(0, high, shape, np.uint8)


def encoded(array, cuts=()):
    """A frame (H, W) or (H, W, S), pushed in bands that end at the cuts."""
    frame = EncodedFrame(array.shape[:2], array.shape[2] if array.ndim == 3 else 1)
    for band in np.split(array, sorted(cuts)):
        frame.push(band)
    return frame


def write_movie(path, movie):
    write_part(path, [encoded(frame) for frame in movie])
    return path


@st.composite
def movies(draw_from):
    """An array (T, H, W) or (T, H, W, S), and where to cut its frames into bands."""
    height, width = draw_from(st.integers(1, 600)), draw_from(st.integers(1, 600))
    samples = draw_from(st.sampled_from([(), (2,), (3,)]))
    shape = (draw_from(st.integers(1, 3)), height, width, *samples)
    return draw(shape, 3), draw_from(st.lists(st.integers(0, height), max_size=4))


@settings(max_examples=25)
@given(movies(), st.data())
def test_a_part_gives_back_what_was_pushed_in_whatever_bands(tmp_path_factory, movie, data):
    movie, cuts = movie
    path = tmp_path_factory.mktemp("parts") / "a.tif"
    write_part(path, [encoded(frame, cuts) for frame in movie])
    part = read_part(path)
    height = movie.shape[1]
    assert (part.frames, part.size) == (len(movie), movie.shape[1:3])
    assert part.samples == (movie.shape[3] if movie.ndim == 4 else 1)
    start = data.draw(st.integers(0, height - 1))
    rows = slice(start, data.draw(st.integers(start + 1, height)))
    for i, frame in enumerate(movie):
        np.testing.assert_array_equal(part.frame(i), frame)
        np.testing.assert_array_equal(part.rows(i, rows), frame[rows])


@pytest.mark.parametrize("shape", [(2, 300, 530), (1, 300, 530), (2, 300, 530, 3)])
def test_a_part_is_a_tiff_that_others_read(tmp_path, shape):
    movie = draw(shape, 3)
    pages = tifffile.imread(write_movie(tmp_path / "a.tif", movie)).reshape(len(movie), -1, 300, 530)
    np.testing.assert_array_equal(pages, np.moveaxis(movie.reshape(len(movie), 300, 530, -1), -1, 1))


@pytest.fixture
def tiled(monkeypatch):
    """Frames as small as those of these tests are large."""
    monkeypatch.setattr(parts, "LARGEST_STRIPPED", 0)


def test_strips_come_sample_by_sample_and_top_to_bottom_and_the_last_is_lower():
    array = draw((600, 1024, 2), 255)
    strips = [zlib.decompress(strip) for strip in encoded(array, [7, 290]).segments]
    rows = [slice(0, 256), slice(256, 512), slice(512, 600)]  # 256 rows of 1024 pixels are 256 KiB
    assert strips == [array[these, :, sample].tobytes() for sample in (0, 1) for these in rows]


def test_tiles_come_sample_by_sample_and_row_by_row_with_zeros_outside_the_frame(tiled):
    array = draw((300, 530, 2), 255) + 1
    found = [np.frombuffer(zlib.decompress(tile), np.uint8) for tile in encoded(array, [7, 290]).segments]
    padded = np.zeros((512, 768, 2), np.uint8)
    padded[:300, :530] = array
    corners = [(s, top, left) for s in (0, 1) for top in (0, 256) for left in (0, 256, 512)]
    assert len(found) == 12
    for tile, (sample, top, left) in zip(found, corners, strict=True):
        expected = padded[top : top + 256, left : left + 256, sample]
        np.testing.assert_array_equal(tile.reshape(256, 256), expected)


def test_a_part_of_tiles_gives_back_what_was_pushed(tmp_path, tiled):
    movie = draw((2, 300, 530, 2))
    part = read_part(write_movie(tmp_path / "a.tif", movie))
    np.testing.assert_array_equal([part.frame(i) for i in (0, 1)], movie)
    np.testing.assert_array_equal(part.rows(1, slice(250, 270)), movie[1, 250:270])


def test_a_part_of_tiles_is_none_where_strips_are_expected(tmp_path, monkeypatch):
    with monkeypatch.context() as patched:
        patched.setattr(parts, "LARGEST_STRIPPED", 0)
        path = write_movie(tmp_path / "a.tif", draw((1, 200, 256)))
    with pytest.raises(InputError, match=r"a\.tif"):
        read_part(path)


def test_segments_of_a_part_are_those_that_were_encoded(tmp_path):
    frames = [encoded(draw((300, 530, 3), 3, seed)) for seed in (0, 1)]
    write_part(tmp_path / "a.tif", frames)
    part = read_part(tmp_path / "a.tif")
    assert [list(part.segments(i)) for i in (0, 1)] == [frame.segments for frame in frames]


@pytest.mark.parametrize(
    "band", [np.zeros((2, 9), np.uint8), np.zeros((2, 10), np.int64), np.zeros((2, 10, 1), np.uint8)]
)
def test_bands_of_another_width_kind_or_number_of_axes_are_refused(band):
    with pytest.raises(ValueError, match="after 0 rows"):
        EncodedFrame((20, 10)).push(band)


def test_more_or_fewer_rows_than_the_frame_has_are_refused():
    frame = EncodedFrame((20, 10))
    frame.push(np.zeros((19, 10), np.uint8))
    with pytest.raises(ValueError, match="has 19 rows, expected 20"):
        _ = frame.segments
    with pytest.raises(ValueError, match="after 19 rows"):
        frame.push(np.zeros((2, 10), np.uint8))
    frame.push(np.zeros((1, 10), np.uint8))
    assert len(frame.segments) == 1


def test_frames_of_two_sizes_and_none_at_all_are_no_part(tmp_path):
    for frames in ([], [encoded(draw((20, 10))), encoded(draw((20, 11)))]):
        with pytest.raises(ValueError, match="expected one kind"):
            write_part(tmp_path / "a.tif", frames)
    assert not list(tmp_path.iterdir())


def test_the_same_frames_give_the_same_bytes(tmp_path):
    movie = draw((2, 300, 300), 3)
    first = write_movie(tmp_path / "a.tif", movie).read_bytes()
    cut = [encoded(frame, [1, 256, 299]) for frame in movie]
    write_part(tmp_path / "b.tif", cut)
    assert (tmp_path / "b.tif").read_bytes() == first


@pytest.mark.parametrize("share", [0.0, 0.01, 0.3, 0.6, 0.99])
def test_a_part_that_was_cut_short_is_refused(tmp_path, share):
    path = write_movie(tmp_path / "a.tif", draw((3, 300, 300), 3))
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(InputError, match=r"a\.tif"):
        read_part(path)


def test_a_changed_byte_is_refused_or_changes_no_pixel(tmp_path):
    movie = draw((2, 60, 60), 3)
    path = write_movie(tmp_path / "a.tif", movie)
    content = path.read_bytes()
    refused = 0
    for position in np.random.default_rng(0).integers(0, len(content), 120):
        damaged = bytearray(content)
        damaged[position] ^= 0xFF
        path.write_bytes(damaged)
        try:
            part = read_part(path)
        except InputError:
            refused += 1
        else:
            np.testing.assert_array_equal([part.frame(i) for i in range(part.frames)], movie)
    assert refused > 60


def test_what_is_missing_or_no_part_is_refused(tmp_path):
    tifffile.imwrite(tmp_path / "other.tif", draw((60, 60)), tile=(256, 256), compression="zlib")
    for name in ("missing.tif", "other.tif"):
        with pytest.raises(InputError, match=name):
            read_part(tmp_path / name)


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((1, 2048, 2048), False),
        ((1000, 2048, 2048), False),  # 1000 x 16 strips of 256 KiB are 4.19e9 bytes, of 4.29e9
        ((1024, 2048, 2048), True),  # exactly 4 GiB of pixels
        ((1000, 1800, 1800), False),
        ((1000, 2, 1400, 1400), False),
        ((1100, 2, 1400, 1400), True),  # 8 strips of 187 rows each
        ((1, 65536, 65536), True),
    ],
)
def test_bigtiff_is_for_what_could_pass_4_gib(shape, expected):
    assert needs_bigtiff(shape) is expected


def test_memory_holds_one_row_of_raw_tiles(tiled):
    band = np.zeros((8, 8192), np.uint8)
    tracemalloc.start()
    frame = EncodedFrame((8192, 8192))
    for _ in range(1024):
        frame.push(band)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1.3 * 256 * 8192  # of the 64 MiB that the frame has
