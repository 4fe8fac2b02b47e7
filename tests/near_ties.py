"""Class maps that were computed in two ways, whose sums are rounded differently.

Which way a sum is rounded depends on the processor, on the number of threads, and on the shape of the tile or
batch. So one pixel in thousands may have another class: where the two best are equal but for rounding.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def assert_same_but_for_near_ties(
    found: NDArray[np.integer],
    expected: NDArray[np.integer],
    scores: NDArray[np.floating],
    within: float = 1e-5,
) -> None:
    """Two class maps (N, H, W) differ nowhere but where another class is as good as the best.

    Args:
        found: computed in one way.
        expected: computed in the other.
        scores: logits or probabilities (N, K, H, W), computed in either.
        within: share of the largest score that rounding may make up.
    """
    assert found.shape == expected.shape == (scores.shape[0], *scores.shape[2:])
    rounding = within * np.abs(scores).max()
    best = scores.max(axis=1)
    for classes in (found, expected):
        of_these = np.take_along_axis(scores, classes[:, None].astype(np.int64), axis=1)[:, 0]
        np.testing.assert_array_less(best - of_these, np.nextafter(rounding, np.inf))
