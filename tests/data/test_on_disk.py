"""Every layout ends in recordings; what the files must have in common, and the parts that folders state."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hela_seg.data.on_disk import DataOnDisk, blocks_as_stated, common_channels
from hela_seg.data.stacks import write_tiff
from hela_seg.data.synthetic.recordings import DrawingSettings
from hela_seg.system.errors import InputError

FILES = {
    "folder": ("images/a.tif", "masks/a.tif"),
    "timelapse": ("images/a.tif", "masks/a.tif"),
    "dryad": tuple(f"{kind}_{part}/{part}/a.tif" for part in ("train", "validate", "test") for kind in "Xy"),
    "ctc": ("01/t000.tif", "01_GT/SEG/man_seg000.tif"),
    "synthetic": (),
}


@pytest.mark.parametrize("layout", FILES)
def test_every_layout_is_opened(layout: str, tmp_path: Path) -> None:
    for name in FILES[layout]:
        write_tiff(tmp_path / name, np.zeros((8, 9), np.uint8), "YX")
    drawing = DrawingSettings(series=1, frames=1, height=8, width=9)
    masks = "GT" if layout == "ctc" else "masks"
    opened = DataOnDisk(layout, tmp_path, masks=masks, drawing=drawing).recordings()
    assert {recording.image.shape[2:] for recording in opened} == {(8, 9)}
    parts = [recording.part for recording in opened]
    assert parts == (["train", "validation", "test"] if layout == "dryad" else [None])
    assert [block.part for block in blocks_as_stated(opened)] == [part for part in parts if part]


def test_all_images_have_the_same_channels(tmp_path: Path) -> None:
    for name, shape, axes in (("a", (8, 9), "YX"), ("b", (2, 8, 9), "CYX")):
        write_tiff(tmp_path / "images" / f"{name}.tif", np.zeros(shape, np.uint8), axes)
        write_tiff(tmp_path / "masks" / f"{name}.tif", np.zeros((8, 9), np.uint8), "YX")
    first, second = DataOnDisk("folder", tmp_path).recordings()
    assert common_channels([second]) == 2
    with pytest.raises(InputError, match=r"b.tif has 2 channel\(s\), expected 1 as most series have"):
        common_channels([first, second])
