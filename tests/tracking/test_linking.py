import itertools

import numpy as np
import pytest
import tifffile
from drawn import disc
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from hela_seg.cells import split_cells
from hela_seg.data.classes import Classes
from hela_seg.system.errors import InputError
from hela_seg.tracking.drift import shifted
from hela_seg.tracking.follow import Follower, FollowSettings
from hela_seg.tracking.linking import UNLINKED, assign
from hela_seg.tracking.mending import Mender

SHAPE = (60, 80)
CELL = Classes(["background", "cell"])
PHASES = Classes(["background", "round", "spread"])


def drawn_discs(*places, radius=6):
    """Label map with a disc at each place, numbered as they come."""
    labels = np.zeros(SHAPE, np.int32)
    for number, (row, column) in enumerate(places, start=1):
        labels[disc(SHAPE, row, column, radius)] = number
    return labels


def followed(*frames, classes=CELL, class_maps=None, **options):
    """Lives of the cells of label maps, all of one class unless class maps are given."""
    follower = Follower(classes, FollowSettings(**{"drift": False, "mend": False, "gap": 0, **options}))
    maps = [(labels > 0).astype(np.uint8) for labels in frames] if class_maps is None else class_maps
    for _ in follower.follow(zip(frames, maps, strict=True)):
        pass
    return follower.lives()


def linked(*frames, **options):
    lives = followed(*frames, **options)
    rows = {"frame": lives.cells["frame"], "label": lives.cells.get("label", np.zeros(0))}
    return {
        name: column.tolist()
        for name, column in (rows | {"track": lives.track, "parent": lives.parent}).items()
    }


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


def test_a_class_that_is_none_is_refused_with_those_that_are():
    with pytest.raises(InputError, match=r"mitotic is 'dividing', expected .* one of round, spread"):
        Follower(PHASES, FollowSettings(mitotic="dividing"))


def test_the_drift_of_the_stage_is_taken_off():
    random = np.random.default_rng(1)
    places = [(row, column) for row in range(14, 120, 26) for column in range(14, 150, 26)]
    places = [(row + random.integers(-4, 5), column + random.integers(-4, 5)) for row, column in places]
    frames = []
    for t in range(4):
        labels = np.zeros((180, 220), np.int32)
        for number, (row, column) in enumerate(places, start=1):
            labels[disc(labels.shape, row + 12 * t, column + 15 * t, 7)] = number
        frames.append(labels)
    lives = followed(*frames, drift=True)
    assert len(lives.lives) == len(places)
    np.testing.assert_allclose(lives.drift, [[12 * t, 15 * t] for t in range(4)], atol=0.5)
    assert len(followed(*frames).lives) > len(places)
    assert all(np.ptp(lives.places[life.rows], axis=0).max() < 1 for life in lives.lives)


def test_a_cell_in_pieces_for_one_frame_is_joined_and_two_in_one_are_cut():
    whole = np.zeros(SHAPE, np.int32)
    whole[10:30, 10:50] = 1
    pieces = whole.copy()
    pieces[10:30, 28:50] = 2
    mended = list(Follower(CELL, FollowSettings(drift=False)).mended([whole, pieces, whole]))
    np.testing.assert_array_equal(mended[1].labels, whole)
    assert mended[1].mended == {1: "joined"}
    mended = list(Follower(CELL, FollowSettings(drift=False)).mended([pieces, whole, pieces]))
    np.testing.assert_array_equal(mended[1].labels, pieces)
    assert mended[1].mended == {1: "cut", 2: "cut"}
    lives = followed(pieces, whole, pieces, mend=True)
    assert [life.end for life in lives.lives] == ["end", "end"]
    assert lives.cells["mended"].tolist() == ["", "", "cut", "cut", "", ""]


def test_a_division_is_not_mended_away():
    mother, daughters = drawn_discs((30, 30), radius=8), drawn_discs((30, 24), (30, 37))
    assert not any(
        frame.mended for frame in Follower(CELL, FollowSettings()).mended([mother, mother, daughters])
    )
    assert linked(mother, mother, daughters, daughters, mend=True)["parent"] == [0, 0, 1, 1, 1, 1]


def test_a_daughter_that_is_soon_lost_was_none():
    mother, daughters = drawn_discs((30, 30), radius=8), drawn_discs((30, 24), (30, 37))
    one = drawn_discs((30, 24))
    lives = followed(mother, mother, daughters, one, one, one, gap=0)
    assert [(life.parent, life.daughters) for life in lives.lives] == [(0, ()), (0, ())]
    assert lives.lives[0].rows.tolist() == [0, 1, 2, 4, 5, 6]


def test_specks_are_no_cells():
    cells = drawn_discs((15, 15), (40, 40))
    cells[20:22, 60:62] = 3
    lives = followed(cells, cells)
    assert lives.track.tolist() == [1, 2, 0] * 2
    assert len(lives.lives) == 2


def test_how_tracks_begin_and_end():
    edge, inside = drawn_discs((5, 40)), drawn_discs((30, 40))
    lives = followed(drawn_discs(), edge, drawn_discs(), inside, drawn_discs())
    assert [(life.begin, life.end) for life in lives.lives] == [("entry", "exit"), ("appearance", "loss")]


def test_frames_of_other_sizes_are_a_programming_error():
    mender = Mender()
    mender.add(drawn_discs())
    with pytest.raises(ValueError, match="expected the same"):
        mender.add(np.zeros((3, 3), np.int32))


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


@given(st.integers(-9, 9), st.integers(-9, 9))
def test_moving_there_and_back_keeps_what_stayed_inside(rows, columns):
    labels = np.arange(1, 36).reshape(5, 7)
    there = shifted(labels, np.array([rows, columns], float))
    back = shifted(there, np.array([-rows, -columns], float))
    assert np.isin(back, [0, *labels.ravel()]).all()
    assert (back[back > 0] == labels[back > 0]).all()
    assert np.count_nonzero(back) == max(0, 5 - abs(rows)) * max(0, 7 - abs(columns))
