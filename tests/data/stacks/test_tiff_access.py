import multiprocessing
import os
import pickle
import queue
import threading
from pathlib import Path

import numpy as np
import pytest
import tifffile
from tiff_samples import draw, write

from hela_seg.data.stacks import open_series
from hela_seg.data.stacks.tiff import reader

# What it costs


def open_files():
    return set(Path("/proc/self/fd").iterdir())


def test_contiguous_frames_are_mapped_and_nothing_is_read_through_tifffile(tmp_path, monkeypatch):
    path = write(tmp_path / "a.tif", "TYX", np.uint16, cut="one strip")
    series = open_series(path, "TYX")
    monkeypatch.setattr(reader, "_open", None)
    np.testing.assert_array_equal(series.frame(3)[0], draw("TYX", np.uint16)[3])


def test_frames_apart_from_each_other_are_mapped_too(tmp_path, monkeypatch):
    array = draw("TYX", np.uint16)
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        for frame in array:
            file.write(frame, contiguous=False, metadata=None, rowsperstrip=5)
    series = open_series(tmp_path / "a.tif", "TYX")
    monkeypatch.setattr(reader, "_decode", None)
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
    decode, calls = reader._decode, []
    monkeypatch.setattr(reader, "_decode", lambda *a: calls.append(a) or decode(*a))
    series.read(1, rows, columns)
    assert len(calls) == segments


def test_opening_reads_no_pixels_and_keeps_no_file_open(tmp_path, monkeypatch):
    path = write(tmp_path / "a.tif", "TYX", compression="zlib")
    reader._open.cache_clear()
    before = open_files()
    monkeypatch.setattr(tifffile.TiffPage, "decode", None)
    open_series(path, "TYX")
    assert open_files() == before


def test_at_most_so_many_files_stay_open(tmp_path, monkeypatch):
    paths = [
        write(tmp_path / f"{n}.tif", "YX", compression=c)
        for n, c in enumerate(["none", "zlib"] * (3 * reader.OPEN_FILES))
    ]
    for path in paths:
        open_series(path).frame(0)
    # other tests of this process may have left files of other formats open
    held = [number for number in open_files() if number.resolve().is_relative_to(tmp_path)]
    assert 0 < len(held) <= 3 * reader.OPEN_FILES


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
    right = [results.get(timeout=120) for _ in range(4)]
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


def test_relative_paths_and_links_read_the_same(tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    path = write(Path("../a.tif"), "TYX", compression="zlib")
    Path("link.tif").symlink_to(path)
    Path("folder").symlink_to(tmp_path, target_is_directory=True)
    for name in (path, Path("link.tif"), Path("folder/a.tif")):
        np.testing.assert_array_equal(open_series(name, "TYX").frame(2)[0], draw("TYX")[2])
