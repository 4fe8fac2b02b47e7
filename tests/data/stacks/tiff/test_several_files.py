"""Recordings spread over several files, of which one is listed."""

import numpy as np
from tiff_samples import write_mmstack

from hela_seg.data.stacks import find_files, images_in, open_series

PIXELS = np.random.default_rng(0).integers(0, 60000, (3, 4, 20, 28), np.uint16)
"""P, T, Y and X."""

SUMMARY = {"MicroManagerVersion": "2.0", "Prefix": "dish", "Channels": 1, "Slices": 1, "Frames": 4}


def planes(position):
    return {(0, 0, t, position): PIXELS[position, t] for t in range(4)}


def test_a_stack_of_micromanager_in_a_file_for_each_position_is_listed_once(tmp_path):
    labels = [{"Label": name} for name in ("A1", "A2", "B 1")]
    summary = {**SUMMARY, "Positions": 3, "StagePositions": labels}
    for number in range(3):
        write_mmstack(tmp_path / f"dish_MMStack_Pos{number}.tif", planes(number), summary)
    write_mmstack(tmp_path / "other_MMStack_Pos0.tif", planes(0), {**SUMMARY, "Prefix": "other"})
    first, other = tmp_path / "dish_MMStack_Pos0.tif", tmp_path / "other_MMStack_Pos0.tif"
    assert images_in(find_files(tmp_path)) == [(first, "A1"), (first, "A2"), (first, "B-1"), (other, None)]
    series = open_series(first, position="B-1")
    np.testing.assert_array_equal(np.stack([series.frame(t)[0] for t in range(4)]), PIXELS[2])
    assert len(series.paths) == 3
    assert open_series(other).position is None
