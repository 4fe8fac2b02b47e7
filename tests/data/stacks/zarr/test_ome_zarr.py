import json
import resource
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from hela_seg.data.classes import Classes
from hela_seg.data.stacks import (
    ArraySeries,
    EncodedFrame,
    PixelSize,
    open_series,
    read_part,
    write_ome_zarr,
    write_part,
)
from hela_seg.system.errors import InputError

zarr = pytest.importorskip("zarr", reason="the extra zarr is not installed")

CLASSES = Classes(["background", {"name": "round", "colour": "#E69F00"}, "spread"])
MADE_BY = {"checkpoint": "sha256 12ab", "input": "a & b.tif"}


def draw(shape, high=3):
    return np.random.default_rng(0).integers(0, high, shape, np.uint8)


def recording(shape, pixel_size=None, frame_interval=None, dtype=np.uint16):
    """A recording (T, H, W) or (T, C, H, W)."""
    pixels = np.random.default_rng(1).integers(0, 4000, shape).astype(dtype)
    series = ArraySeries(pixels, "TYX" if len(shape) == 3 else "TCYX", 1 if len(shape) == 3 else shape[1])
    series.pixel_size, series.frame_interval = pixel_size, frame_interval
    return series


def rows_of(frames):
    return (frame.__getitem__ for frame in frames)


def write(folder, labels, image=None, *, pixel_size=None, frame_interval=None, **options):
    image = recording(labels.shape, pixel_size, frame_interval) if image is None else image
    options = {"provenance": MADE_BY, "classes": CLASSES, **options}
    write_ome_zarr(folder, image, rows_of(labels), **options)
    return folder


def contents(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("shape", [(3, 30, 40), (1, 1, 1), (2, 1025, 2051)])
def test_labels_read_back_with_axes_and_calibration(tmp_path, shape):
    labels = draw(shape)
    path = write(tmp_path / "a.zarr", labels, pixel_size=PixelSize(0.65, 0.325), frame_interval=300.5)
    series = open_series(path, labels=True)
    assert (series.shape, series.axes[-2:]) == ((shape[0], 1, *shape[1:]), "YX")
    assert (series.pixel_size, series.frame_interval) == ((0.65, 0.325), 300.5)
    np.testing.assert_array_equal([series.frame(t)[0] for t in range(shape[0])], labels)


def test_levels_are_every_second_pixel_down_to_one_chunk(tmp_path):
    labels = draw((2, 1025, 2051))
    group = zarr.open_group(str(write(tmp_path / "a.zarr", labels) / "labels" / "classes"), mode="r")
    assert sorted(group.array_keys()) == ["0", "1", "2"]
    for level, step in (("0", 1), ("1", 2), ("2", 4)):
        np.testing.assert_array_equal(group[level][:], labels[:, ::step, ::step])
        assert group[level].chunks == (1, min(1024, group[level].shape[1]), min(1024, group[level].shape[2]))


def test_empty_chunks_are_on_disk_so_that_a_missing_one_is_damage(tmp_path):
    path = write(tmp_path / "a.zarr", np.zeros((2, 30, 40), np.uint8))
    for array in (path / "0", path / "labels" / "classes" / "0"):
        assert (array / "1" / "0" / "0").is_file()


def test_the_metadata_are_those_of_an_image_label_of_version_0_4(tmp_path):
    path = write(tmp_path / "dish 1.zarr", draw((2, 2000, 30)), pixel_size=PixelSize(0.5, 0.5))
    assert json.loads((path / ".zgroup").read_text()) == {"zarr_format": 2}
    assert json.loads((path / "labels" / ".zattrs").read_text()) == {"labels": ["classes"]}
    assert json.loads((path / "labels" / "classes" / ".zattrs").read_text()) == {
        "multiscales": [
            {
                "version": "0.4",
                "name": "classes",
                "type": "nearest",
                "axes": [
                    {"name": "t", "type": "time"},
                    {"name": "y", "type": "space", "unit": "micrometer"},
                    {"name": "x", "type": "space", "unit": "micrometer"},
                ],
                "datasets": [
                    {
                        "path": "0",
                        "coordinateTransformations": [{"type": "scale", "scale": [1.0, 0.5, 0.5]}],
                    },
                    {
                        "path": "1",
                        "coordinateTransformations": [{"type": "scale", "scale": [1.0, 1.0, 1.0]}],
                    },
                ],
            }
        ],
        "image-label": {
            "version": "0.4",
            "source": {"image": "../../"},
            "colors": [
                {"label-value": 0, "rgba": [32, 32, 32, 0]},
                {"label-value": 1, "rgba": [230, 159, 0, 255]},
                {"label-value": 2, "rgba": [86, 180, 233, 255]},
                {"label-value": 255, "rgba": [128, 128, 128, 255]},
            ],
            "properties": [
                {"label-value": 0, "class": "background"},
                {"label-value": 1, "class": "round"},
                {"label-value": 2, "class": "spread"},
                {"label-value": 255, "class": "ignored"},
            ],
        },
        "hela_seg": MADE_BY,
    }


def test_frames_of_a_part_are_taken_band_by_band(tmp_path):
    labels = draw((2, 1100, 300))
    frames = []
    for label in labels:
        frames.append(EncodedFrame(label.shape))
        frames[-1].push(label)
    write_part(tmp_path / "a.tif", frames)
    part = read_part(tmp_path / "a.tif")
    bands = [lambda rows, i=i: part.rows(i, rows) for i in range(2)]
    write_ome_zarr(tmp_path / "a.zarr", recording(labels.shape), bands, provenance={}, classes=CLASSES)
    found = zarr.open_array(str(tmp_path / "a.zarr"), path="labels/classes/0", mode="r")
    np.testing.assert_array_equal(found[:], labels)


@pytest.mark.parametrize("shape", [(2, 30, 40), (2, 3, 30, 40)])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_the_image_stands_beside_its_labels(tmp_path, shape, dtype):
    image = recording(shape, PixelSize(0.65, 0.325), 300.5, dtype)
    numbers = np.random.default_rng(2).integers(0, 2**32, (2, 30, 40), np.uint32)
    path = write(tmp_path / "a.zarr", draw((2, 30, 40)), image, cells=rows_of(numbers))
    series = open_series(path)
    assert (series.shape, series.dtype) == (image.shape, image.dtype)
    assert (series.pixel_size, series.frame_interval) == ((0.65, 0.325), 300.5)
    for t in (0, 1):
        np.testing.assert_array_equal(series.frame(t), image.frame(t))
    group = zarr.open_group(str(path), mode="r")
    np.testing.assert_array_equal(group["labels/cells/0"][:], numbers)
    assert group["labels"].attrs["labels"] == ["classes", "cells"]
    assert group["labels/cells"].attrs["image-label"] == {"version": "0.4", "source": {"image": "../../"}}
    assert group["labels/cells"].attrs["hela_seg"] == MADE_BY
    channels = group.attrs["omero"]["channels"]
    assert len(channels) == image.shape[1]
    for channel, pixels in zip(channels, image.frame(0), strict=True):
        assert pixels.min() <= channel["window"]["start"] < channel["window"]["end"] <= pixels.max()


def test_smaller_copies_of_the_image_are_means_of_four_pixels(tmp_path):
    image = recording((1, 1025, 2050))
    path = write(tmp_path / "a.zarr", draw((1, 1025, 2050)), image)
    group = zarr.open_group(str(path), mode="r")
    assert sorted(group.array_keys()) == ["0", "1", "2"]
    assert [level["path"] for level in group.attrs["multiscales"][0]["datasets"]] == ["0", "1", "2"]
    pixels = image.frame(0)[0].astype(float)
    four = pixels[:1024].reshape(512, 2, 1025, 2).mean(axis=(1, 3))
    np.testing.assert_array_equal(group["1"][0, :512], np.rint(four))
    last = pixels[1024].reshape(1025, 2).mean(axis=1)  # the odd row stands twice
    np.testing.assert_array_equal(group["1"][0, 512], np.rint(last))


def test_chunks_are_in_blosc_which_all_readers_of_the_format_know(tmp_path):
    path = write(tmp_path / "a.zarr", draw((1, 30, 40)))
    for array in (path / "0", path / "labels" / "classes" / "0"):
        stated = json.loads((array / ".zarray").read_text())
        assert (stated["compressor"]["id"], stated["dimension_separator"]) == ("blosc", "/")


def test_frames_that_could_not_be_read_are_black(tmp_path):
    image = recording((2, 30, 40))
    found = open_series(write(tmp_path / "a.zarr", draw((2, 30, 40)), image, unreadable={1}))
    np.testing.assert_array_equal(found.frame(0), image.frame(0))
    assert not found.frame(1).any()


def test_the_same_labels_give_the_same_bytes_and_replace_the_former_folder(tmp_path):
    labels = draw((2, 1100, 300))
    first = contents(write(tmp_path / "a.zarr", draw((5, 30, 40))))
    second = contents(write(tmp_path / "a.zarr", labels))
    assert first.keys() != second.keys()
    assert contents(write(tmp_path / "a.zarr", labels)) == second
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.zarr"]


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((3, 30, 40), "there are 2 frames"),
        ((1, 30, 40), "there are 2 frames or more"),
        ((2, 31, 40), r"rows 0 to 31 of frame 1 are \(30, 40\)"),
        ((2, 30, 41), r"expected \(30, 41\)"),
    ],
)
def test_frames_of_another_number_or_size_are_refused_and_leave_the_former_folder(tmp_path, shape, message):
    former = contents(write(tmp_path / "a.zarr", draw((1, 30, 40))))
    frames = [frame.__getitem__ for frame in draw((2, 30, 40))]
    with pytest.raises(ValueError, match=message):
        write_ome_zarr(tmp_path / "a.zarr", recording(shape), frames, provenance={}, classes=CLASSES)
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.zarr"]
    assert contents(tmp_path / "a.zarr") == former


def test_a_write_that_fails_midway_is_one_line_and_leaves_the_former_folder(tmp_path):
    former = contents(write(tmp_path / "a.zarr", draw((1, 30, 40))))
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, limits[1]))
    try:
        with pytest.raises(InputError, match=r"cannot write .*a\.zarr: File too large"):
            write(tmp_path / "a.zarr", draw((2, 300, 300), 256))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.zarr"]
    assert contents(tmp_path / "a.zarr") == former


def test_the_former_folder_comes_back_where_the_new_one_cannot_take_its_name(tmp_path, monkeypatch):
    former = contents(write(tmp_path / "a.zarr", draw((1, 30, 40))))
    rename = Path.rename

    def refuse_new(path, target):
        if path.name.endswith(".part"):
            raise PermissionError(13, "Permission denied")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", refuse_new)
    with pytest.raises(InputError, match="Permission denied"):
        write(tmp_path / "a.zarr", draw((2, 30, 40)))
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.zarr"]
    assert contents(tmp_path / "a.zarr") == former


def test_a_file_in_the_folders_place_is_left_there(tmp_path):
    (tmp_path / "a.zarr").write_text("mine")
    with pytest.raises(InputError, match=r"cannot write .*a\.zarr"):
        write(tmp_path / "a.zarr", draw((1, 30, 40)))
    assert [(entry.name, entry.read_text()) for entry in tmp_path.iterdir()] == [("a.zarr", "mine")]


def test_without_the_package_one_line_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "zarr", None)
    with pytest.raises(InputError, match=r'pip install "hela-seg\[zarr\]"'):
        write(tmp_path / "a.zarr", draw((1, 30, 40)))
    assert not list(tmp_path.iterdir())


def test_memory_does_not_grow_with_the_frames(tmp_path):
    frame, image = draw((256, 256)), recording((1, 256, 256))
    image.read = lambda t, rows, columns: np.zeros((1, 256, 256), np.uint16)

    def peak(count):
        tracemalloc.start()
        frames = (frame.__getitem__ for _ in range(count))
        image.shape = (count, 1, 256, 256)
        write_ome_zarr(tmp_path / "a.zarr", image, frames, provenance={}, classes=CLASSES)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak

    peak(1)  # what is imported and kept at first use
    assert peak(120) < 1.3 * peak(20)
