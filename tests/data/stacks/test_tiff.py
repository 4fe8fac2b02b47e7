import logging
import multiprocessing
import os
import pickle
import queue
import threading
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from hela_seg.data.stacks import open_series, tiff
from hela_seg.errors import InputError

SHAPES = {
    "YX": (37, 53),
    "TYX": (5, 37, 53),
    "CYX": (2, 37, 53),
    "TCYX": (3, 2, 37, 53),
    "YXS": (37, 53, 3),
    "TYXS": (3, 37, 53, 3),
    "TSYX": (2, 3, 37, 53),
}
COMPRESSIONS = ("none", "zlib", "lzw", "zstd", "jpeg")
CUTS = {"one strip": {}, "strips": {"rowsperstrip": 5}, "tiles": {"tile": (16, 32)}}


def draw(axes, dtype=np.uint8, seed=0):
    return np.random.default_rng(seed).integers(0, np.iinfo(dtype).max, SHAPES[axes], dtype, endpoint=True)


def write(path, axes, dtype=np.uint8, compression="none", cut="strips", **options):
    """Write random pixels as TIFF that states no axes, and its shape only where pages alone leave it open."""
    options["metadata"] = {} if axes == "TCYX" else None
    options |= {"photometric": "rgb" if "S" in axes else "minisblack", **CUTS[cut]}
    if axes == "TSYX":
        options["planarconfig"] = "separate"
    tifffile.imwrite(path, draw(axes, dtype), compression=compression, **options)
    return path


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


# What it costs


def open_files():
    return set(Path("/proc/self/fd").iterdir())


def test_contiguous_frames_are_mapped_and_nothing_is_read_through_tifffile(tmp_path, monkeypatch):
    path = write(tmp_path / "a.tif", "TYX", np.uint16, cut="one strip")
    series = open_series(path, "TYX")
    monkeypatch.setattr(tiff, "_open", None)
    np.testing.assert_array_equal(series.frame(3)[0], draw("TYX", np.uint16)[3])


def test_frames_apart_from_each_other_are_mapped_too(tmp_path, monkeypatch):
    array = draw("TYX", np.uint16)
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        for frame in array:
            file.write(frame, contiguous=False, metadata=None, rowsperstrip=5)
    series = open_series(tmp_path / "a.tif", "TYX")
    monkeypatch.setattr(tiff, "_decode", None)
    np.testing.assert_array_equal(series.read(2, slice(4, 9), slice(50, 53))[0], array[2, 4:9, 50:])


@pytest.mark.parametrize(
    ("cut", "rows", "columns", "segments"),
    [
        ("tiles", slice(0, 16), slice(0, 32), 1),
        ("tiles", slice(15, 17), slice(31, 33), 4),
        ("tiles", slice(0, 37), slice(0, 53), 6),
        ("strips", slice(5, 10), slice(0, 53), 1),
        ("strips", slice(9, 11), slice(7, 8), 2),
    ],
)
def test_only_the_segments_that_a_window_touches_are_decoded(
    tmp_path, monkeypatch, cut, rows, columns, segments
):
    path = write(tmp_path / "a.tif", "TYX", compression="zlib", cut=cut)
    series = open_series(path, "TYX")
    read = tiff._RawFile.read
    calls = []
    monkeypatch.setattr(tiff._RawFile, "read", lambda *a: calls.append(a) or read(*a))
    series.read(1, rows, columns)
    assert len(calls) == segments


def test_opening_reads_no_pixels_and_keeps_no_file_open(tmp_path, monkeypatch):
    path = write(tmp_path / "a.tif", "TYX", compression="zlib")
    tiff._open.cache_clear()
    before = open_files()
    monkeypatch.setattr(tifffile.TiffPage, "decode", None)
    open_series(path, "TYX")
    assert open_files() == before


def test_at_most_so_many_files_stay_open(tmp_path, monkeypatch):
    paths = [
        write(tmp_path / f"{n}.tif", "YX", compression=c)
        for n, c in enumerate(["none", "zlib"] * (3 * tiff.OPEN_FILES))
    ]
    for path in paths:
        open_series(path).frame(0)
    assert len(open_files()) < 3 * tiff.OPEN_FILES + 40


def test_a_file_that_was_replaced_is_read_anew(tmp_path):
    path = tmp_path / "a.tif"
    for value in (1, 2):
        tifffile.imwrite(tmp_path / "new.tif", np.full((4, 5), value, np.uint8))
        (tmp_path / "new.tif").replace(path)
        os.utime(path, ns=(value, value))
        assert (open_series(path).frame(0) == value).all()


# Processes and threads


@pytest.mark.parametrize("compression", ["none", "zlib"])
def test_pickles_read_the_same(tmp_path, compression):
    series = open_series(write(tmp_path / "a.tif", "TCYX", compression=compression), "TCYX")
    series.frame(0)
    content = pickle.dumps(series)
    assert len(content) < 2000
    np.testing.assert_array_equal(pickle.loads(content).frame(2), draw("TCYX")[2])


BIG = np.random.default_rng(0).integers(0, 256, (4, 300, 400), np.uint8)
"""More than what a file's buffer holds, so that processes and threads come into each other's way."""


def write_big(path, compression):
    tifffile.imwrite(path, BIG, photometric="minisblack", compression=compression, rowsperstrip=100)
    return open_series(path, "TYX")


def _compare(series, start, results):
    start.wait()
    results.put(all((series.frame(t % 4)[0] == BIG[t % 4]).all() for t in range(80)))


@pytest.mark.parametrize("compression", ["none", "zlib"])
def test_forked_processes_read_right_at_once(tmp_path, compression):
    series = write_big(tmp_path / "a.tif", compression)
    series.frame(0)
    context = multiprocessing.get_context("fork")
    results, start = context.Queue(), context.Barrier(4)
    processes = [context.Process(target=_compare, args=(series, start, results)) for _ in range(3)]
    for process in processes:
        process.start()
    _compare(series, start, results)
    right = [results.get(timeout=30) for _ in range(4)]
    for process in processes:
        process.join()
    assert right == [True] * 4


@pytest.mark.parametrize("compression", ["none", "zlib"])
def test_eight_threads_read_right_at_once(tmp_path, compression):
    series, start, results = write_big(tmp_path / "a.tif", compression), threading.Barrier(8), queue.Queue()
    threads = [threading.Thread(target=_compare, args=(series, start, results)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [results.get_nowait() for _ in threads] == [True] * 8


# Damage


def _cut(content, share):
    return content[: int(len(content) * share)]


def _flipped_strips(content):
    """Offsets of strips moved beyond the end of the file."""
    return content.replace((273).to_bytes(2, "little"), (60000).to_bytes(2, "little"))


DAMAGE = {
    "nothing": lambda content: b"",
    "header only": lambda content: content[:8],
    "half a header": lambda content: content[:5],
    "cut in the first IFD": lambda content: content[:60],
    "cut at a third": lambda content: _cut(content, 1 / 3),
    "cut at two thirds": lambda content: _cut(content, 2 / 3),
    "garbage": lambda content: bytes(range(256)) * 20,
    "text": lambda content: b"frame,area\n1,200\n",
    "garbage after the header": lambda content: content[:8] + bytes(range(256)) * 20,
    "IFD beyond the end": lambda content: content[:4] + (2**31).to_bytes(4, "little") + content[8:],
    "no strip offsets": _flipped_strips,
    "zeros after the header": lambda content: content[:8] + bytes(len(content) - 8),
    "wrong byte order": lambda content: b"MM" + content[2:],
}
GOOD = {
    "contiguous": {"metadata": {"axes": "TYX"}},
    "compressed": {"metadata": {"axes": "TYX"}, "compression": "zlib"},
    "imagej": {"imagej": True, "metadata": {"axes": "TYX"}},
    "imagej compressed": {"imagej": True, "metadata": {"axes": "TYX"}, "compression": "zlib"},
    "ome": {"ome": True, "metadata": {"axes": "TYX"}, "compression": "lzw"},
    "plain": {"metadata": None, "compression": "zlib"},
    "bigtiff": {"metadata": {"axes": "TYX"}, "bigtiff": True},
}


def outcome(path):
    """Frames that can be read, or the one line of the refusal."""
    try:
        series = open_series(path, "TYX")
        return np.concatenate([series.frame(t) for t in range(series.shape[0])])
    except InputError as error:
        refusal = str(error)
    assert "\n" not in refusal
    assert str(path) in refusal
    return refusal


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("kind", GOOD)
def test_damaged_file_is_refused_in_one_line_that_names_it(tmp_path, kind, damage):
    path = tmp_path / "damaged.tif"
    tifffile.imwrite(path, draw("TYX"), photometric="minisblack", **{"byteorder": "<", **GOOD[kind]})
    path.write_bytes(DAMAGE[damage](path.read_bytes()))
    assert isinstance(outcome(path), str)


@pytest.mark.parametrize("kind", GOOD)
def test_wherever_a_file_is_cut_no_frame_is_lost_in_silence(tmp_path, kind):
    path = tmp_path / "cut.tif"
    array = draw("TYX")[:, :9, :11]
    tifffile.imwrite(path, array, photometric="minisblack", **GOOD[kind])
    content = path.read_bytes()
    for size in range(1, len(content), 1 + len(content) // 150):
        path.write_bytes(content[:size])
        found = outcome(path)
        assert isinstance(found, str) or np.array_equal(found, array)


@pytest.mark.parametrize("kind", GOOD)
@given(data=st.data())
def test_whatever_bytes_change_the_answer_is_frames_or_a_refusal(tmp_path_factory, kind, data):
    path = tmp_path_factory.mktemp("mutated") / "a.tif"
    tifffile.imwrite(path, draw("TYX")[:, :9, :11], photometric="minisblack", **GOOD[kind])
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, min(len(content), 700) - 1))
        content[place] = data.draw(st.integers(0, 255))
    path.write_bytes(content)
    outcome(path)


def test_damage_inside_compressed_data_is_refused_when_read(tmp_path):
    path = write(tmp_path / "a.tif", "TYX", compression="zlib")
    with tifffile.TiffFile(path) as file:
        offset = file.pages[2].dataoffsets[3]
    content = bytearray(path.read_bytes())
    content[offset : offset + 30] = bytes(30)
    path.write_bytes(content)
    series = open_series(path, "TYX")
    np.testing.assert_array_equal(series.frame(1)[0], draw("TYX")[1])
    with pytest.raises(InputError, match=r"a\.tif is damaged"):
        series.frame(2)


def test_imagej_stack_with_fewer_pages_than_it_states_is_refused(tmp_path):
    description = "ImageJ=1.54f\nimages=9\nframes=9\nhyperstack=true\n"
    options = {"description": description, "metadata": None, "compression": "zlib"}
    tifffile.imwrite(tmp_path / "a.tif", draw("TYX"), photometric="minisblack", **options)
    with pytest.raises(InputError, match=r"a\.tif is damaged"):
        open_series(tmp_path / "a.tif")


@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_file_that_is_cut_after_it_was_opened_is_refused_when_read(tmp_path, compression):
    path = write(tmp_path / "a.tif", "TYX", compression=compression, cut="tiles")
    series = open_series(path, "TYX")
    with tifffile.TiffFile(path) as file:
        last = file.pages[-1]
    os.truncate(path, last.dataoffsets[-1] + last.databytecounts[-1] - 20)  # a JPEG decoder would not mind
    with pytest.raises(InputError, match=r"a\.tif is damaged"):
        series.frame(4)


def test_file_that_vanishes_is_refused_when_read(tmp_path):
    for compression in ("none", "zlib"):
        path = write(tmp_path / "gone.tif", "TYX", compression=compression)
        series = open_series(path, "TYX")
        path.unlink()
        with pytest.raises(InputError, match=r"gone\.tif is damaged .*No such file"):
            series.frame(0)


def test_a_tag_that_nobody_needs_may_be_odd(tmp_path, caplog):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, draw("YX"), extratags=[(65001, 2, 4, b"abc\0", True)], metadata=None)
    content = path.read_bytes()
    tag = (65001).to_bytes(2, "little")
    at = content.index(tag)
    path.write_bytes(content[: at + 2] + (99).to_bytes(2, "little") + content[at + 4 :])
    np.testing.assert_array_equal(open_series(path).frame(0)[0], draw("YX"))
    assert logging.getLogger("tifffile").propagate


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
