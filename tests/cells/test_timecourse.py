from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from hela_seg.cells.timecourse import (
    CellFlicker,
    Flicker,
    PixelFlicker,
    TimeCourse,
    class_pixels,
    flicker,
    majority_over_time,
)
from hela_seg.data.classes import IGNORE_INDEX
from hela_seg.system.errors import InputError

FILMS = st.tuples(st.integers(0, 8), st.integers(1, 3), st.integers(1, 4)).flatmap(
    lambda shape: arrays(np.uint8, shape, elements=st.sampled_from([0, 1, 1, 2, IGNORE_INDEX]))
)


def film(*pixels):
    """One text a pixel, one character a frame, ``-`` where it is ignored -> (T, 1, pixels)."""
    codes = [[IGNORE_INDEX if letter == "-" else int(letter) for letter in pixel] for pixel in pixels]
    return np.array(codes, np.uint8).T[:, None, :]


def text(frames):
    return [
        "".join("-" if c == IGNORE_INDEX else str(c) for c in pixel) for pixel in np.array(frames)[:, 0].T
    ]


def pixel_flicker(frames):
    meter = PixelFlicker()
    return [meter.add(frame) for frame in frames]


def test_pixels_are_counted_by_class_and_ignored_ones_nowhere():
    labels = np.array([[0, 2, 2], [255, 0, 0]], np.uint8)
    assert class_pixels(labels, 4).tolist() == [3, 0, 2, 0]


def test_a_class_that_is_none_is_a_programming_error():
    with pytest.raises(ValueError, match="labels hold 3, expected 0 to 2 or 255"):
        class_pixels(np.array([[0, 3]], np.uint8), 3)


@given(FILMS.filter(len), st.integers(0, 3))
def test_counts_of_bands_add_up(frames, row):
    frame = frames[0]
    bands = class_pixels(frame[:row], 3) + class_pixels(frame[row:], 3)
    assert (bands == class_pixels(frame, 3)).all()


def test_shares_are_of_the_pixels_that_are_not_ignored():
    course = TimeCourse("a", np.array([[6, 2], [0, 0], [0, 5]]))
    assert np.array_equal(course.shares, [[0.75, 0.25], [np.nan, np.nan], [0, 1]], equal_nan=True)


def test_a_pixel_flickers_when_both_neighbours_agree_against_it():
    frames = film("121", "112", "122", "123", "111", "1-1", "-21", "12-")
    assert pixel_flicker(frames) == [None, None, Flicker(changed=1, judged=5)]


def test_each_frame_between_the_ends_is_judged():
    assert pixel_flicker(film("12121", "00010")) == [None, None, Flicker(1, 2), Flicker(1, 2), Flicker(2, 2)]


def test_flicker_of_a_recording_is_pooled():
    found = [each for each in pixel_flicker(film("12121", "00-10")) if each]
    assert sum(found, Flicker()) == Flicker(3, 3)
    assert (Flicker(1, 4) + Flicker(1, 4)).share == 0.25


@pytest.mark.parametrize("frames", [0, 1, 2])
def test_fewer_than_three_frames_have_no_flicker(frames):
    found = [each for each in pixel_flicker(film("12")[:frames]) if each]
    assert sum(found, Flicker()).share is None


@given(FILMS)
def test_flicker_agrees_with_counting_pixel_by_pixel(frames):
    changed = judged = 0
    for t in range(1, len(frames) - 1):
        for where in np.ndindex(frames.shape[1:]):
            before, own, after = (int(frames[(u, *where)]) for u in (t - 1, t, t + 1))
            if IGNORE_INDEX not in (before, own, after):
                judged += 1
                changed += before == after != own
    found = [each for each in pixel_flicker(frames) if each]
    assert sum(found, Flicker()) == Flicker(changed, judged)


def test_flicker_of_bands_adds_up():
    frames = np.random.default_rng(0).integers(0, 3, (3, 10, 7)).astype(np.uint8)
    assert flicker(*frames[:, :4]) + flicker(*frames[:, 4:]) == flicker(*frames)


def cells(row):
    return np.array([[int(letter) for letter in row]], np.uint16)


def cell_flicker(*frames):
    """Of rows of pixels with the classes of their cells by number."""
    meter = CellFlicker()
    return [meter.add(cells(row), classes) for row, classes in frames]


def test_overlapping_cells_are_one_whatever_their_numbers():
    found = cell_flicker(
        ("1110022200", {1: 1, 2: 1}),
        ("0770004440", {4: 1, 7: 2}),
        ("0990000000", {9: 1}),
        ("0100000022", {1: 1, 2: 1}),
    )
    # cell 7 alone goes on into the third frame, where 9 has the class of the frame before
    assert found == [None, None, Flicker(changed=1, judged=1), Flicker(changed=0, judged=1)]


def test_the_larger_part_of_a_division_goes_on_and_the_other_is_new():
    whole, parts = ("0111111110", {1: 1}), ("0111022220", {1: 1, 2: 2})
    assert cell_flicker(whole, parts, ("0555555550", {5: 1}))[2] == Flicker(changed=1, judged=1)
    assert cell_flicker(parts, parts, parts)[2] == Flicker(changed=0, judged=2)


def test_what_overlaps_nothing_is_not_judged_even_with_the_same_number():
    there, gone = ("11000", {1: 1}), ("00000", {})
    assert cell_flicker(there, gone, there) == [None, None, Flicker()]
    assert cell_flicker(there, ("00011", {1: 2}), there)[2] == Flicker()


def test_cells_without_a_class_are_not_judged():
    before, own = ("7708", {7: 1, 8: 1}), ("7708", {7: 2, 8: IGNORE_INDEX})
    assert cell_flicker(before, own, before)[2] == Flicker(1, 1)


def best_partner(cell, frame, other):
    """The cell of another frame that shares most pixels with this one, of several the lowest; or None."""
    shared = Counter(other[frame == cell].tolist())
    del shared[0]
    return min(shared, key=lambda found: (-shared[found], found)) if shared else None


@given(FILMS)
def test_cells_that_flicker_agree_with_looking_for_each_cells_partners(frames):
    frames = np.where(frames == IGNORE_INDEX, 7, frames)
    classes = [{cell: (cell + t * t) % 3 for cell in range(1, 8)} for t in range(len(frames))]
    changed = judged = 0
    for t in range(1, len(frames) - 1):
        for cell in set(frames[t].ravel().tolist()) - {0}:
            partners = [best_partner(cell, frames[t], frames[u]) for u in (t - 1, t + 1)]
            mutual = [
                best_partner(other, frames[u], frames[t]) == cell
                for other, u in zip(partners, (t - 1, t + 1), strict=True)
                if other is not None
            ]
            if mutual == [True, True]:
                judged += 1
                before, after = classes[t - 1][partners[0]], classes[t + 1][partners[1]]
                changed += before == after != classes[t][cell]
    meter = CellFlicker()
    found = [
        each
        for frame, own in zip(frames, classes, strict=True)
        if (each := meter.add(frame, {cell: own[cell] for cell in set(frame.ravel().tolist()) - {0}}))
    ]
    assert sum(found, Flicker()) == Flicker(changed, judged)


@pytest.mark.parametrize(
    ("given_classes", "window", "expected"),
    [
        ("1121133", 3, "1111133"),
        ("1121133", 1, "1121133"),
        ("12", 3, "12"),  # one vote each: a tie at both ends
        ("122", 3, "122"),
        ("211", 3, "211"),
        ("11322", 5, "11322"),
        ("12333", 5, "13333"),
        ("1-1", 3, "1-1"),
        ("2-1-1", 5, "2-1-1"),
        ("12-1-1", 5, "11-1-1"),
        ("2111111", 99, "1111111"),
        ("2", 7, "2"),
    ],
)
def test_majority_by_hand(given_classes, window, expected):
    assert text(list(majority_over_time(film(given_classes), window))) == [expected]


def majority_pixel_by_pixel(frames, window):
    """The same by counting, one pixel after another."""
    result = frames.copy()
    for t, *where in np.ndindex(frames.shape):
        seen = frames[(slice(max(0, t - window // 2), t + window // 2 + 1), *where)].tolist()
        ranking = Counter(label for label in seen if label != IGNORE_INDEX).most_common()
        alone = len(ranking) == 1 or (len(ranking) > 1 and ranking[0][1] > ranking[1][1])
        if frames[(t, *where)] != IGNORE_INDEX and alone:
            result[(t, *where)] = ranking[0][0]
    return result


@given(FILMS, st.sampled_from([1, 3, 5, 7, 11]))
def test_majority_agrees_with_counting_pixel_by_pixel(frames, window):
    original = frames.copy()
    found = list(majority_over_time(iter(frames), window))
    assert len(found) == len(frames)
    assert all(frame.dtype == np.uint8 for frame in found)
    if found:
        assert (np.array(found) == majority_pixel_by_pixel(frames, window)).all()
    assert (frames == original).all()


@pytest.mark.parametrize("window", [1, 3, 9])
def test_majority_is_given_as_soon_as_the_window_is_full(window):
    taken = []

    def frames():
        for t in range(20):
            taken.append(t)
            yield np.zeros((2, 2), np.uint8)

    ahead = []
    for t, _ in enumerate(majority_over_time(frames(), window)):
        ahead.append(len(taken) - t)
    assert max(ahead) == window // 2 + 1


@pytest.mark.parametrize("window", [0, 2, -3])
def test_a_window_without_a_middle_is_refused(window):
    with pytest.raises(InputError, match=f"majority over {window} frames has no middle frame"):
        majority_over_time([], window)
