"""Masks put together from files for single cells, or for single classes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hela_seg.data.labels.painted import Layer, PaintedSeries
from hela_seg.data.stacks import Series, open_series, write_tiff
from hela_seg.system.errors import InputError


def layer(path: Path, rows: list[list[float]], value: int | None, dtype: str = "uint8") -> Layer:
    write_tiff(path, np.array(rows, dtype), "YX")
    return Layer(open_series(path, labels=True), value)


def whole(series: Series) -> list[list[int]]:
    pixels: list[list[int]] = series.frame(0)[0].tolist()
    return pixels


def test_later_layers_are_painted_over_earlier_ones(tmp_path: Path) -> None:
    layers = [
        layer(tmp_path / "a.tif", [[0, 9, 9], [0, 9, 0]], 1),
        layer(tmp_path / "b.tif", [[0, 0, 255], [0, 0, 0]], 2),
    ]
    assert whole(PaintedSeries(layers)) == [[0, 1, 2], [0, 1, 0]]
    assert whole(PaintedSeries(layers[::-1])) == [[0, 1, 1], [0, 1, 0]]
    assert whole(PaintedSeries(layers, background=7)) == [[7, 1, 2], [7, 1, 7]]
    window = PaintedSeries(layers).read(0, slice(0, 1), slice(1, 3))
    assert window.tolist() == [[[1, 2]]]


def test_layers_without_a_value_keep_their_own(tmp_path: Path) -> None:
    layers = [
        layer(tmp_path / "a.tif", [[0, 3, 4]], None),
        layer(tmp_path / "b.tif", [[0, 0, 700]], None, "uint16"),
    ]
    painted = PaintedSeries(layers)
    assert whole(painted) == [[0, 3, 700]]
    assert painted.dtype == np.uint16
    assert [path.name for path in painted.paths] == ["a.tif", "b.tif"]


@pytest.mark.parametrize(("threshold", "expected"), [(128, [[0, 0, 1, 1]]), (200.5, [[0, 0, 0, 1]])])
def test_a_threshold_is_the_least_value_of_foreground(
    tmp_path: Path, threshold: float, expected: list[list[int]]
) -> None:
    layers = [layer(tmp_path / "a.tif", [[0, 127, 128, 255]], 1)]
    assert whole(PaintedSeries(layers, threshold=threshold)) == expected


def test_probabilities_have_a_threshold_too(tmp_path: Path) -> None:
    layers = [layer(tmp_path / "a.tif", [[0.1, 0.5, 0.9]], 1, "float32")]
    assert whole(PaintedSeries(layers, threshold=0.5)) == [[0, 1, 1]]


def test_more_cells_than_a_byte_holds_have_ids_of_their_own(tmp_path: Path) -> None:
    mask = layer(tmp_path / "a.tif", [[0, 1]], 1).mask
    assert whole(PaintedSeries([Layer(mask, number) for number in range(1, 301)], dtype="uint16")) == [
        [0, 300]
    ]


def test_layers_of_unlike_sizes_are_refused(tmp_path: Path) -> None:
    layers = [layer(tmp_path / "a.tif", [[0, 9]], 1), layer(tmp_path / "b.tif", [[0, 9, 9]], 2)]
    with pytest.raises(InputError, match=r"b\.tif has .* of 1x3, .* but a\.tif has .* of 1x2"):
        PaintedSeries(layers)
