"""Which cells of neighbouring frames are one; gaps and divisions."""

import itertools

import numpy as np
import pytest
import tifffile
from followed_cells import PHASES, SHAPE, drawn_discs, linked
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from hela_seg.cells import split_cells
from hela_seg.tracking.linking import UNLINKED, assign


def test_moving_cells_keep_their_track_whatever_their_numbers():
    found = linked(
        drawn_discs((10, 10), (40, 40)),
        drawn_discs((42, 42), (12, 13)),
        drawn_discs((15, 15), (44, 43)),
    )
    assert found == {
        "frame": [0, 0, 1, 1, 2, 2],
        "label": [1, 2, 1, 2, 1, 2],
        "track": [1, 2, 2, 1, 1, 2],
        "parent": [0] * 6,
    }


def test_each_cell_goes_on_as_the_one_it_overlaps_most():
    # Either cell of the second frame overlaps both of the first.
    found = linked(drawn_discs((10, 10), (10, 23)), drawn_discs((10, 14), (10, 27)))
    assert found["track"] == [1, 2, 1, 2]


def test_cells_that_come_and_go():
    empty = drawn_discs()
    found = linked(drawn_discs((10, 10)), empty, drawn_discs((10, 10), (40, 40)), drawn_discs((40, 40)))
    assert found["track"] == [1, 2, 3, 3]
    assert found["parent"] == [0, 0, 0, 0]


@pytest.mark.parametrize(
    ("divisions", "track", "parent"), [(True, [1, 2, 3], [0, 1, 1]), (False, [1, 1, 2], [0] * 3)]
)
def test_division(divisions, track, parent):
    mother = np.zeros(SHAPE, np.int32)
    mother[10:20, 10:30] = 1
    daughters = np.zeros(SHAPE, np.int32)
    daughters[10:20, 10:21], daughters[10:20, 22:30] = 1, 2
    found = linked(mother, daughters, divisions=divisions)
    assert found["track"] == track
    assert found["parent"] == parent


@pytest.mark.parametrize("frames", [0, 1, 3])
def test_without_cells_there_are_no_rows(frames):
    assert linked(*[drawn_discs()] * frames) == {"frame": [], "label": [], "track": [], "parent": []}


def test_one_frame_has_a_track_a_cell():
    assert linked(drawn_discs((10, 10), (40, 40)))["track"] == [1, 2]


def test_real_cells_are_followed_as_the_network_that_outlined_them_did(shared):
    files = sorted((shared / "t98g-phase" / "timelapse" / "instances").glob("*.png"))
    frames = [np.array(Image.open(file)) for file in files]
    found = linked(*frames, divisions=False)
    rows = zip(found["frame"], found["label"], strict=True)
    track = dict(zip(rows, found["track"], strict=True))
    # The ids are tracked there: a cell has the same one in the next frame.
    agree = [track[t, label] == track[t + 1, label] for t, label in track if (t + 1, label) in track]
    assert len(agree) > 600
    assert np.mean(agree) > 0.99


def test_nuclei_of_a_real_recording_are_followed(shared):
    truth = tifffile.imread(shared / "hela-h2b-timelapse" / "instances.tif")[:6]
    frames = [split_cells((frame > 0).astype(np.uint8)) for frame in truth]
    found = linked(*frames)
    followed = np.bincount(found["track"]) == len(frames)
    # Of 124 nuclei at the beginning some leave the field, and some divide.
    assert followed.sum() > 90


def test_far_cells_begin_new_tracks_and_near_ones_need_not_overlap():
    assert linked(drawn_discs((10, 10)), drawn_discs((10, 40)))["track"] == [1, 2]
    thin, moved = np.zeros((2, *SHAPE), np.int32)
    thin[10:40, 20:24] = moved[10:40, 26:30] = 1
    assert linked(thin, moved)["track"] == [1, 1]


@pytest.mark.parametrize(("gap", "track"), [(2, [1, 1, 1]), (1, [1, 1, 2])])
def test_gaps_are_closed_up_to_their_length(gap, track):
    empty, there = drawn_discs(), drawn_discs((20, 20))
    assert linked(there, there, empty, empty, there, gap=gap)["track"] == track


def test_a_spread_cell_is_not_one_of_two_fresh_round_daughters():
    mother, daughters = drawn_discs((30, 30), radius=8), drawn_discs((30, 24), (30, 37))
    for other, parents in ((1, [0, 1, 1]), (2, [0, 0, 0])):
        maps = [(mother > 0).astype(np.uint8), np.array([0, 1, other], np.uint8)[daughters]]
        found = linked(mother, daughters, class_maps=maps, classes=PHASES, mitotic="round")
        assert found["parent"] == parents


@given(st.data())
def test_assignments_cost_least(data):
    rows, columns = data.draw(st.integers(1, 4)), data.draw(st.integers(1, 4))
    grid = [(row, column) for row in range(rows) for column in range(columns)]
    pairs = data.draw(st.lists(st.sampled_from(grid), unique=True, max_size=9))
    cost = np.array([data.draw(st.integers(0, 20)) / 10 for _ in pairs])
    first, second = np.array(pairs, np.int64).reshape(-1, 2).T
    chosen = assign(first, second, cost, (rows, columns))
    assert len(set(first[chosen])) == len(set(second[chosen])) == len(chosen)
    subsets = (
        keep
        for size in range(min(rows, columns) + 1)
        for keep in itertools.combinations(range(len(pairs)), size)
        if len({pairs[k][0] for k in keep}) == len({pairs[k][1] for k in keep}) == size
    )
    best = min(sum(cost[k] - 2 * UNLINKED for k in keep) for keep in subsets)
    assert (cost[chosen] - 2 * UNLINKED).sum() == pytest.approx(best)
