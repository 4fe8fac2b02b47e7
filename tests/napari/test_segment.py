"""Frames of a layer are predicted as those of its file are; needs neither napari nor Qt."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

import hela_seg
from hela_seg.data.classes import IGNORE_INDEX
from hela_seg.napari.segment import Prediction, Shown, axes_of, predict
from hela_seg.system.errors import InputError


@pytest.mark.parametrize(
    ("ndim", "rgb", "axes"),
    [(2, False, "YX"), (3, False, "TYX"), (3, True, "YXC"), (4, True, "TYXC"), (4, False, "?TYX")],
)
def test_axes_of_a_layer(ndim: int, rgb: bool, axes: str) -> None:
    assert axes_of(ndim, rgb) == axes


def shown(path: Path | None, pixels: np.ndarray, axes: str = "TYX") -> Shown:
    return Shown(None, path, pixels, axes)


def test_a_layer_of_a_file_is_predicted_from_the_file_and_others_from_their_pixels(
    checkpoint: Path, cells: Path
) -> None:
    path = cells / "images" / "dish 0.tif"
    pixels = tifffile.imread(path)
    net = hela_seg.load(checkpoint)
    assert shown(path, pixels).seen_by(net).path == path
    for other in (shown(path, pixels[:1]), shown(cells / "gone.tif", pixels), shown(None, pixels)):
        np.testing.assert_array_equal(other.seen_by(net).frame(0)[0], pixels[0])
        assert other.seen_by(net).shape[0] == len(other.pixels)
    series = net.open(path)
    assert Shown(series, None, None, "TYX").seen_by(net) is series
    with pytest.raises(InputError, match="expected frames of T, Y and X"):
        shown(None, pixels[None], "?TYX").seen_by(net)


def test_all_frames_are_those_of_the_command_and_some_are_suggested(checkpoint: Path, cells: Path) -> None:
    path = cells / "images" / "dish 1.tif"
    *steps, found = predict(checkpoint, shown(path, tifffile.imread(path)), lambda: False)
    assert steps == [(1, 2), (2, 2)]
    assert isinstance(found, Prediction)
    np.testing.assert_array_equal(np.asarray(found.maps), hela_seg.load(checkpoint).predict(path))
    assert (found.frames, sorted(found.to_label), found.maps.changed()) == (2, [0, 1], [])


def test_what_is_stopped_keeps_the_frames_that_are_done(checkpoint: Path, cells: Path) -> None:
    pixels = tifffile.imread(cells / "images" / "dish 1.tif")
    *steps, found = predict(checkpoint, shown(None, pixels), lambda: True)
    assert steps == [(1, 2)]
    assert isinstance(found, Prediction)
    assert (found.frames, found.to_label) == (1, [0])
    assert found.maps.frame(0).max() < 3
    assert (found.maps.frame(1) == IGNORE_INDEX).all()
