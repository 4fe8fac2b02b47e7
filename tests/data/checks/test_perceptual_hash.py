"""255 bits that gain, offset and noise leave as they are."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.fft import dctn

from hela_seg.data.checks.perceptual_hash import perceptual_hash


def bits(frame: np.ndarray) -> np.ndarray:
    found = perceptual_hash(frame)
    assert found is not None
    return np.unpackbits(found.view(np.uint8))


def test_bits_are_signs_of_low_frequencies_against_their_median() -> None:
    frame = np.random.default_rng(0).random((1, 32, 32))  # already of the size that is transformed
    low = dctn(frame[0], norm="ortho")[:16, :16].ravel()[1:]
    assert bits(frame)[:255].tolist() == (low > np.median(low)).tolist()
    assert perceptual_hash(frame).shape == (4,)


@given(st.floats(0.1, 50), st.floats(0, 500), st.integers(0, 9))
def test_gain_and_offset_of_the_camera_change_next_to_nothing(gain, offset, seed) -> None:
    frame = np.random.default_rng(seed).random((1, 64, 80))
    assert (bits(frame) != bits(gain * frame + offset)).sum() <= 2


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 5, 3), (3, 31, 33), (2, 700, 1100)])
def test_any_size_has_a_hash(shape) -> None:
    frame = np.random.default_rng(0).integers(0, 999, shape).astype(np.uint16)
    found = perceptual_hash(frame)
    assert (found is None) == (shape[1:] == (1, 1))
    assert found is None or (found.dtype, found.shape) == (np.uint64, (4,))


def test_values_that_are_no_numbers_do_no_harm() -> None:
    frame = np.random.default_rng(0).random((1, 40, 40))
    frame[0, 3, 3], frame[0, 5, 5] = np.nan, np.inf
    assert perceptual_hash(frame) is not None


def test_a_frame_of_one_value_has_none() -> None:
    assert perceptual_hash(np.zeros((1, 20, 20), np.uint8)) is None
