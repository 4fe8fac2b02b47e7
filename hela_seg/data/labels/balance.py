"""How unevenly classes share the pixels of masks, weights that make up for it, and classes without any."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hela_seg.data.classes import Classes
from hela_seg.system.errors import InputError


def balanced_weights(pixel_counts: Sequence[int]) -> list[float]:
    """Class weights by which every class present weighs the same in total: scikit-learn's "balanced".

    A class of count n weighs total / (K n), where K is the number of classes present. A class without a pixel
    weighs 0: nothing is known of it, and so it cannot dilute the weighted means.

    Args:
        pixel_counts: training pixels of each class, ignored ones left out.

    Raises:
        InputError: there are no pixels at all.

    Example:
        ``balanced_weights([6, 2, 0]) == [2 / 3, 2.0, 0.0]``
    """
    total, present = sum(pixel_counts), sum(count > 0 for count in pixel_counts)
    if not present:
        raise InputError("the training labels hold no pixel of any class: class weights cannot be balanced")
    return [total / (present * count) if count else 0.0 for count in pixel_counts]


def never_trained(pixels: Mapping[Any, NDArray[np.integer[Any]]], classes: Classes) -> list[str]:
    """A line for each class without a pixel in the training frames, which no net can learn from them.

    Args:
        pixels: counts (K,) of the classes' pixels by part: ``train`` and others, or None for frames in none.
        classes: the K classes.
    """
    lines = []
    for entry in classes:
        if pixels["train"][entry.index]:
            continue
        others = [str(part or "frames in no part") for part, counts in pixels.items() if counts[entry.index]]
        cure = (
            f"move a series with it from {' or '.join(others)} into training, by another data.split.seed, or "
            "by data.split.test and data.split.validation as lists of other series; its files, where folders "
            "are the parts"
            if others
            else "no other mask has one either, so look at its values in data.classes, or leave it out there"
        )
        lines.append(f"class '{entry.name}' has no pixel in the training frames, no net can learn it: {cure}")
    return lines
