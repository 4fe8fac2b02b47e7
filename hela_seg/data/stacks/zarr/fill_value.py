"""A Zarr array read with another fill value than its own, which tells missing chunks from stored ones.

zarr has no public way to do so. Only this file takes arrays of zarr apart and puts them together anew.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import zarr


def with_fill_value(array: zarr.Array[Any], value: Any) -> zarr.Array[Any]:
    """The same array on disk, whose missing chunks read as this value."""
    import zarr

    metadata = dataclasses.replace(array.metadata, fill_value=value)
    return zarr.Array(zarr.AsyncArray(metadata=metadata, store_path=array.store_path))
