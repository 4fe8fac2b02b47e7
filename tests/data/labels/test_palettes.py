"""Masks whose colour tables say other things than their values do."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from hela_seg.data.labels.palettes import refuse_unlike_palettes
from hela_seg.data.stacks import FrameSequence, Series, open_series
from hela_seg.system.errors import InputError

BLACK, RED, GREEN = (0, 0, 0), (255, 0, 0), (0, 255, 0)


def png(path: Path, values: list[int], *table: tuple[int, int, int]) -> Series:
    image = Image.fromarray(np.array([values], np.uint8))
    image.putpalette([part for colour in table for part in colour])
    image.save(path.with_suffix(".png"))
    return open_series(path.with_suffix(".png"), labels=True)


def tiff(path: Path, values: list[int], *table: tuple[int, int, int], append: bool = False) -> Series:
    colours = np.zeros((3, 256), np.uint16)
    colours[:, : len(table)] = np.array(table).T * 257
    frame = np.array([values], np.uint8)
    options = {"photometric": "palette", "metadata": None, "compression": "zlib", "append": append}
    tifffile.imwrite(path.with_suffix(".tif"), frame, colormap=colours, **options)
    return open_series(path.with_suffix(".tif"), "TYX", labels=True)


@pytest.mark.parametrize("write", [png, tiff])
def test_a_colour_at_another_value_is_refused(tmp_path, write):
    """A program that saves the colours in use gives green cells the value 2 here and 1 there."""
    both = write(tmp_path / "both", [0, 1, 2], BLACK, RED, GREEN)
    green = write(tmp_path / "green", [0, 1], BLACK, GREEN)
    with pytest.raises(
        InputError, match=r"green\.\w+ shows the value 1 in #00ff00 and .*both\.\w+ in #ff0000"
    ):
        refuse_unlike_palettes([both, green])
    with pytest.raises(InputError, match=r"shows #00ff00 for the value 1 and .* for 2, .*kind=colours"):
        refuse_unlike_palettes([write(tmp_path / "c", [0, 2], BLACK, RED, GREEN), green])


@pytest.mark.parametrize("write", [png, tiff])
def test_tables_that_differ_in_values_that_do_not_occur_are_alike(tmp_path, write):
    refuse_unlike_palettes(
        [
            write(tmp_path / "a", [0, 1], BLACK, RED, GREEN),
            write(tmp_path / "b", [0, 1], BLACK, RED, RED, RED),
            write(tmp_path / "c", [1, 0], BLACK, RED),
        ]
    )


def test_masks_without_colour_tables_are_passed_over(tmp_path):
    Image.fromarray(np.array([[0, 1]], np.uint8)).save(tmp_path / "grey.png")
    refuse_unlike_palettes(
        [open_series(tmp_path / "grey.png", labels=True), png(tmp_path / "a", [1], BLACK, RED)]
    )


def test_the_frames_of_one_series_are_compared(tmp_path):
    frames = [png(tmp_path / "t0", [1, 0], BLACK, RED), png(tmp_path / "t1", [1, 0], BLACK, GREEN)]
    with pytest.raises(InputError, match=r"t1\.png shows the value 1 in #00ff00 and .*t0\.png in #ff0000"):
        refuse_unlike_palettes([FrameSequence(frames, "t")])
    tiff(tmp_path / "stack", [0, 1], BLACK, RED)
    with pytest.raises(InputError, match=r"stack\.tif shows the value 1 in #00ff00"):
        refuse_unlike_palettes([tiff(tmp_path / "stack", [0, 1], BLACK, GREEN, append=True)])
