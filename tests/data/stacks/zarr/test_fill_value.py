"""The contract with zarr's internals: an array is put together anew with another fill value."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr

from hela_seg.data.stacks.zarr.fill_value import with_fill_value


@pytest.mark.parametrize("more", [{"zarr_format": 2}, {"zarr_format": 3}, {"shards": (8, 4)}])
def test_missing_chunks_read_as_the_new_fill_value_and_stored_ones_as_before(
    more: dict[str, Any], tmp_path: Path
) -> None:
    """Three chunks of 4 rows, of which the second is left out."""
    settings = {"shape": (12, 4), "chunks": (4, 4), "dtype": "uint8", "fill_value": 3} | more
    array = zarr.create_array(str(tmp_path / "a.zarr"), **settings)
    array[:4], array[8:] = 7, 9
    found = np.asarray(with_fill_value(zarr.open_array(str(tmp_path / "a.zarr"), mode="r"), 5)[:])
    assert found[::4, 0].tolist() == [7, 5, 9]
    assert np.asarray(array[:])[::4, 0].tolist() == [7, 3, 9]
