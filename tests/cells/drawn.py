"""Label maps for tests: discs drawn by hand, and any blobs from Hypothesis."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays


def disc(shape: tuple[int, int], row: float, column: float, radius: float) -> np.ndarray:
    """Whether a pixel's centre lies in a disc, (H, W)."""
    rows, columns = np.ogrid[: shape[0], : shape[1]]
    return (rows - row) ** 2 + (columns - column) ** 2 <= radius**2


def label_maps(highest: int = 3, longest: int = 12) -> st.SearchStrategy[np.ndarray]:
    """Label maps (H, W) int32 with numbers up to ``highest``, in pieces and with gaps as they come."""
    shapes = st.tuples(st.integers(1, longest), st.integers(1, longest))
    return arrays.arrays(np.int32, shapes, elements=st.integers(0, highest))


def pairs_of_maps(highest: int = 4, longest: int = 8) -> st.SearchStrategy[np.ndarray]:
    """Two label maps of one shape, (2, H, W) int32."""
    shapes = st.tuples(st.just(2), st.integers(1, longest), st.integers(1, longest))
    return arrays.arrays(np.int32, shapes, elements=st.integers(0, highest))
