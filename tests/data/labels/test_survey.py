import numpy as np
import tifffile
from refusals import refusal

from hela_seg.data.classes import Classes
from hela_seg.data.labels import survey as module
from hela_seg.data.labels.readers import InstanceLabels, ValueLabels
from hela_seg.data.labels.survey import survey
from hela_seg.data.layouts import Recording
from hela_seg.data.splits.split import Block
from hela_seg.data.stacks import ArraySeries, open_series

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


def test_bad_masks_are_in_one_line_with_one_advice(tmp_path):
    bad = write(tmp_path / "ä.tif", [[[0, 7, 7]], [[0, 1, 2]], [[8, 0, 0]]])
    worse = write(tmp_path / "b.tif", [[[5, 5, 5]]])
    message = refusal(survey, [bad, worse], [Block(0, 0, 3, "train"), Block(1, 0, 1, "test")], READER)
    assert message.startswith(f"3 times: {tmp_path / 'ä.tif'}, frame 0: values 7 (2 pixels) are in no class")
    assert message.count("name a further class") == 1
    assert message.endswith("(ä.tif, b.tif likewise)")


def test_file_that_cannot_be_read_is_named_once(tmp_path):
    masks = write(tmp_path / "a.tif", np.zeros((13, 2, 2)))
    (tmp_path / "a.tif").unlink()
    assert refusal(survey, [masks], [Block(0, 0, 13, "train")], READER).count("a.tif is damaged") == 1


def test_frames_in_no_block_are_not_looked_at(tmp_path):
    recording = write(tmp_path / "a.tif", [[[0, 1]], [[7, 7]]])
    assert survey([recording], [Block(0, 0, 1, "train")], READER).pixels["train"].tolist() == [1, 1, 0]


# Of very many frames, some


def ramp(frames):
    """Of frame t, t + 1 pixels are of class 1 and the others background, but two of class 2 in frame 0."""
    masks = np.zeros((frames, 1, 99), np.uint8)
    for t in range(frames):
        masks[t, 0, : t + 1] = 1
    masks[0, 0, -2:] = 2
    return masks


def test_of_many_frames_evenly_many_of_each_series_are_counted():
    blocks = [Block(0, 0, 8, "train"), Block(0, 8, 12, "test"), Block(1, 2, 6, "train")]
    recordings = [record(ramp(12)), record(ramp(6))]
    found = survey(recordings, blocks, READER, most=4)  # 16 frames: every fourth
    assert found.pixels["train"].tolist() == [
        96 + 94 + 96,
        1 + 5 + 3,
        2,
    ]  # frames 0, 4; 2
    assert found.pixels["test"].tolist() == [90, 9, 0]  # frame 8
    assert np.flatnonzero(found.positions.looked_at(0)).tolist() == [0, 4, 8]
    assert found.positions.places(0, 4, 1).tolist() == [0, 1, 2, 3, 4]
    assert not len(found.positions.places(0, 5, 1))


def test_all_frames_are_read_when_a_class_is_in_none_of_the_first():
    masks = ramp(12)
    masks[[0, 7]] = masks[[7, 0]]  # class 2 now is in frame 7 alone, which is none of every fourth
    found = survey([record(masks)], [Block(0, 0, 12, "train")], READER, most=3)
    assert found.positions.looked_at(0).all()
    assert found.pixels["train"].tolist() == [(masks == value).sum() for value in range(3)]


def test_an_index_of_some_frames_is_kept_for_as_many(tmp_path, monkeypatch):
    recordings, blocks = [write(tmp_path / "a.tif", ramp(12))], [Block(0, 0, 12, "train")]
    looks = []
    original = module.find_pixels
    monkeypatch.setattr(module, "find_pixels", lambda *frame: looks.append(1) or original(*frame))
    for most, read in ((3, 3), (3, 3), (12, 15), (12, 15), (50, 15)):
        again = survey(recordings, blocks, READER, tmp_path / "index", most)
        assert (len(looks), again.positions.looked_at(0).sum()) == (read, min(most, 12))
