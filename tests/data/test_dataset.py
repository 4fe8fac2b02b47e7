import numpy as np
import pytest
import tifffile
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.utils.data import DataLoader

from hela_seg.data import augment
from hela_seg.data.classes import IGNORE_INDEX, Classes
from hela_seg.data.dataset import GridTiles, RandomTiles
from hela_seg.data.labels.readers import InstanceLabels, ValueLabels
from hela_seg.data.labels.survey import survey
from hela_seg.data.layouts import Recording
from hela_seg.data.normalise import Normalisation
from hela_seg.data.sampler import Draw, EpochSampler
from hela_seg.data.splits.split import Block
from hela_seg.data.stacks import ArraySeries, open_series
from hela_seg.system.errors import InputError, message_of

DTYPE = Normalisation("dtype")
READER = ValueLabels(Classes(["background", "a", "b"]))


def record(frames, height, width, channels=1, seed=0):
    """Every pixel of the images tells its frame, row and column; labels are random."""
    image = np.arange(frames * height * width, dtype=np.uint16).reshape(frames, 1, height, width)
    image = np.concatenate([image + 1000 * channel for channel in range(channels)], axis=1)
    mask = np.random.default_rng(seed).integers(0, 3, (frames, height, width), np.uint8)
    return Recording(ArraySeries(image, "TCYX", channels), ArraySeries(mask, "TYX", 1))


RECORDINGS = [record(5, 20, 30), record(3, 24, 17, seed=1)]
BLOCKS = [Block(0, 0, 2, "train"), Block(0, 4, 5, "train"), Block(1, 0, 3, "train")]


def random_tiles(tile=(8, 9), change=None, seed=7):
    return RandomTiles(RECORDINGS, BLOCKS, DTYPE, READER, tile, change, seed)


def content(sample):
    return {key: value.numpy().tolist() for key, value in sample.items()}


# Random tiles


def test_tile_is_cut_where_its_origin_says():
    tiles = random_tiles()
    for number in range(50):
        sample = tiles[Draw(0, number)]
        series, t, row, column = sample["origin"].tolist()
        rows, columns = slice(row, row + 8), slice(column, column + 9)
        image = RECORDINGS[series].image.read(t, rows, columns).astype(np.float32) / np.float32(65535)
        np.testing.assert_allclose(sample["image"].numpy(), image, rtol=1e-6)
        np.testing.assert_array_equal(sample["label"], RECORDINGS[series].mask.read(t, rows, columns)[0])
        assert (sample["image"].dtype, sample["label"].dtype) == (torch.float32, torch.int64)
        assert sample["image"].shape == (1, 8, 9)


def test_all_frames_of_the_blocks_and_no_others_are_drawn_alike_often():
    tiles = random_tiles()
    drawn = [tuple(tiles[Draw(0, number)]["origin"].tolist()[:2]) for number in range(1200)]
    frames = [(0, 0), (0, 1), (0, 4), (1, 0), (1, 1), (1, 2)]
    assert set(drawn) == set(frames)
    counts = np.array([drawn.count(frame) for frame in frames])
    assert ((counts - 200) ** 2 / 200).sum() < 20.5  # chi-squared with 5 degrees of freedom, p = 0.001


def test_corners_reach_all_edges():
    origins = np.array([random_tiles((19, 16))[Draw(0, n)]["origin"].tolist() for n in range(200)])
    small = origins[origins[:, 0] == 1]
    assert set(small[:, 2]) == set(range(24 - 19 + 1))
    assert set(small[:, 3]) == {0, 1}


@pytest.mark.parametrize(
    "change", [None, augment.light(), augment.microscopy()], ids=["none", "light", "microscopy"]
)
def test_draw_depends_on_seed_epoch_and_number_alone(change):
    draws = [Draw(epoch, number) for epoch in range(2) for number in range(6)]
    forth, back = random_tiles(change=change), random_tiles(change=change)
    first = [content(forth[draw]) for draw in draws]
    second = [content(back[draw]) for draw in reversed(draws)][::-1]
    assert first == second
    other = random_tiles(change=change, seed=8)
    assert first != [content(other[draw]) for draw in draws]
    assert len({str(sample) for sample in first}) == len(first)


def test_change_gets_the_draw_as_its_seed():
    seeds = []

    class Noting(augment.Augmentation):
        def __call__(self, image, label, seed):
            seeds.append(seed)
            return image, label

    tiles = random_tiles(change=Noting())
    for draw in (Draw(0, 3), Draw(2, 1)):
        tiles[draw]
    assert seeds == [(7, 0, 3), (7, 2, 1)]


def test_frame_smaller_than_the_tile_is_shown_whole():
    sample = random_tiles((32, 32))[Draw(0, 0)]
    series, t, row, column = sample["origin"].tolist()
    height, width = RECORDINGS[series].image.shape[2:]
    assert (row, column) == (0, 0)
    np.testing.assert_array_equal(sample["label"][:height, :width], RECORDINGS[series].mask.frame(t)[0])
    assert (sample["label"][height:] == IGNORE_INDEX).all()
    assert (sample["label"][:, width:] == IGNORE_INDEX).all()
    assert torch.equal(sample["image"][:, height], sample["image"][:, height - 2])


def batches(tiles, workers, epochs, persistent=False):
    sampler = EpochSampler(6)
    loader = DataLoader(tiles, 2, sampler=sampler, num_workers=workers, persistent_workers=persistent)
    found = []
    for epoch in range(epochs):
        sampler.set_epoch(epoch)
        found.append([content(batch) for batch in loader])
    return found


def test_batches_are_the_same_for_any_number_of_workers_and_differ_between_epochs():
    tiles = random_tiles(change=augment.light())
    alone = batches(tiles, 0, 3)
    assert batches(tiles, 1, 3) == alone
    assert batches(tiles, 2, 3, persistent=True) == alone
    assert alone[0] != alone[1] != alone[2]
    assert len(alone[0]) == 3


# Tiles that show foreground


def scarce(pixels, frames=2, height=40, width=50):
    """Frames of background with class 1 and 2 at some pixels (t, row, column, class)."""
    mask = np.zeros((frames, height, width), np.uint8)
    for *place, value in pixels:
        mask[tuple(place)] = value
    return Recording(ArraySeries(np.zeros_like(mask), "TYX", 1), ArraySeries(mask, "TYX", 1))


def foreground_tiles(recordings, share, tile=(8, 9), blocks=None, reader=READER):
    blocks = blocks or [Block(n, 0, r.mask.shape[0], "train") for n, r in enumerate(recordings)]
    positions = survey(recordings, blocks, reader).positions
    return RandomTiles(recordings, blocks, DTYPE, reader, tile, None, 7, positions, share)


FEW = [scarce([(1, 30, 40, 1)]), scarce([(0, 0, 0, 1), (1, 39, 49, 2)]), scarce([])]


def shown(sample):
    return set(torch.unique(sample["label"]).tolist()) & {1, 2}


@pytest.mark.parametrize(("share", "least"), [(0.25, 1), (0.33, 1), (0.5, 2), (0.75, 3), (1.0, 4)])
def test_every_batch_has_its_share_of_foreground_wherever_it_begins(share, least):
    tiles = foreground_tiles(FEW, share)
    hits = [bool(shown(tiles[Draw(0, number)])) for number in range(60)]
    assert all(sum(hits[start : start + 4]) >= least for start in range(57))
    assert sum(hits) < 60 * share + 12  # the other draws show it by chance alone


@given(share=st.floats(0, 1), begin=st.integers(0, 10**6), length=st.integers(1, 64))
def test_any_run_of_draws_has_its_share(share, begin, length):
    share = round(share, 4)
    tiles = foreground_tiles(FEW, share)
    draws = sum(tiles._shows_foreground(number) for number in range(begin, begin + length))
    assert share * length - 1 < draws < share * length + 1
    assert draws >= int(np.floor(np.round(share * length, 9)))


def test_a_share_that_no_float_holds_lacks_no_draw():
    tiles = foreground_tiles(FEW, 0.29)  # as a float a little less than 29 of 100
    assert sum(tiles._shows_foreground(number) for number in range(100)) == 29


def test_classes_and_series_are_shown_alike_often_though_one_has_a_single_pixel():
    many = scarce([(0, row, column, 1) for row in range(40) for column in range(50)] + [(1, 3, 3, 2)])
    tiles = foreground_tiles([*FEW, many], 1.0, (1, 1))
    drawn = [(int(s["origin"][0]), int(s["label"])) for s in (tiles[Draw(0, n)] for n in range(900))]
    expected = {(0, 1): 300, (1, 1): 150, (1, 2): 150, (3, 1): 150, (3, 2): 150}
    assert set(drawn) == set(expected)
    assert sum((drawn.count(key) - n) ** 2 / n for key, n in expected.items()) < 18.5  # p = 0.001


@given(
    pixel=st.tuples(st.integers(0, 39), st.integers(0, 49)),
    tile=st.tuples(st.integers(1, 70), st.integers(1, 70)),
    number=st.integers(0, 99),
)
def test_tile_holds_the_pixel_and_stays_inside_of_the_frame(pixel, tile, number):
    sample = foreground_tiles([scarce([(0, *pixel, 1)])], 1.0, tile)[Draw(0, number)]
    _, t, *corner = sample["origin"].tolist()
    assert t == 0
    assert sample["label"][pixel[0] - corner[0], pixel[1] - corner[1]] == 1
    for start, size, length in zip(corner, tile, (40, 50), strict=True):
        assert 0 <= start <= max(length - size, 0)


def test_tile_lies_around_the_pixel_in_every_way_it_can():
    tiles = foreground_tiles([scarce([(0, 2, 30, 1)])], 1.0, (8, 4))
    corners = [tiles[Draw(0, number)]["origin"].tolist()[2:] for number in range(300)]
    assert {row for row, _ in corners} == {0, 1, 2}
    assert {column for _, column in corners} == {27, 28, 29, 30}


def test_foreground_depends_on_seed_epoch_and_number_alone():
    forth, back = foreground_tiles(FEW, 0.5), foreground_tiles(FEW, 0.5)
    draws = [Draw(epoch, number) for epoch in range(2) for number in range(8)]
    first = [content(forth[draw]) for draw in draws]
    assert first == [content(back[draw]) for draw in reversed(draws)][::-1]
    assert first[:8] != first[8:]


def test_no_share_draws_as_if_nobody_knew_where_the_classes_are():
    plain = RandomTiles(RECORDINGS, BLOCKS, DTYPE, READER, (8, 9), None, 7)
    tiles = foreground_tiles(RECORDINGS, 0.0, blocks=BLOCKS)
    assert [content(tiles[Draw(0, n)]) for n in range(20)] == [content(plain[Draw(0, n)]) for n in range(20)]


def test_frames_of_ignored_pixels_alone_are_not_drawn():
    reader = ValueLabels(Classes(["background", "a", "b"]), ignore_value=9)
    mask = np.full((9, 20, 20), 9, np.uint8)
    mask[[2, 6], 5:, 5:] = 0
    recording = Recording(ArraySeries(np.zeros_like(mask), "TYX", 1), ArraySeries(mask, "TYX", 1))
    tiles = foreground_tiles([recording], 0.0, blocks=[Block(0, 1, 9, "train")], reader=reader)
    assert {int(tiles[Draw(0, number)]["origin"][1]) for number in range(50)} == {2, 6}
    with pytest.raises(InputError, match="all pixels of the training frames are ignored"):
        foreground_tiles([recording], 0.0, blocks=[Block(0, 3, 5, "train")], reader=reader)


def test_foreground_of_masks_without_any_is_refused():
    with pytest.raises(InputError, match=r"background alone.*data\.foreground_share=0"):
        foreground_tiles([FEW[2]], 0.5)
    with pytest.raises(ValueError, match="positions"):
        RandomTiles(FEW, [Block(0, 0, 1, "train")], DTYPE, READER, (8, 8), None, 0, None, 0.5)


# A file that goes bad while it is read


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("which", ["images", "masks"])
def test_file_that_goes_bad_between_epochs_is_named_in_one_line(tmp_path, workers, which):
    frames = np.zeros((4, 64, 64), np.uint8)
    paths = {name: tmp_path / f"{name}.tif" for name in ("images", "masks")}
    for path in paths.values():
        tifffile.imwrite(path, frames, photometric="minisblack", compression="zlib", metadata={"axes": "TYX"})
    recording = Recording(open_series(paths["images"]), open_series(paths["masks"], labels=True))
    tiles = RandomTiles([recording], [Block(0, 0, 4, "train")], DTYPE, READER, (16, 16), None, 0)
    sampler = EpochSampler(8)
    loader = DataLoader(tiles, 2, sampler=sampler, num_workers=workers)
    assert len(list(loader)) == 4
    paths[which].write_bytes(paths[which].read_bytes()[:300])
    sampler.set_epoch(1)
    with pytest.raises(InputError) as raised:
        list(loader)
    assert message_of(raised.value).startswith(f"{paths[which]} ")
    assert "\n" not in message_of(raised.value)


# Tiles on a grid

SIZES = st.integers(1, 40)


@given(sizes=st.lists(st.tuples(SIZES, SIZES), min_size=1, max_size=2), tile=st.tuples(SIZES, SIZES))
def test_every_pixel_counts_once_with_its_own_label(sizes, tile):
    recordings = [record(3, height, width, channels=2, seed=n) for n, (height, width) in enumerate(sizes)]
    blocks = [Block(n, 1, 3, "validation") for n in range(len(recordings))]
    tiles = GridTiles(recordings, blocks, DTYPE, READER, tile)
    seen = [np.full(recording.mask.shape, -1) for recording in recordings]
    for sample in (tiles[index] for index in range(len(tiles))):
        series, t, row, column = sample["origin"].tolist()
        assert sample["image"].shape == (2, *tile)
        assert sample["label"].shape == tile
        rows, columns = np.nonzero(sample["label"].numpy() != IGNORE_INDEX)
        place = (t, 0, rows + row, columns + column)
        assert (seen[series][place] == -1).all()
        seen[series][place] = sample["label"].numpy()[rows, columns]
        grey = recordings[series].image.frame(t)[:, rows + row, columns + column] / 65535
        np.testing.assert_allclose(sample["image"].numpy()[:, rows, columns], grey, rtol=1e-5)
    for recording, labels in zip(recordings, seen, strict=True):
        expected = np.stack([recording.mask.frame(t) for t in range(3)]).astype(int)
        expected[0] = -1  # in no block
        np.testing.assert_array_equal(labels, expected)


def test_instances_on_the_grid_have_the_labels_of_the_whole_frame():
    ids = np.kron(np.random.default_rng(3).integers(0, 4, (6, 7)), np.ones((5, 5), int)).astype(np.uint16)[
        None
    ]
    image = np.zeros((1, 30, 35), np.uint16)
    recording = Recording(ArraySeries(image, "TYX", 1), ArraySeries(ids, "TYX", 1))
    reader = InstanceLabels(2)
    found = np.full((30, 35), -1)
    tiles = GridTiles([recording], [Block(0, 0, 1, "test")], DTYPE, reader, (10, 7))
    for sample in (tiles[index] for index in range(len(tiles))):
        _, _, row, column = sample["origin"].tolist()
        rows, columns = np.nonzero(sample["label"].numpy() != IGNORE_INDEX)
        found[rows + row, columns + column] = sample["label"].numpy()[rows, columns]
    np.testing.assert_array_equal(found, reader.convert(ids[0]))


def test_index_beyond_the_grid_ends_a_loop():
    tiles = GridTiles(RECORDINGS, BLOCKS, DTYPE, READER, (8, 8))
    assert len(list(tiles)) == len(tiles)


def test_a_rotation_shows_the_frame_about_the_same_place_and_a_small_frame_upright():
    def rotated(angle):
        return augment.Augmentation(rotations=lambda seed: augment.Rotation(angle))

    tiles = random_tiles((8, 8), rotated(180))
    upright = random_tiles((8, 8))
    for number in range(10):
        turned, straight = tiles[Draw(0, number)], upright[Draw(0, number)]
        torch.testing.assert_close(turned["image"], straight["image"].flip(1, 2))
        assert torch.equal(turned["label"], straight["label"].flip(0, 1))
    large = random_tiles((20, 16), rotated(45))
    assert content(large[Draw(0, 0)]) == content(random_tiles((20, 16))[Draw(0, 0)])
