"""Random changes of grey values: what light, focus and counted photons do to a tile.

albumentations' own cut floating-point images off at 0 and 1, which normalised images exceed on both sides.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Annotated

import cv2
import numpy as np
from annotated_types import Predicate
from numpy.typing import NDArray

from hela_seg.system.settings import Expected

Image = NDArray[np.float32]
Range = Annotated[
    tuple[float, float],
    Predicate(lambda limits: 0 < limits[0] <= limits[1]),
    Expected("two numbers above 0, the lower one first"),
]
"""The lowest and the highest value of what is drawn."""

Change = Callable[[Image, np.random.Generator], Image]
"""Changes grey values (C, h, w), of which 0 is each channel's darkest pixel and 1 its brightest."""


def light_unevenly(unit: Image, generator: np.random.Generator, strength: float) -> Image:
    """Multiplies by a smooth field, drawn on 3 x 3 points with gains of 1 - strength to 1 + strength."""
    height, width = unit.shape[1:]
    gains = generator.uniform(1 - strength, 1 + strength, (3, 3)).astype(np.float32)
    field: Image = cv2.resize(gains, (width, height), interpolation=cv2.INTER_CUBIC).astype(np.float32)
    return unit * field


def shift_and_stretch(
    unit: Image, generator: np.random.Generator, brightness: float, contrast: Range
) -> Image:
    """Shifts all values by up to ``brightness`` and stretches them about their mean by ``contrast``."""
    mean = unit.mean(axis=(1, 2), keepdims=True)
    shift = np.float32(generator.uniform(-brightness, brightness))
    stretched: Image = mean + shift + (unit - mean) * drawn_factor(generator, contrast)
    return stretched


def change_gamma(unit: Image, generator: np.random.Generator, exponent: Range) -> Image:
    """Raises values to a power; those below 0 stay."""
    return np.where(unit > 0, np.abs(unit) ** drawn_factor(generator, exponent), unit)


def defocus(unit: Image, generator: np.random.Generator, deviation: Range) -> Image:
    """Blurs by a Gaussian."""
    width = float(drawn_factor(generator, deviation))
    return np.stack([cv2.GaussianBlur(channel, (0, 0), width).astype(np.float32) for channel in unit])


def add_shot_noise(unit: Image, generator: np.random.Generator, photons: Range) -> Image:
    """Adds the noise of counted photons, in the Gaussian limit that holds from some ten of them on."""
    noise = generator.standard_normal(unit.shape, dtype=np.float32)
    return unit + noise * np.sqrt(np.maximum(unit, 0) / drawn_factor(generator, photons))


def light_changes(illumination: float, brightness: float, contrast: Range, gamma: Range) -> list[Change]:
    """What differs between exposures, see `hela_seg.data.augment.microscopy`."""
    return [
        partial(light_unevenly, strength=illumination),
        partial(shift_and_stretch, brightness=brightness, contrast=contrast),
        partial(change_gamma, exponent=gamma),
    ]


def drawn_factor(generator: np.random.Generator, limits: Range) -> np.float32:
    """Drawn evenly on a logarithmic scale, on which halving is as far as doubling."""
    lowest, highest = np.log(limits)
    return np.float32(np.exp(generator.uniform(lowest, highest)))
