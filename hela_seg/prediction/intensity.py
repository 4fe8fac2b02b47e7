"""Warns of grey values that a net can hardly have been trained on, before hours of prediction."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hela_seg.data.normalise import Normalisation
from hela_seg.data.stacks import Series
from hela_seg.system.errors import InputError

MOST_SIDE = 1024
"""Most rows and columns of the window in the middle of a frame that is examined."""

NARROW, WIDE = 0.1, 20.0
"""Lowest and highest contrast, relative to the training images, that another exposure can explain."""

REACH = {"percentile": NARROW, "zscore": 3.0}
"""How far all grey values of a frame, normalised, may lie below 0 or above 1 before they are reported."""

SCALES = (1.0, 255.0)
"""Largest grey values that programs convert images to: fractions and 8 bits."""


def intensity_mismatch(normalisation: Normalisation, series: Series) -> str | None:
    """A warning, if the grey values of a recording can hardly be like those of the training images.

    Frames of another bit depth, or rescaled by another program, look right in a viewer but not to the net.
    Three frames are normalised as the net does it, which brings its training images to about 0 to 1. They are
    reported if nearly all pixels lie well below or above that range, or if their contrast is many times as
    large. A low contrast also occurs where a frame shows only background; it is reported only if all values
    fit into one of `SCALES` that the training images exceed. With ``normalise=dtype`` only floating-point
    frames can be reported, with ``normalise=frame`` none.

    Args:
        normalisation: the net's.
        series: a recording that it can take.

    Returns:
        One line; None if nothing is to be reported, or if a frame cannot be read, which prediction reports.

    Example:
        A net was trained on 12-bit images, 100 to 4000, and now gets them rescaled to 0 to 255: their
        contrast is 255 / 3900, less than a tenth, and the line says so.
    """
    if normalisation.kind == "frame":
        return None
    try:
        pixels = _some(series)
    except InputError:
        return None
    low, high = normalisation.low or (0.0,) * len(pixels), normalisation.high or (1.0,) * len(pixels)
    for channel, normalised in enumerate(normalisation.apply(pixels)):
        dark, bright = np.percentile(normalised, normalisation.percentiles).tolist()
        found = pixels[channel]
        converted = any(found.max() <= largest < high[channel] for largest in SCALES)
        if _is_odd(dark, bright, normalisation.kind, converted=converted):
            return (
                f"'{series.name}' has grey values from {found.min():g} to {found.max():g} ({series.dtype}), "
                f"where the net was trained on about {low[channel]:g} to {high[channel]:g}: the result is "
                "likely to be wrong, unless images are converted as those of the training were"
            )
    return None


def _some(series: Series) -> NDArray[Any]:
    """The middle of the first, the middle and the last frame, (C, h, w) with one below the other."""
    length, _, height, width = series.shape
    rows, columns = (
        slice(max(0, side - MOST_SIDE) // 2, min(side, (side + MOST_SIDE) // 2)) for side in (height, width)
    )
    frames = sorted({0, length // 2, length - 1})
    return np.concatenate([series.read(t, rows, columns) for t in frames], axis=1)


def _is_odd(dark: float, bright: float, kind: str, *, converted: bool) -> bool:
    if kind == "dtype":
        return dark < -NARROW or bright > 1 + NARROW
    narrow = converted and bright - dark <= NARROW
    return narrow or bright < -REACH[kind] or dark > 1 + REACH[kind] or bright - dark >= WIDE
