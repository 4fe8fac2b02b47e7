import sys

import numpy as np
import pytest
import tifffile
from drawn import disc
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from hela_seg.cells import CellLinker, measure_cells, split_cells
from hela_seg.cells.link import LEAST_OVERLAP
from hela_seg.cells.overlap import overlaps
from hela_seg.data.classes import Classes
from hela_seg.system.errors import InputError

SHAPE = (60, 80)


def drawn_discs(*places, radius=6):
    """Label map with a disc at each place, numbered as they come."""
    labels = np.zeros(SHAPE, np.int32)
    for number, (row, column) in enumerate(places, start=1):
        labels[disc(SHAPE, row, column, radius)] = number
    return labels


def linked(*frames, **options):
    linker = CellLinker(**options)
    for labels in frames:
        linker.add(labels)
    return {name: column.tolist() for name, column in linker.tracks().items()}


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


def test_too_little_overlap_begins_a_new_track():
    pair = drawn_discs((10, 10)), drawn_discs((10, 16))
    overlap = overlaps(*pair).iou[0]
    assert linked(*pair, least_overlap=overlap)["track"] == [1, 1]
    # Half of the cell lies where the other was, but one daughter is no division.
    assert linked(*pair, least_overlap=overlap + 1e-9) == {
        "frame": [0, 1],
        "label": [1, 1],
        "track": [1, 2],
        "parent": [0, 0],
    }


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


def test_a_daughter_lies_mostly_where_its_mother_was():
    mother = np.zeros(SHAPE, np.int32)
    mother[10:20, 10:30] = 1
    daughters = np.zeros(SHAPE, np.int32)
    daughters[10:20, 10:24], daughters[10:20, 26:42] = 1, 2  # a quarter of the second one
    assert linked(mother, daughters, least_share=0.25)["parent"] == [0, 1, 1]
    assert linked(mother, daughters, least_share=0.26)["parent"] == [0, 0, 0]


@pytest.mark.parametrize("frames", [0, 1, 3])
def test_without_cells_there_are_no_rows(frames):
    assert linked(*[drawn_discs()] * frames) == {"frame": [], "label": [], "track": [], "parent": []}


def test_one_frame_has_a_track_a_cell():
    assert linked(drawn_discs((10, 10), (40, 40)))["track"] == [1, 2]


@given(st.lists(st.lists(st.tuples(st.integers(0, 59), st.integers(0, 79)), max_size=6), max_size=5))
def test_any_frames_are_linked_where_cells_overlap_and_one_to_one(places):
    frames = [drawn_discs(*discs) for discs in places]
    found = linked(*frames, divisions=False)
    rows = list(zip(found["frame"], found["label"], found["track"], strict=True))
    expected = [(t, n) for t, labels in enumerate(frames) for n in np.unique(labels[labels > 0])]
    assert [row[:2] for row in rows] == expected
    assert len({(t, track) for t, _, track in rows}) == len(rows)
    latest = {}
    for t, label, track in rows:
        if track in latest:
            before, number = latest[track]
            one, other = frames[before] == number, frames[t] == label
            assert t == before + 1
            assert (one & other).sum() / (one | other).sum() >= LEAST_OVERLAP
        latest[track] = t, label


def test_tracks_are_in_the_order_of_the_measured_rows():
    frames = [drawn_discs((10, 10), (40, 40)), drawn_discs((40, 42))]
    classes = Classes(["background", "cell"])
    measured = [
        measure_cells(labels, (labels > 0).astype(np.uint8), classes, frame=t)
        for t, labels in enumerate(frames)
    ]
    found = linked(*frames)
    for name in ("frame", "label"):
        assert np.concatenate([cells[name] for cells in measured]).tolist() == found[name]


def test_without_laptrack_the_extra_is_named_before_any_frame_is_taken(monkeypatch):
    monkeypatch.setitem(sys.modules, "laptrack", None)
    with pytest.raises(InputError, match=r"hela-seg\[track\]") as error:
        CellLinker()
    assert "\n" not in str(error.value)


def test_misuse_is_refused():
    with pytest.raises(ValueError, match="least_overlap is 0"):
        CellLinker(least_overlap=0)
    linker = CellLinker()
    linker.add(drawn_discs())
    with pytest.raises(ValueError, match="expected the same"):
        linker.add(np.zeros((3, 3), np.int32))


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
