import json
import os
import pickle
import sys

import numpy as np
import pytest

from hela_seg.data.stacks import find_files, open_series
from hela_seg.data.stacks.zarr import reader as stacks_zarr
from hela_seg.system.errors import InputError

zarr = pytest.importorskip("zarr", reason="the extra zarr is not installed")

MOVIE = np.random.default_rng(0).integers(1, 60000, (4, 2, 37, 53), np.uint16)
AXES = [
    {"name": "t", "type": "time", "unit": "minute"},
    {"name": "c", "type": "channel"},
    {"name": "y", "type": "space", "unit": "nanometer"},
    {"name": "x", "type": "space", "unit": "nanometer"},
]


def scale(*factors):
    return [{"type": "scale", "scale": list(factors)}]


def write_ome(path, version):
    """Two levels of a multiscale image, a level's scale times that of all."""
    group = zarr.create_group(str(path), zarr_format=2 if version == "0.4" else 3)
    for level, step in (("0", 1), ("1", 2)):
        pixels = MOVIE[..., ::step, ::step]
        group.create_array(level, shape=pixels.shape, chunks=(1, 1, 16, 16), dtype="uint16")[:] = pixels
    datasets = [
        {"path": level, "coordinateTransformations": scale(1, 1, 650 * step, 650 * step)}
        for level, step in (("0", 1), ("1", 2))
    ]
    image = {"axes": AXES, "datasets": datasets, "coordinateTransformations": scale(5, 1, 2, 2)}
    if version == "0.4":
        group.attrs["multiscales"] = [{**image, "version": version}]
    else:
        group.attrs["ome"] = {"version": version, "multiscales": [image]}
    return path


def write_plain(path, zarr_format=3, array=MOVIE[:, 0], **options):
    options = {"chunks": (1, 16, 16), "dtype": array.dtype, "zarr_format": zarr_format, **options}
    zarr.create_array(str(path), shape=array.shape, **options)[:] = array
    return path


def assert_reads(series, expected):
    assert series.shape == expected.shape
    for t, frame in enumerate(expected):
        np.testing.assert_array_equal(series.frame(t), frame)
        np.testing.assert_array_equal(series.read(t, slice(15, 33), slice(3, 50)), frame[:, 15:33, 3:50])


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_ome_zarr_is_read_at_its_highest_resolution_with_axes_and_sizes(tmp_path, version):
    series = open_series(write_ome(tmp_path / "dish 1.ome.zarr", version))
    assert (series.name, series.axes, series.dtype) == ("dish 1", "TCYX", np.uint16)
    assert (series.pixel_size, series.frame_interval) == (pytest.approx((1.3, 1.3)), 300)
    assert_reads(series, MOVIE)
    assert_reads(pickle.loads(pickle.dumps(series)), MOVIE)


@pytest.mark.parametrize("zarr_format", [2, 3])
@pytest.mark.parametrize("dtype", [np.uint8, ">u2", np.float32])
def test_plain_zarr_needs_its_axes_named(tmp_path, zarr_format, dtype):
    path = write_plain(tmp_path / "a.zarr", zarr_format, MOVIE[:, 0].astype(dtype))
    with pytest.raises(InputError, match=r"a\.zarr does not say .* data\.axes=TYX or data\.axes=CYX"):
        open_series(path)
    series = open_series(path, "TYX")
    assert series.dtype.isnative
    assert_reads(series, MOVIE[:, :1].astype(dtype))


def test_named_dimensions_state_the_axes(tmp_path):
    assert_reads(
        open_series(write_plain(tmp_path / "a.zarr", dimension_names=["time", "y", "x"])), MOVIE[:, :1]
    )
    path = write_plain(tmp_path / "b.zarr", 2)
    zarr.open_array(str(path)).attrs["_ARRAY_DIMENSIONS"] = ["T", "Y", "X"]
    assert_reads(open_series(path), MOVIE[:, :1])
    with pytest.raises(InputError, match="does not say what its axes mean"):
        open_series(write_plain(tmp_path / "c.zarr", dimension_names=["field", "y", "x"]))


def test_chunk_that_is_not_on_disk_is_refused_unless_it_is_said_to_be_empty(tmp_path):
    array = MOVIE[:, 0].copy()
    array[1, :16, :16] = 0
    path = write_plain(tmp_path / "a.zarr", array=array)  # zarr leaves out chunks of the fill value
    assert not (path / "c/1/0/0").exists()
    series = open_series(path, "TYX")
    np.testing.assert_array_equal(series.frame(0)[0], array[0])
    with pytest.raises(InputError, match=r"lacks the chunk 1/0/0, .* data\.fill_missing_chunks=true"):
        series.frame(1)
    assert_reads(open_series(path, "TYX", fill_missing_chunks=True), array[:, None])


def test_chunk_missing_where_no_fill_value_is_stated_is_refused(tmp_path):
    path = write_plain(tmp_path / "a.zarr", 2)
    metadata = json.loads((path / ".zarray").read_text())
    (path / ".zarray").write_text(json.dumps({**metadata, "fill_value": None}))
    (path / "1.0.0").unlink()
    with pytest.raises(InputError, match="lacks the chunk 1/0/0"):
        open_series(path, "TYX").frame(1)


@pytest.mark.parametrize("shards", [None, (1, 32, 32)])
def test_chunk_on_disk_that_is_all_fill_value_is_no_damage(tmp_path, shards):
    empty = np.zeros((2, 37, 53), np.uint8)
    path = write_plain(tmp_path / "a.zarr", array=empty, shards=shards, config={"write_empty_chunks": True})
    assert_reads(open_series(path, "TYX"), empty[:, None])


def test_chunk_missing_inside_a_shard_is_refused(tmp_path):
    array = MOVIE[:, 0].copy()
    array[1, :16, :16] = 0
    series = open_series(write_plain(tmp_path / "a.zarr", array=array, shards=(1, 32, 32)), "TYX")
    with pytest.raises(InputError, match="lacks the chunk 1/0/0"):
        series.frame(1)


def test_only_the_chunks_that_a_window_touches_are_read(tmp_path, monkeypatch):
    series = open_series(write_plain(tmp_path / "a.zarr"), "TYX")
    read, places = stacks_zarr.ZarrSeries._read_chunk, []
    monkeypatch.setattr(
        stacks_zarr.ZarrSeries, "_read_chunk", lambda self, place: places.append(place) or read(self, place)
    )
    series.read(1, slice(15, 17), slice(0, 16))
    assert places == [(1, 0, 0), (1, 1, 0)]
    series.read(1, slice(0, 20), slice(0, 10))
    assert len(places) == 2


def test_what_bioformats2raw_writes_is_an_image(tmp_path):
    root = zarr.create_group(str(tmp_path / "a.zarr"), zarr_format=2, attributes={"bioformats2raw.layout": 3})
    root.create_group("OME")
    write_ome(tmp_path / "a.zarr" / "0", "0.4")
    assert_reads(open_series(tmp_path / "a.zarr"), MOVIE)
    write_ome(tmp_path / "a.zarr" / "1", "0.4")
    with pytest.raises(InputError, match=r"holds 2 positions \(0, 1\)"):
        open_series(tmp_path / "a.zarr")
    second = open_series(tmp_path / "a.zarr", position="1")
    assert second.name == "a_1"
    assert_reads(second, MOVIE)


def test_without_the_package_the_message_says_what_to_install(tmp_path, monkeypatch):
    path = write_plain(tmp_path / "a.zarr")
    monkeypatch.setitem(sys.modules, "zarr", None)
    with pytest.raises(InputError, match=r'pip install "hela-seg\[zarr\]"$'):
        open_series(path, "TYX")


def test_folders_of_zarr_are_found_and_files_of_that_name_are_not(tmp_path):
    write_plain(tmp_path / "b.zarr")
    (tmp_path / "a.zarr").touch()
    assert [path.name for path in find_files(tmp_path)] == ["b.zarr"]


class Evil:
    """Makes a folder where it is unpickled."""

    def __init__(self, trace):
        self.trace = trace

    def __reduce__(self):
        return os.mkdir, (str(self.trace),)


@pytest.mark.parametrize("filters", [[{"id": "pickle"}], [{"id": "vlen-bytes"}, {"id": "pickle"}]], ids=str)
@pytest.mark.parametrize("dtype", ["|u1", "|O"])
def test_chunks_that_would_run_code_are_not_decoded(tmp_path, filters, dtype):
    path = write_plain(tmp_path / "a.zarr", 2, MOVIE[:, 0].astype(np.uint8), compressors=None)
    metadata = json.loads((path / ".zarray").read_text()) | {"dtype": dtype, "filters": filters}
    (path / ".zarray").write_text(json.dumps(metadata))
    for chunk in path.glob("[0-9]*"):
        chunk.write_bytes(pickle.dumps(Evil(tmp_path / "trace")))
    with pytest.raises(InputError):
        open_series(path, "TYX").frame(0)
    assert not (tmp_path / "trace").exists()
