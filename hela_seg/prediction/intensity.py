"""Grey values of another kind than a net was trained on: a doubt worth a line before hours of work."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hela_seg.data.normalise import Normalisation
from hela_seg.data.stacks import Series
from hela_seg.system.errors import InputError

LOOKED_AT = 1024
"""Rows and columns, at most, of the window in the middle of a frame that is judged."""

NARROW, WIDE = 0.1, 20.0
"""Contrasts, in parts of the training images' own, that another exposure alone hardly leads to."""

REACH = {"percentile": NARROW, "zscore": 3.0}
"""How far, on that scale, all of a frame may lie below 0 or above 1 where it shows cells or background alone:
percentiles are near the ends of what training saw, a mean and a deviation within it."""

SCALES = (1.0, 255.0)
"""Largest grey values that programs convert images to: fractions and 8 bits."""


def intensity_mismatch(normalisation: Normalisation, series: Series) -> str | None:
    """Say where a recording's grey values can hardly be of the kind that a net was trained on.

    Frames of another bit depth, or rescaled on their way through another program, look right in a viewer and
    leave a net nothing to see. Three frames are judged, normalised as the net has it, so that its training
    images reached from about 0 to 1. They are in doubt where nearly all pixels lie well below or above that,
    or where their contrast is many times of it; a small part of it is found wherever nothing but background
    is seen, and doubted only if all values fit into one of `SCALES` that the training images exceed. Where
    integers are divided by their largest value, only floating-point frames can be odd; where each frame is
    normalised by itself, none is.

    Args:
        normalisation: the net's.
        series: a recording that it can take.

    Returns:
        One line, or None where nothing is odd, or a frame cannot be read, which the prediction will say.

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
        slice(max(0, side - LOOKED_AT) // 2, min(side, (side + LOOKED_AT) // 2)) for side in (height, width)
    )
    frames = sorted({0, length // 2, length - 1})
    return np.concatenate([series.read(t, rows, columns) for t in frames], axis=1)


def _is_odd(dark: float, bright: float, kind: str, *, converted: bool) -> bool:
    if kind == "dtype":
        return dark < -NARROW or bright > 1 + NARROW
    narrow = converted and bright - dark <= NARROW
    return narrow or bright < -REACH[kind] or dark > 1 + REACH[kind] or bright - dark >= WIDE
