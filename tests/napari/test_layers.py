"""What napari is given of recordings, class maps, cells and tracks; needs neither napari nor Qt."""

from __future__ import annotations

import numpy as np
import pytest

from hela_seg.data.classes import Classes
from hela_seg.data.stacks import ArraySeries
from hela_seg.napari.frames import LazyFrames
from hela_seg.napari.layers import CLASSES_KEY, cell_layers, class_layer, image_layers, placed

pandas = pytest.importorskip("pandas", reason="the extra [napari] is not installed")

CLASSES = Classes(["background", {"name": "round", "colour": "#ff0000"}])
HERE = {"scale": (300.0, 0.5, 0.25)}


def recording(channels: int = 2) -> ArraySeries:
    pixels = np.arange(3 * channels * 4 * 6, dtype=np.uint16).reshape(3, channels, 4, 6)
    return ArraySeries(pixels, "TCYX", channels)


def test_a_recording_lies_where_its_file_says_or_in_pixels() -> None:
    series = recording()
    assert placed(series) == {
        "scale": (1.0, 1.0, 1.0),
        "units": ("pixel", "pixel", "pixel"),
        "axis_labels": ("t", "y", "x"),
    }


def test_each_channel_is_an_image_that_is_read_as_it_is_shown() -> None:
    series = recording()
    layers = image_layers(series, HERE)
    assert [kind for _, _, kind in layers] == ["image", "image"]
    for channel, (pixels, shown, _) in enumerate(layers):
        assert pixels.shape == (3, 4, 6)
        np.testing.assert_array_equal(np.asarray(pixels[2]), series.frame(2)[channel])
        assert shown["name"].endswith(f" {channel}")
        assert shown["scale"] == (300.0, 0.5, 0.25)
        assert shown["metadata"][CLASSES_KEY]["series"] is series
    assert [shown["blending"] for _, shown, _ in layers] == ["translucent", "additive"]


def test_a_frame_is_read_when_it_is_shown_and_once(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[int] = []
    frame = ArraySeries.frame
    monkeypatch.setattr(ArraySeries, "frame", lambda series, t: (read.append(t), frame(series, t))[1])
    ((pixels, _, _),) = image_layers(recording(1), HERE)
    for _ in range(2):
        np.testing.assert_array_equal(pixels[2], frame(recording(1), 2)[0])
    assert read == [0, 2]  # the first one for the contrast


def test_an_even_frame_has_limits_that_napari_takes() -> None:
    series = ArraySeries(np.full((1, 4, 4), 7, np.uint8), "TYX", 1)
    ((_, shown, _),) = image_layers(series, {})
    assert shown["contrast_limits"] == (7.0, 8.0)


def test_classes_have_their_colours_and_names() -> None:
    maps = LazyFrames(lambda t: np.zeros((4, 6), np.uint8), (3, 4, 6))
    data, shown, kind = class_layer(maps, "dish classes", CLASSES, HERE)
    assert (data, kind) == (maps, "labels")
    assert shown["colormap"][1] == "#ff0000"
    assert shown["colormap"][0][3] == 0
    assert shown["colormap"][255] == "#808080"
    assert shown["features"]["class"] == ["background", "round", "ignored"]
    assert "colormap" not in class_layer(maps, "unknown", None, HERE)[1]


def test_cells_are_points_and_tracks_that_branch() -> None:
    table = pandas.DataFrame(
        {
            "frame": [1, 0, 1],
            "row_px": [5.0, 1.0, 2.0],
            "column_px": [6.0, 2.0, 3.0],
            "class": ["round"] * 3,
            "track": [3, 1, 2],
            "parent": [1, 0, 1],
        }
    )
    points, tracks = cell_layers(table, "dish", CLASSES, HERE)
    np.testing.assert_array_equal(points[0], [[1, 5, 6], [0, 1, 2], [1, 2, 3]])
    assert points[1]["face_color"] == ["#ff0000"] * 3
    np.testing.assert_array_equal(tracks[0], [[1, 0, 1, 2], [2, 1, 2, 3], [3, 1, 5, 6]])
    assert tracks[1]["graph"] == {2: [1], 3: [1]}
    assert [kind for _, _, kind in cell_layers(table, "dish", None, HERE, points=False)] == ["tracks"]
    untracked = table.drop(columns=["track", "parent"])
    assert [kind for _, _, kind in cell_layers(untracked, "dish", None, HERE)] == ["points"]
    assert cell_layers(table.iloc[:0], "dish", None, HERE) == []
