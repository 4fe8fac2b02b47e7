"""Changes of grey values are those of light, focus and counted photons, on whatever scale a tile has."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from scipy import ndimage

from hela_seg.data import grey_changes
from hela_seg.data.augment import Augmentation


def changed_by(change, image: np.ndarray, **strength) -> np.ndarray:
    label = np.zeros(image.shape[1:], np.uint8)
    altered = Augmentation(grey_values=[partial(change, **strength)])
    return altered(image, label, (0, 0, 0))[0]


CHANGES = [
    (grey_changes.light_unevenly, {"strength": 0.3}),
    (grey_changes.shift_and_stretch, {"brightness": 0.2, "contrast": (0.5, 2)}),
    (grey_changes.change_gamma, {"exponent": (0.5, 2)}),
    (grey_changes.defocus, {"deviation": (0.5, 2)}),
    (grey_changes.add_shot_noise, {"photons": (50, 60)}),
]


@pytest.mark.parametrize(("change", "strength"), CHANGES)
@pytest.mark.parametrize("channels", [1, 5])
def test_grey_values_far_outside_0_to_1_are_changed_but_not_cut_off(change, strength, channels) -> None:
    image = np.random.default_rng(0).normal(0, 100, (channels, 32, 32)).astype(np.float32)
    changed = changed_by(change, image, **strength)
    assert changed.shape == image.shape
    assert np.isfinite(changed).all()
    assert np.corrcoef(changed.ravel(), image.ravel())[0, 1] > 0.3
    assert len(np.unique(changed)) > 0.95 * image.size
    assert np.abs(changed - image).max() > 1


@pytest.mark.parametrize(("change", "strength"), CHANGES)
def test_changes_do_not_depend_on_the_scale_of_the_grey_values(change, strength) -> None:
    image = np.random.default_rng(0).uniform(size=(2, 32, 32)).astype(np.float32)
    scaled = changed_by(change, image * 500 - 3, **strength)
    np.testing.assert_allclose(scaled, changed_by(change, image, **strength) * 500 - 3, atol=0.05)


@pytest.mark.parametrize(("change", "strength"), CHANGES)
def test_a_tile_without_contrast_stays_finite(change, strength) -> None:
    assert np.isfinite(changed_by(change, np.full((2, 16, 16), 7, np.float32), **strength)).all()


def test_shot_noise_is_as_strong_as_counting_photons_makes_it() -> None:
    image = np.ones((1, 200, 200), np.float32)
    image[0, 0, 0] = 0
    noise = changed_by(grey_changes.add_shot_noise, image, photons=(400, 400)) - image
    assert noise.std() == pytest.approx(1 / np.sqrt(400), rel=0.05)
    assert noise[0, 0, 0] == 0


def test_gamma_keeps_the_darkest_and_the_brightest_value() -> None:
    image = np.linspace(-1, 3, 256, dtype=np.float32).reshape(1, 16, 16)
    bent = changed_by(grey_changes.change_gamma, image, exponent=(2, 2))
    np.testing.assert_allclose(bent, 4 * ((image + 1) / 4) ** 2 - 1, atol=1e-5)


def drawn(change: grey_changes.Change, image: np.ndarray, seeds: int = 50) -> list[np.ndarray]:
    """What a change makes of an image with many seeds."""
    return [change(image, np.random.default_rng(seed)) for seed in range(seeds)]


def test_uneven_light_multiplies_by_a_smooth_field_about_1_in_all_channels() -> None:
    image = np.stack([np.ones((40, 50)), np.full((40, 50), 3)]).astype(np.float32)
    fields = drawn(partial(grey_changes.light_unevenly, strength=0.2), image)
    for first, second in fields:
        np.testing.assert_allclose(second, 3 * first, rtol=1e-6)
        assert np.abs(np.diff(first, axis=0)).max() < 0.05
    assert 0.7 < np.min(fields) < 0.85  # a cubic field goes a little beyond its points
    (even,) = drawn(partial(grey_changes.light_unevenly, strength=0), image, 1)
    np.testing.assert_allclose(even, image, rtol=1e-6)


def test_contrast_stretches_about_the_mean_of_each_channel_and_brightness_shifts_it() -> None:
    image = np.array([[[0, 1]], [[0.25, 0.75]]], np.float32)
    change = partial(grey_changes.shift_and_stretch, brightness=0.1, contrast=(2, 2))
    for first, second in drawn(change, image):
        assert first[0, 1] - first[0, 0] == pytest.approx(2)
        assert second[0, 1] - second[0, 0] == pytest.approx(1)
        assert first.mean() == pytest.approx(second.mean(), abs=1e-6)
        assert abs(first.mean() - 0.5) <= 0.1


def test_focus_blurs_by_a_gaussian_of_the_given_deviation() -> None:
    image = np.random.default_rng(0).uniform(size=(2, 40, 40)).astype(np.float32)
    (blurred,) = drawn(partial(grey_changes.defocus, deviation=(1.5, 1.5)), image, 1)
    expected = ndimage.gaussian_filter(image, 1.5, axes=(1, 2), mode="mirror")
    np.testing.assert_allclose(blurred, expected, atol=0.01)


def test_gamma_leaves_values_below_0_as_they_are() -> None:
    image = np.array([[[-2, 0, 0.5, 3]]], np.float32)
    (bent,) = drawn(partial(grey_changes.change_gamma, exponent=(2, 2)), image, 1)
    np.testing.assert_allclose(bent, [[[-2, 0, 0.25, 9]]])


def test_factors_are_drawn_evenly_between_their_limits_as_logarithms() -> None:
    generator = np.random.default_rng(0)
    factors = np.array([grey_changes.drawn_factor(generator, (0.25, 4)) for _ in range(400)])
    assert 0.25 <= factors.min() < 0.3
    assert 3.5 < factors.max() <= 4
    assert 0.4 < (factors < 1).mean() < 0.6
