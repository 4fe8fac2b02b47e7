"""How unevenly classes share the pixels of the masks, and weights that make up for it."""

from __future__ import annotations

from collections.abc import Sequence

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
