import numpy as np
import pytest
import tifffile

from hela_seg.classes import Classes
from hela_seg.data.labels import InstanceLabels, ValueLabels
from hela_seg.data.layouts import Recording
from hela_seg.data.splits import Block
from hela_seg.data.stacks import ArraySeries, open_series
from hela_seg.data.survey import survey
from hela_seg.errors import InputError

READER = ValueLabels(Classes(["background", "a", "b"]), ignore_value=9)


def record(masks):
    masks = np.asarray(masks, np.uint8)
    return Recording(ArraySeries(np.zeros_like(masks), "TYX", 1), ArraySeries(masks, "TYX", 1))


def write(path, masks):
    masks = np.asarray(masks, np.uint8)
    tifffile.imwrite(path, masks, photometric="minisblack", compression="zlib", metadata={"axes": "TYX"})
    return Recording(ArraySeries(np.zeros_like(masks), "TYX", 1), open_series(path, labels=True))


def test_pixels_of_each_class_are_counted_by_part_without_the_ignored_ones():
    first = record([[[0, 0, 1], [2, 9, 1]], [[2, 2, 2], [2, 2, 2]], [[0, 1, 9], [9, 9, 9]]])
    second = record([[[1, 1, 1], [1, 1, 1]]])
    blocks = [Block(0, 0, 1, "train"), Block(0, 2, 3, "validation"), Block(1, 0, 1, "train")]
    found = survey([first, second], blocks, READER)
    assert {part: counts.tolist() for part, counts in found.pixels.items()} == {
        "train": [2, 8, 1],
        "validation": [1, 1, 0],
    }
    assert found.pixels["train"].dtype == np.int64


def test_counts_equal_those_of_numpy_over_many_frames():
    masks = np.random.default_rng(0).integers(0, 3, (50, 31, 17))
    found = survey([record(masks)], [Block(0, 0, 50, "test")], READER)
    assert found.pixels["test"].tolist() == [(masks == value).sum() for value in range(3)]


def test_instances_are_counted_as_interior_and_border():
    masks = np.zeros((1, 7, 7))
    masks[0, 1:6, 1:6] = 4
    found = survey([record(masks)], [Block(0, 0, 1, "test")], InstanceLabels(1))
    assert found.pixels["test"].tolist() == [24, 9, 16]


def test_all_bad_masks_are_in_one_message_of_one_line(tmp_path):
    bad = write(tmp_path / "ä.tif", [[[0, 7, 7]], [[0, 1, 2]], [[8, 0, 0]]])
    worse = write(tmp_path / "b.tif", [[[5, 5, 5]]])
    with pytest.raises(InputError) as refusal:
        survey([bad, worse], [Block(0, 0, 3, "train"), Block(1, 0, 1, "test")], READER)
    message = str(refusal.value)
    assert "\n" not in message
    for said in (
        f"{tmp_path / 'ä.tif'}, frame 0: values 7 (2 pixels)",
        f"{tmp_path / 'ä.tif'}, frame 2: values 8 (1 pixel)",
        f"{tmp_path / 'b.tif'}, frame 0: values 5 (3 pixels)",
    ):
        assert said in message
    assert "frame 1" not in message


def test_at_most_ten_bad_masks_are_named(tmp_path):
    bad = write(tmp_path / "a.tif", np.full((13, 2, 2), 7))
    with pytest.raises(InputError) as refusal:
        survey([bad], [Block(0, 0, 13, "train")], READER)
    assert str(refusal.value).count("values 7 (4 pixels)") == 10
    assert str(refusal.value).endswith("; and 3 more")


def test_file_that_cannot_be_read_is_named_once(tmp_path):
    masks = write(tmp_path / "a.tif", np.zeros((13, 2, 2)))
    (tmp_path / "a.tif").unlink()
    with pytest.raises(InputError) as refusal:
        survey([masks], [Block(0, 0, 13, "train")], READER)
    assert str(refusal.value).count("a.tif is damaged") == 1


def test_frames_in_no_block_are_not_looked_at(tmp_path):
    recording = write(tmp_path / "a.tif", [[[0, 1]], [[7, 7]]])
    assert survey([recording], [Block(0, 0, 1, "train")], READER).pixels["train"].tolist() == [1, 1, 0]
