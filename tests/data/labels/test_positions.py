import pickle

import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from hela_seg.data.classes import IGNORE_INDEX, Classes
from hela_seg.data.labels import positions as module
from hela_seg.data.labels.positions import (
    ClassPositions,
    ForegroundPixels,
    find_pixels,
    labelled_frames,
    places_kept,
    read_index,
)
from hela_seg.data.labels.readers import ValueLabels
from hela_seg.data.labels.survey import survey
from hela_seg.data.layouts import Recording
from hela_seg.data.splits.split import Block
from hela_seg.data.stacks import ArraySeries, open_series
from hela_seg.system.errors import InputError

READER = ValueLabels(Classes(["background", "a", "b"]), ignore_value=9)
RANDOM = np.random.default_rng(0)
MASKS = [RANDOM.choice([0, 0, 1, 2, 9], (frames, 9, 11)).astype(np.uint8) for frames in (4, 40, 1)]
BLOCKS = [Block(0, 2, 4, "train"), Block(0, 0, 1, "test"), Block(1, 0, 40, "train"), Block(2, 0, 1, "train")]


def record(masks):
    return Recording(ArraySeries(np.zeros_like(masks), "TYX", 1), ArraySeries(masks, "TYX", 1))


def write(folder, masks=MASKS):
    recordings = []
    for number, mask in enumerate(masks):
        path = folder / f"{number}.tif"
        tifffile.imwrite(path, mask, photometric="minisblack", metadata={"axes": "TYX"})
        recordings.append(
            Recording(ArraySeries(np.zeros_like(mask), "TYX", 1), open_series(path, labels=True))
        )
    return recordings


def index(masks=MASKS, blocks=BLOCKS):
    return survey([record(mask) for mask in masks], blocks, READER).positions


def looked_at(series, t):
    return any(b.series == series and b.start <= t < b.stop for b in BLOCKS)


# One frame


def test_counts_and_places_of_a_frame_by_hand():
    counts, places = find_pixels(np.array([[0, 2, 1], [1, IGNORE_INDEX, 2]], np.uint8), 4, 10)
    assert counts.tolist() == [1, 2, 2, 0]
    assert places.tolist() == [2, 3, 1, 5]
    assert (counts.dtype, places.dtype) == (np.uint32, np.uint32)


@given(
    labels=arrays.arrays(
        np.uint8,
        st.tuples(st.integers(1, 12), st.integers(1, 12)),
        elements=st.sampled_from([0, 1, 2, 3, 255]),
    ),
    limit=st.integers(1, 20),
)
def test_places_are_different_pixels_of_their_class_spread_over_all_of_them(labels, limit):
    counts, places = find_pixels(labels, 4, limit)
    assert counts.tolist() == [(labels == index).sum() for index in range(4)]
    for index in range(1, 4):
        every = np.flatnonzero(labels == index)
        own, places = np.split(places, [min(limit, len(every))])
        ranks = np.searchsorted(every, own)
        np.testing.assert_array_equal(every[ranks], own)
        runs = np.arange(len(own) + 1) * len(every) // max(len(own), 1)
        assert ((runs[:-1] <= ranks) & (ranks < runs[1:])).all()
    assert not len(places)


def test_places_of_a_square_are_in_all_of_its_columns_alike():
    labels = np.zeros((300, 300), np.uint8)
    labels[100:200, 100:200] = 1
    _, places = find_pixels(labels, 2, 100)  # every hundredth pixel would be one column
    columns = np.bincount(places % 300, minlength=300)[100:200]
    assert columns.max() <= 3
    assert (columns > 0).sum() > 50


@pytest.mark.parametrize(
    ("frames", "classes", "places"), [(1, 2, 1000), (200, 3, 1000), (1_000_000, 3, 12), (10**9, 255, 1)]
)
def test_fewer_places_are_kept_of_very_many_frames(frames, classes, places):
    assert places_kept(frames, classes) == places


# All frames


def test_every_place_of_every_frame_is_found_again():
    positions = index()
    for series, masks in enumerate(MASKS):
        for t, mask in enumerate(masks):
            expected = mask if looked_at(series, t) else np.full_like(mask, 9)
            assert positions.of_series(series)[t].tolist() == [
                (expected == value).sum() for value in range(3)
            ]
            for value in (1, 2):
                assert (
                    positions.places(series, t, value).tolist() == np.flatnonzero(expected == value).tolist()
                )


def test_no_more_than_the_limit_is_kept(monkeypatch):
    monkeypatch.setattr(module, "MOST_PIXELS", 3)
    positions = index()
    for series, masks in enumerate(MASKS):
        for t in range(len(masks)):
            for value in (1, 2):
                kept_places = positions.places(series, t, value)
                assert len(kept_places) == (3 if looked_at(series, t) else 0)
                assert (masks[t].ravel()[kept_places] == value).all()


def test_index_with_places_too_few_is_none():
    with pytest.raises(ValueError, match="places, expected"):
        ClassPositions(index()._words[:-1])


def test_frames_of_ignored_pixels_alone_have_no_labels():
    masks = np.zeros((4, 3, 3), np.uint8)
    masks[1:3] = 9
    positions = index([masks, masks], [Block(0, 0, 4, "train"), Block(1, 1, 4, "train")])
    assert labelled_frames(positions, [Block(0, 0, 4, "train"), Block(1, 2, 4, "train")]).tolist() == [
        0,
        3,
        5,
    ]


def test_frames_that_were_not_looked_at_may_have_labels():
    masks = np.full((6, 3, 3), 9, np.uint8)
    masks[2] = [0, 1, 2]
    masks[3] = 1
    found = survey([record(masks)], [Block(0, 0, 6, "train")], READER, most=3).positions
    assert found.looked_at(0).tolist() == [True, False] * 3
    assert found.of_series(0).tolist() == [[0, 0, 0]] * 2 + [[3, 3, 3]] + [[0, 0, 0]] * 3
    assert labelled_frames(found, [Block(0, 0, 6, "train")]).tolist() == [1, 2, 3, 5]
    assert labelled_frames(found, [Block(0, 2, 5, "train")]).tolist() == [0, 1]


# The file


def counting(monkeypatch):
    looks = []
    original = module.find_pixels
    monkeypatch.setattr(
        "hela_seg.data.labels.survey.find_pixels", lambda *frame: looks.append(1) or original(*frame)
    )
    return looks


def test_masks_are_read_once_and_not_again_at_the_next_start(tmp_path, monkeypatch):
    looks, recordings = counting(monkeypatch), write(tmp_path)
    first = survey(recordings, BLOCKS, READER, tmp_path / "run" / "positions.npy")
    assert len(looks) == 44
    again = survey(write_nothing(tmp_path), BLOCKS, READER, tmp_path / "run" / "positions.npy")
    assert len(looks) == 44
    for part in ("train", "test"):
        np.testing.assert_array_equal(first.pixels[part], again.pixels[part])
    np.testing.assert_array_equal(first.positions.counts, again.positions.counts)
    assert again.positions.places(1, 30, 2).tolist() == np.flatnonzero(MASKS[1][30] == 2).tolist()
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["positions.npy"]


def write_nothing(folder):
    """The recordings that `write` left, opened as a new start does."""
    return [
        Recording(ArraySeries(np.zeros_like(mask), "TYX", 1), open_series(folder / f"{n}.tif", labels=True))
        for n, mask in enumerate(MASKS)
    ]


@pytest.mark.parametrize("change", ["mask", "labels", "frames", "cut", "garbage", "empty", "header alone"])
def test_masks_are_read_again_when_anything_changed(tmp_path, monkeypatch, change):
    path = tmp_path / "positions.npy"
    recordings, blocks, reader = write(tmp_path), BLOCKS, READER
    survey(recordings, blocks, reader, path)
    whole = path.read_bytes()
    if change == "mask":
        recordings = write(tmp_path, [MASKS[0], 2 - MASKS[1].clip(max=2), MASKS[2]])
    elif change == "labels":
        reader = ValueLabels(
            Classes(["background", {"name": "a", "values": [2]}, {"name": "b", "values": [1]}]), 9
        )
    elif change == "frames":
        blocks = [*BLOCKS, Block(0, 1, 2, "validation")]
    else:
        path.write_bytes(
            {"cut": whole[:-40], "garbage": b"x" * 99, "empty": b"", "header alone": whole[:128]}[change]
        )
    looks = counting(monkeypatch)
    found = survey(recordings, blocks, reader, path)
    assert len(looks) == sum(block.stop - block.start for block in blocks)
    expected = survey(recordings, blocks, reader)
    np.testing.assert_array_equal(found.positions.counts, expected.positions.counts)
    assert found.positions.places(1, 39, 1).tolist() == expected.positions.places(1, 39, 1).tolist()


def test_same_frames_in_other_parts_need_no_new_look(tmp_path, monkeypatch):
    path, recordings = tmp_path / "positions.npy", write(tmp_path)
    survey(recordings, [Block(1, 0, 20, "train"), Block(1, 20, 40, "test")], READER, path)
    looks = counting(monkeypatch)
    found = survey(recordings, [Block(1, 0, 30, "train"), Block(1, 30, 40, "test")], READER, path)
    assert not looks
    assert found.pixels["test"].tolist() == [(MASKS[1][30:] == value).sum() for value in range(3)]


def test_masks_in_memory_are_kept_in_no_file(tmp_path):
    survey([record(MASKS[0])], BLOCKS[:1], READER, tmp_path / "positions.npy")
    assert not list(tmp_path.iterdir())


def test_index_is_sent_to_another_process_as_the_name_of_its_file(tmp_path):
    masks = RANDOM.integers(0, 3, (2, 300, 300)).astype(np.uint8)
    found = survey(write(tmp_path, [masks]), [Block(0, 0, 2, "train")], READER, tmp_path / "p.npy").positions
    sent = pickle.dumps(found)
    assert len(sent) < 500
    again = pickle.loads(sent)
    np.testing.assert_array_equal(again.counts, found.counts)
    in_memory = pickle.loads(pickle.dumps(index()))
    np.testing.assert_array_equal(in_memory.counts, index().counts)


def test_index_with_another_key_is_not_taken(tmp_path):
    found = survey(write(tmp_path), BLOCKS, READER, tmp_path / "p.npy").positions
    assert read_index(tmp_path / "p.npy", found.key) is not None
    assert read_index(tmp_path / "p.npy", bytes(32)) is None
    assert read_index(tmp_path / "gone.npy", found.key) is None


def test_index_that_cannot_be_written_is_refused(tmp_path):
    (tmp_path / "run").touch()
    with pytest.raises(InputError, match="cannot write"):
        survey(write(tmp_path), BLOCKS, READER, tmp_path / "run" / "p.npy")


# Draws


def chi_squared(counts, shares):
    expected = np.array(shares) / np.sum(shares) * np.sum(counts)
    return float(((np.array(counts) - expected) ** 2 / expected).sum())


def test_series_then_classes_then_pixels_are_alike_likely():
    long = np.zeros((30, 6, 6), np.uint8)  # only class 1
    long[:, 0, 0] = 1
    short = np.zeros((2, 6, 6), np.uint8)  # class 1 in both frames, class 2 in one pixel
    short[0, 0, :3] = 1
    short[1, 1, 0] = 1
    short[1, 5, 5] = 2
    empty = np.zeros((50, 6, 6), np.uint8)
    masks = [long, empty, short]
    blocks = [Block(n, 0, len(mask), "train") for n, mask in enumerate(masks)]
    pixels, random = ForegroundPixels(index(masks, blocks), blocks), np.random.default_rng(1)
    places = [pixels.draw(random) for _ in range(3000)]
    for place in places:
        assert masks[place.series][place.t].ravel()[place.pixel] == place.class_index
    series = [sum(place.series == n for place in places) for n in (0, 1, 2)]
    assert series[1] == 0
    assert chi_squared([series[0], series[2]], [1, 1]) < 10.8  # one degree of freedom, p = 0.001
    own = [(p.class_index, p.t, p.pixel) for p in places if p.series == 2]
    keys = [(2, 1, 35), (1, 0, 0), (1, 0, 1), (1, 0, 2), (1, 1, 6)]
    assert set(own) == set(keys)
    assert chi_squared([own.count(key) for key in keys], [4, 1, 1, 1, 1]) < 18.5  # four, p = 0.001
    frames = [sum(p.t == t for p in places if p.series == 0) for t in range(30)]
    assert chi_squared(frames, [1] * 30) < 58.3  # 29


def test_pixels_of_other_blocks_are_not_drawn():
    pixels, random = ForegroundPixels(index(), [Block(0, 2, 4, "train")]), np.random.default_rng(1)
    assert {(p.series, p.t) for p in (pixels.draw(random) for _ in range(100))} == {(0, 2), (0, 3)}


def test_background_alone_gives_nothing_to_draw():
    empty = np.zeros((2, 4, 4), np.uint8)
    blocks = [Block(0, 0, 2, "train")]
    with pytest.raises(ValueError, match="no pixel of a foreground class"):
        ForegroundPixels(index([empty], blocks), blocks)
