"""Leaks that are found, and different cells that are not taken for one."""

from __future__ import annotations

from itertools import combinations, pairwise
from pathlib import Path

import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from hela_seg.data.checks.looks import FrameLook, look_at
from hela_seg.data.checks.near_duplicates import ALIKE, find_near_duplicates, least_similarity, similarity
from hela_seg.data.splits.table import Part
from hela_seg.data.synthetic.render import draw


def look(frame: np.ndarray, t: int = 0, series: int = 0, labels: np.ndarray | None = None) -> FrameLook:
    return look_at(series, t, frame, labels)


def series_of(frames: list[np.ndarray], first: int = 0) -> list[FrameLook]:
    return [look(frame, 0, first + number) for number, frame in enumerate(frames)]


def found(train: list[FrameLook], test: list[FrameLook]) -> list[tuple[int, int]]:
    return [
        (pair.first.series, pair.second.series)
        for pair in find_near_duplicates({"train": train, "test": test})
    ]


def frames_of(folder: Path) -> list[np.ndarray]:
    return [tifffile.imread(path)[None] for path in sorted(folder.iterdir())]


def culture(seed: int, frames: int = 4) -> np.ndarray:
    return draw(frames, 256, 256, seed)[0].transpose(0, 3, 1, 2)


def field(seed: int, side: int = 192) -> np.ndarray:
    """(1, H, W) cells of a phase contrast image, whose contrast is a tenth of the vignetting's."""
    random = np.random.default_rng(seed)
    spots = (random.random((side, side)) < 40 / side**2) * random.uniform(0.5, 1, (side, side))
    cells = ndimage.gaussian_filter(spots, 4) - 0.5 * ndimage.gaussian_filter(spots, 7)
    across = np.linspace(-1, 1, side)
    vignetting = 1 - 0.4 * (across[:, None] ** 2 + across**2)
    return 1000 * (vignetting * (1 + 0.08 * cells / cells.max()))[None]


def changed(frame: np.ndarray, how: str) -> np.ndarray:
    if how == "noise":
        return frame + np.random.default_rng(9).normal(0, 4, frame.shape)
    if how == "gain":
        return (frame / 4 + 100).astype(np.uint16)
    return 1000 * (frame / 1200) ** {"gamma 0.5": 0.5, "gamma 2": 2}[how]


def test_different_fields_under_the_same_vignetting_are_not_alike() -> None:
    assert (
        found(series_of([field(n) for n in range(12)]), series_of([field(n) for n in range(12, 24)], 12))
        == []
    )


@pytest.mark.parametrize("how", ["noise", "gain", "gamma 0.5", "gamma 2"])
def test_a_copy_is_found_among_fields_under_the_same_vignetting(how) -> None:
    train = series_of([field(n) for n in range(9)])
    test = series_of([field(20), changed(field(4), how), field(21)], 9)
    assert found(train, test) == [(4, 10)]


def test_copies_that_noise_makes_unlike_are_found_and_different_fields_with_noise_are_not() -> None:
    random = np.random.default_rng(3)
    noisy = [field(n) + random.normal(0, 40, field(n).shape) for n in range(10)]
    train, test = series_of([field(n) for n in range(10)]), series_of(noisy, 100)
    assert sorted(found(train, test)) == [(n, 100 + n) for n in range(10)]
    assert found(test[:5], test[5:]) == []
    assert found(train[:5], test[5:]) == []


def test_a_single_cell_is_found_again_in_noise() -> None:
    places = np.random.default_rng(0).permutation([(row, column) for row in range(5) for column in range(5)])
    down, across = np.mgrid[:192, :192]
    cells = [
        np.exp(-((down - 48 - 24 * row) ** 2 + (across - 48 - 24 * column) ** 2) / 128)
        for row, column in places[:16]
    ]
    light = 1 - 0.4 * (((down - 96) / 96) ** 2 + ((across - 96) / 96) ** 2)
    fields = [(1000 * light * (1 + 0.08 * cell))[None] for cell in cells]
    noise = np.random.default_rng(1)
    noisy = [frame + noise.normal(0, 30, frame.shape) for frame in fields]
    train, test = ([look(frame, n) for n, frame in enumerate(frames)] for frames in (fields, noisy))
    alike = [[similarity(a, b) >= least_similarity(a, b) for b in test] for a in train]
    np.testing.assert_array_equal(alike, np.eye(16, dtype=bool))


def test_noise_lowers_what_is_asked_of_two_frames() -> None:
    clean, noisy = look(field(0)), look(field(0) + np.random.default_rng(0).normal(0, 40, field(0).shape))
    assert clean.signal > 0.95 > noisy.signal
    assert least_similarity(clean, clean) == ALIKE > least_similarity(clean, noisy)
    assert least_similarity(noisy, noisy) <= least_similarity(clean, noisy)


@pytest.mark.parametrize(("down", "across"), [(8, 8), (8, 0), (0, 8)])
def test_a_field_shifted_by_8_pixels_is_found(down, across) -> None:
    train, test = [field(n, 200)[:, :192, :192] for n in range(9)], field(4, 200)
    assert found(series_of(train), series_of([test[:, down:, across:][:, :192, :192]], 9)) == [(4, 9)]


def test_what_all_series_have_in_common_makes_none_alike() -> None:
    across = np.linspace(-1, 1, 192)
    stop = np.hypot(across[:, None], across) < 0.95  # the edge of a field stop, with cells inside
    dust = np.random.default_rng(1).random((192, 192)) < 0.001
    frames = [np.where(stop, field(n) - 80 * dust, 300) for n in range(20)]
    assert found(series_of(frames[:10]), series_of(frames[10:], 10)) == []
    assert found(series_of(frames[:10]), series_of([changed(frames[3], "noise")], 10)) == [(3, 10)]


def test_channels_are_compared_one_by_one() -> None:
    two = [np.concatenate([field(n), 60 * field(50 + n)]) for n in range(3)]
    stained_anew = np.concatenate([changed(two[1][:1], "noise"), 60 * field(70)])
    assert found(series_of(two), series_of([stained_anew], 3)) == [(1, 3)]


def test_one_field_in_two_stains_is_found_by_its_masks() -> None:
    labels = np.random.default_rng(0).integers(0, 2, (192, 192))
    empty = np.zeros((192, 192), int)
    train = [look(field(0), 0, 0, labels), look(field(1), 0, 1, empty)]
    test = [
        look(field(2), 0, 2, labels.copy()),
        look(field(3), 0, 3, empty),
        look(field(4), 0, 4, 1 - labels),
    ]
    (pair,) = find_near_duplicates({"train": train, "test": test})
    assert (pair.first.series, pair.second.series) == (0, 2)
    assert (pair.same, pair.same_mask, pair.similarity < ALIKE) == (False, True, True)


@given(st.floats(0.1, 50), st.floats(0, 500), st.integers(0, 9))
def test_gain_and_offset_of_the_camera_change_next_to_nothing(gain, offset, seed) -> None:
    frame = np.random.default_rng(seed).random((1, 64, 80))
    assert similarity(look(frame), look(gain * frame + offset)) > 0.99


@pytest.mark.parametrize("shape", [(1, 5, 3), (3, 31, 33), (2, 700, 1100)])
def test_frames_of_any_size_are_like_themselves_and_unlike_others(shape) -> None:
    one, other = (np.random.default_rng(n).integers(0, 999, shape).astype(np.uint16) for n in (0, 1))
    assert similarity(look(one), look(one)) == pytest.approx(1, abs=1e-3)
    assert min(shape[1:]) < 10 or similarity(look(one), look(other)) < 0.3


@pytest.mark.parametrize("slope", [0.0, 3.0])
def test_a_frame_without_structure_is_like_no_other(slope) -> None:
    black = np.full((1, 128, 128), 7.0) + slope * np.arange(128)
    assert look(black).sketch is None
    assert find_near_duplicates({"train": [look(black)], "test": [look(black), look(field(0))]}) == []


def test_the_same_picture_is_told_from_one_that_is_nearly_the_same() -> None:
    first, second, *_ = culture(1)
    looks: dict[Part, list[FrameLook]] = {
        "train": [look(first)],
        "test": [look(first, 7, 3), look(second, 8, 3)],
    }
    same, near = find_near_duplicates(looks)
    assert (same.same, same.similarity, same.second.t, same.parts) == (True, 1, 7, ("train", "test"))
    assert (near.same, near.second.t) == (False, 8)
    assert ALIKE <= near.similarity < 1


def test_all_pairs_of_parts_are_compared_and_none_within_one() -> None:
    frame = culture(1)[0]
    looks: dict[Part, list[FrameLook]] = {
        part: [look(frame, 0), look(frame, 1)] for part in ("test", "train", "validation")
    }
    twins = [(pair.parts, pair.second.t) for pair in find_near_duplicates(looks)]
    pairs = [("train", "validation"), ("train", "test"), ("validation", "test")]
    assert twins == [(pair, t) for pair in pairs for t in (0, 1)]


def test_the_nearest_is_named_even_far_down_a_long_list() -> None:
    random = np.random.default_rng(0)
    length = look(field(0)).sketch.shape
    stored = [
        FrameLook(0, t, random.integers(-127, 128, length).astype(np.int8), bytes([t % 256, t // 256]))
        for t in range(1500)
    ]
    noisy = (stored[1234].sketch * 0.9 + random.integers(-12, 13, length)).astype(np.int8)
    asked = [FrameLook(1, t, entry.sketch, b"x" + entry.digest) for t, entry in enumerate(stored[:700])]
    twins = find_near_duplicates({"train": stored, "test": [*asked, FrameLook(1, 900, noisy, b"")]})
    assert {(pair.first.t, pair.second.t) for pair in twins} == {(t, t) for t in range(700)} | {(1234, 900)}


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_neighbouring_drawn_frames_are_alike_and_other_cultures_not(seed) -> None:
    frames, others = (series_of([*culture(number)]) for number in (seed, seed + 10))
    assert min(similarity(a, b) for a, b in pairwise(frames)) >= ALIKE
    assert max(similarity(a, b) for a in frames for b in others) < ALIKE


def test_neighbours_of_a_real_time_lapse_are_alike(shared: Path) -> None:
    stack = list(tifffile.imread(shared / "hela-h2b-timelapse" / "images.tif")[:, None])
    for frames in (frames_of(shared / "t98g-phase" / "timelapse" / "images"), stack):
        assert min(similarity(look(a), look(b)) for a, b in pairwise(frames)) >= ALIKE
        train, test = series_of(frames[::2]), series_of(frames[1::2], 100)
        assert {second for _, second in found(train, test)} == set(range(100, 100 + len(test)))


def test_different_real_fields_are_not_alike_and_a_still_out_of_the_time_lapse_is_found(shared: Path) -> None:
    stills = frames_of(shared / "t98g-phase" / "stills" / "images")
    lapse = frames_of(shared / "t98g-phase" / "timelapse" / "images")
    nuclei = frames_of(shared / "hela-nucleolus" / "images")
    for fields in (stills, nuclei):
        for noise in (0, 0.05):
            random = np.random.default_rng(1)
            looks = [
                look(f + random.normal(0, noise * np.ptp(np.percentile(f, [1, 99])), f.shape)) for f in fields
            ]
            assert all(similarity(a, b) < least_similarity(a, b) for a, b in combinations(looks, 2))
    parts: dict[Part, list[FrameLook]] = {
        "train": [look(frame, t) for t, frame in enumerate(lapse)],
        "test": [look(frame, t) for t, frame in enumerate(stills)],
    }
    assert [(pair.second.t, pair.same) for pair in find_near_duplicates(parts)] == [(0, True)]


def test_real_fields_with_noise_shifted_or_with_a_gamma_are_found(shared: Path) -> None:
    fields = [
        *frames_of(shared / "t98g-phase" / "stills" / "images"),
        *frames_of(shared / "hela-nucleolus" / "images"),
    ]
    random = np.random.default_rng(0)
    for copies in (
        [f + random.normal(0, 0.1 * np.ptp(np.percentile(f, [1, 99.8])), f.shape) for f in fields],
        [np.roll(f, (8, 8), (1, 2)) for f in fields],
        [(f / f.max()) ** 0.5 for f in fields],
        [(f / f.max()) ** 2 for f in fields],
    ):
        assert sorted(found(series_of(fields), series_of(copies, 100))) == [
            (n, 100 + n) for n in range(len(fields))
        ]
