"""What augmentation promises: one outcome a seed, image and label moved together, grey values not cut off."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hela_seg.data import augment
from hela_seg.data.augment import (
    Augmentation,
    RandomRotations,
    Rotation,
    exposure,
    light,
    microscopy,
    none,
    rotations,
)
from hela_seg.data.classes import IGNORE_INDEX
from hela_seg.data.tiles import Window
from hela_seg.system.errors import InputError

EVERY = {
    "none": none,
    "light": light,
    "exposure": exposure,
    "microscopy": microscopy,
    "rotations": rotations,
}


def sample(channels: int = 3, height: int = 32, width: int = 32) -> tuple[np.ndarray, np.ndarray]:
    """An image of which each value is unlike all others, and a label that follows its first channel."""
    random = np.random.default_rng(0)
    image = random.permutation(channels * height * width).reshape(channels, height, width)
    return image.astype(np.float32), (image[0] % 3).astype(np.uint8)


def smooth_sample() -> tuple[np.ndarray, np.ndarray]:
    rows, columns = np.indices((64, 64))
    disc = (rows - 30) ** 2 + (columns - 25) ** 2 < 15**2
    return np.stack([disc, disc, disc]).astype(np.float32), disc.astype(np.uint8)


def outcome(name: str, seed: tuple[int, int, int]) -> bytes:
    image, label = EVERY[name]()(*sample(), seed)
    return image.tobytes() + label.tobytes()


@pytest.mark.parametrize("name", ["light", "microscopy"])
def test_the_seed_alone_decides_whatever_was_drawn_before(name) -> None:
    seeds = [(7, epoch, index) for epoch in range(3) for index in range(10)]
    augmentation = EVERY[name]()
    image, label = sample()
    forwards = {seed: augmentation(image, label, seed) for seed in seeds}
    for seed in np.random.default_rng(0).permutation(seeds).tolist():
        again = augmentation(image, label, tuple(seed))
        np.testing.assert_array_equal(again[0], forwards[tuple(seed)][0])
        np.testing.assert_array_equal(again[1], forwards[tuple(seed)][1])


@pytest.mark.parametrize("position", [0, 1, 2])
def test_each_part_of_the_seed_counts(position) -> None:
    def seed(value: int) -> tuple[int, int, int]:
        parts = [1, 2, 3]
        parts[position] = value
        return parts[0], parts[1], parts[2]

    assert len({outcome("light", seed(value)) for value in range(60)}) == 8


def test_a_tile_drawn_with_the_same_seed_tells_nothing_about_its_augmentation() -> None:
    places = np.random.default_rng((0, 0, 5)).random(20)
    strengths: list[float] = []
    draw = Augmentation(grey_values=[lambda unit, generator: strengths.append(generator.random()) or unit])
    draw(*sample(1, 2, 2), (0, 0, 5))
    assert strengths[0] not in places


SEEDS = [(0, 1, index) for index in range(4)]
ELSEWHERE = """
import hashlib
import socket
import sys

def refuse(*arguments, **keywords):
    print("asked for", arguments)
    raise OSError("no network here")

socket.getaddrinfo = socket.create_connection = socket.socket.connect = refuse
sys.path.insert(0, sys.argv[1])
from test_augment import SEEDS, outcome

for seed in SEEDS:
    print(hashlib.sha256(outcome("microscopy", seed)).hexdigest())
"""
"""Draws in a process that has no network."""


def test_another_process_draws_the_same_and_importing_asks_no_network(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("NO_ALBUMENTATIONS_UPDATE", raising=False)
    command = [sys.executable, "-c", ELSEWHERE, str(Path(__file__).parent)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    here = [hashlib.sha256(outcome("microscopy", seed)).hexdigest() for seed in SEEDS]
    assert done.stdout.split("\n") == [*here, ""]


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("channels", [1, 3, 5])
@pytest.mark.parametrize("dtype", [np.uint8, np.int64])
def test_shapes_and_dtypes_stay_and_arrays_are_contiguous(name, channels, dtype) -> None:
    image, label = sample(channels, 24, 40)
    for index in range(5):
        new_image, new_label = EVERY[name]()(image, label.astype(dtype), (0, 0, index))
        assert (new_image.shape, new_image.dtype) == (image.shape, np.float32)
        assert (new_label.shape, new_label.dtype) == (label.shape, dtype)
        assert new_image.flags.c_contiguous
        assert new_label.flags.c_contiguous


@pytest.mark.parametrize("name", EVERY)
def test_the_arrays_handed_over_are_left_as_they_were(name) -> None:
    image, label = sample()
    before = image.copy(), label.copy()
    for index in range(10):
        EVERY[name]()(image, label, (0, 0, index))
    np.testing.assert_array_equal(image, before[0])
    np.testing.assert_array_equal(label, before[1])


def test_none_changes_nothing() -> None:
    image, label = sample()
    for changed, original in zip(none()(image, label, (1, 2, 3)), (image, label), strict=True):
        np.testing.assert_array_equal(changed, original)


def drawn_orientations(height: int, width: int, draws: int) -> dict[bytes, int]:
    image, label = sample(3, height, width)
    counts: dict[bytes, int] = {}
    for index in range(draws):
        new_image, new_label = light()(image, label, (0, 0, index))
        np.testing.assert_array_equal(new_label, new_image[0].astype(int) % 3)
        counts[new_image.tobytes()] = counts.get(new_image.tobytes(), 0) + 1
    return counts


def test_light_lays_a_square_tile_in_all_eight_ways_equally_often() -> None:
    image, _ = sample()
    turned = [np.rot90(flipped, turns, (1, 2)) for flipped in (image, image[:, ::-1]) for turns in range(4)]
    counts = drawn_orientations(32, 32, 800)
    assert set(counts) == {np.ascontiguousarray(orientation).tobytes() for orientation in turned}
    assert 60 < min(counts.values()) <= max(counts.values()) < 140


def test_light_lays_another_tile_in_the_four_ways_that_keep_its_shape() -> None:
    image, _ = sample(3, 16, 24)
    flipped = [image, image[:, ::-1], image[:, :, ::-1], image[:, ::-1, ::-1]]
    counts = drawn_orientations(16, 24, 100)
    assert set(counts) == {np.ascontiguousarray(orientation).tobytes() for orientation in flipped}


@pytest.mark.parametrize(
    ("strength", "message"),
    [
        ({"blur": (0, 1.5)}, "augment.blur is .*, expected two numbers above 0, the lower one first"),
        ({"gamma": (2, 1)}, "augment.gamma is"),
        ({"scale": (1, 1, 1)}, "augment.scale is"),
        ({"displacement": -1}, "augment.displacement is -1, expected 0 or more"),
        ({"spacing": 0}, "augment.spacing is 0, expected a whole number of 1 or more"),
        ({"probability": 2}, "augment.probability is 2, expected a number from 0 to 1"),
    ],
)
def test_strengths_that_nothing_could_be_drawn_with_are_refused(strength, message) -> None:
    with pytest.raises(InputError, match=message):
        microscopy(**strength)


def test_exposure_changes_grey_values_and_no_shape() -> None:
    image, label = smooth_sample()
    always, turned = exposure(illumination=0, probability=1), light()
    for index in range(10):
        new_image, new_label = always(image, label, (0, 0, index))
        inside, outside = new_image[0][new_label == 1], new_image[0][new_label == 0]
        assert inside.std() + outside.std() < 1e-5 < abs(inside.mean() - 1)
        assert outside.mean() < inside.mean()
        drawn = {turned(image, label, (0, 0, other))[1].tobytes() for other in range(60)}
        assert new_label.tobytes() in drawn


def test_labels_hold_no_new_class_and_are_ignored_where_nothing_is_known() -> None:
    image, label = smooth_sample()
    shrinking = microscopy(scale=(0.5, 0.51), displacement=1, probability=1)
    for index in range(10):
        _, new_label = shrinking(image, label * 7, (0, 0, index))
        assert set(np.unique(new_label)) == {0, 7, IGNORE_INDEX}
        assert 0.7 < (new_label == IGNORE_INDEX).mean() < 0.8


def test_labels_follow_the_image_through_scaling_and_elastic_shifts() -> None:
    image, label = smooth_sample()
    geometry_alone = microscopy(
        illumination=0,
        brightness=0,
        contrast=(1, 1),
        gamma=(1, 1),
        blur=(0.1, 0.1),
        photons=(1e9, 1e9),
        displacement=2,
        probability=1,
    )
    for index in range(10):
        new_image, new_label = geometry_alone(image, label, (0, 0, index))
        known = new_label != IGNORE_INDEX
        assert ((new_image[0] > 0.5) == (new_label == 1))[known].mean() > 0.98
        assert (new_label != label).mean() > 0.01


def test_elastic_shifts_are_as_strong_at_the_edges_as_in_the_middle() -> None:
    elastic = augment.ElasticShifts(displacement=4, spacing=32, p=1)
    elastic.set_random_seed(0)
    maps = [elastic.get_params_dependent_on_data({"shape": (96, 128, 1)}, {}) for _ in range(300)]
    for key, places in (("map_x", np.arange(128)), ("map_y", np.arange(96)[:, None])):
        deviation = np.std([drawn[key] - places for drawn in maps], axis=0)
        assert 2 < deviation.min() < 3.5 < deviation.max() < 6


def test_each_change_of_grey_values_is_drawn_with_its_probability() -> None:
    image, label = sample()
    counted: list[int] = []
    rarely = Augmentation(grey_values=[lambda unit, _: counted.append(1) or unit] * 2, probability=0.2)
    for index in range(500):
        rarely(image, label, (0, 0, index))
    assert 150 < len(counted) < 250


# Rotations, cut from a larger window


def rotated(rotation: Rotation, tile: Window, frame: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    """The tile of a frame (C, H, W), whose labels are its first channel, or None where it is too small."""
    window = rotation.window(tile, frame.shape[1:])
    if window is None:
        return None
    part = frame[:, *window.slices]
    return rotation.cut(part, part[0].astype(np.uint8), (tile.height, tile.width))


@pytest.mark.parametrize(("angle", "quarters"), [(0, 0), (90, 1), (180, 2), (-90, 3)])
def test_quarter_turns_are_exact(angle: float, quarters: int) -> None:
    frame = np.random.default_rng(0).integers(0, 255, (2, 40, 50)).astype(np.float32)
    found = rotated(Rotation(angle), Window(7, 9, 16, 16), frame)
    assert found is not None
    tile = np.rot90(frame[:, 7:23, 9:25], quarters, axes=(1, 2))
    np.testing.assert_allclose(found[0], tile, atol=1e-3)
    np.testing.assert_array_equal(found[1], tile[0])


@given(
    st.floats(-180, 180),
    st.floats(0.5, 2),
    st.tuples(st.integers(0, 83), st.integers(0, 80)),
    st.sampled_from([(16, 16), (17, 20)]),
)
def test_a_rotated_tile_shows_places_of_the_frame_and_nothing_else(angle, scale, corner, tile) -> None:
    frame = np.indices((100, 100)).astype(np.float32)  # each pixel tells its row and its column
    found = rotated(Rotation(angle, scale), Window(*corner, *tile), frame)
    assert found is not None
    rows, columns = found[0]
    # a step to the right in the tile goes by (cos, -sin) / scale to the right and up in the frame
    steps = np.diff(columns, axis=1).mean(), -np.diff(rows, axis=1).mean()
    expected = np.cos(np.radians(angle)) / scale, -np.sin(np.radians(angle)) / scale
    np.testing.assert_allclose(steps, expected, atol=0.01)
    assert min(rows.min(), columns.min()) >= 0
    assert max(rows.max(), columns.max()) <= 99
    np.testing.assert_allclose(found[1], rows, atol=0.6)
    # the centre stays, but where the window would leave the frame
    middle = np.array([rows.mean(), columns.mean()])
    wanted = np.array(corner) + (np.array(tile) - 1) / 2
    if ((wanted > 40) & (wanted < 59)).all():
        np.testing.assert_allclose(middle, wanted, atol=0.05)


def test_no_window_is_larger_than_the_frame() -> None:
    assert Rotation(45).window(Window(0, 0, 16, 16), (22, 22)) is None  # 15 * 1.414 + 1 = 22.2 pixels
    assert Rotation(45).window(Window(3, 3, 16, 16), (24, 30)) == Window(0, 0, 24, 24)


def test_rotations_are_drawn_as_often_as_the_probability_says_and_by_the_seed_alone() -> None:
    draw = RandomRotations((0.5, 2.0), 0.25)
    drawn = [draw((7, 0, number)) for number in range(400)]
    assert drawn == [draw((7, 0, number)) for number in range(400)]
    some = [rotation for rotation in drawn if rotation is not None]
    assert 70 < len(some) < 130  # 100 are expected, with a standard deviation of 8.7
    assert min(r.angle for r in some) < -150 < 150 < max(r.angle for r in some)
    assert 0.5 <= min(r.scale for r in some) < 0.6 < 1.7 < max(r.scale for r in some) <= 2
