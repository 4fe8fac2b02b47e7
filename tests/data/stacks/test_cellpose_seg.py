"""Masks out of Cellpose's pickle, of which nothing is run."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hela_seg.data.stacks import open_series
from hela_seg.data.stacks.cellpose_seg import masks_of

MASKS = np.random.default_rng(0).integers(0, 900, (6, 7)).astype(np.uint16)


def window(masks: np.ndarray) -> dict[str, Any]:
    """What Cellpose's window saves, as far as types go."""
    return {
        "outlines": masks + 1,
        "colors": np.zeros((2, 3), np.uint8),
        "masks": masks,
        "chan_choose": [0, 0],
        "ismanual": np.zeros(2, bool),
        "filename": Path("images") / "a.tif",
        "flows": [np.zeros((1, 6, 7, 3), np.uint8), [], np.float32(3)],
        "diameter": np.float64(30.2),
        "zdraw": [None, True, 2**70, -1, (), (1,), (1, 2, 3, 4)],
    }


class Trap:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return (Path.touch, (self.path,))


@pytest.mark.parametrize(
    "masks",
    [
        MASKS,
        np.asfortranarray(MASKS),
        MASKS.astype(">u4"),
        MASKS.astype(np.uint8),
        MASKS[::2, ::3],
        MASKS[None],
    ],
)
def test_masks_are_those_that_were_saved(tmp_path: Path, masks: np.ndarray) -> None:
    np.save(tmp_path / "a_seg.npy", window(masks), allow_pickle=True)  # type: ignore[arg-type]
    series = open_series(tmp_path / "a_seg.npy", "TYX", labels=True)
    np.testing.assert_array_equal(series.frame(0)[0], masks.reshape(masks.shape[-2:]))


@pytest.mark.parametrize("protocol", [3, 4])
def test_what_other_entries_would_run_is_not_run(tmp_path: Path, protocol: int) -> None:
    saved = np.empty((), object)
    saved[()] = {"first": Trap(tmp_path / "ran"), **window(MASKS), "last": Trap(tmp_path / "ran")}
    np.testing.assert_array_equal(masks_of(pickle.dumps(saved, protocol)), MASKS)
    assert not (tmp_path / "ran").exists()


@given(st.data())
def test_damage_raises_what_readers_expect_or_leaves_numbers(data: st.DataObject) -> None:
    saved = np.empty((), object)
    saved[()] = window(MASKS)
    content = bytearray(pickle.dumps(saved, 4))
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    try:
        masks = masks_of(bytes(content[: data.draw(st.integers(1, len(content)))]))
    except (ValueError, LookupError, TypeError, AttributeError):
        return
    assert masks.dtype.kind in "bui"
