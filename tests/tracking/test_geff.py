"""Lives as GEFF, out and in, in pixels and frames and in other units."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from followed_cells import FOLLOWED

from hela_seg.data.stacks import PixelSize
from hela_seg.data.stacks.zarr.geff import Axis, write_graph
from hela_seg.system.errors import InputError
from hela_seg.tracking.geff import read_geff, write_geff
from hela_seg.tracking.graphs import edges_of

zarr = pytest.importorskip("zarr", reason="the extra zarr is not installed")


def test_our_graphs_come_back(tmp_path: Path) -> None:
    write_geff(tmp_path / "a.geff", FOLLOWED)
    graph, lives = read_geff(tmp_path / "a.geff"), FOLLOWED.lives
    np.testing.assert_array_equal(graph.frame, lives.cells["frame"])
    np.testing.assert_allclose(
        graph.place, np.column_stack([lives.cells["row_px"], lives.cells["column_px"]])
    )
    np.testing.assert_allclose(np.pi * graph.radius**2, lives.cells["area_px"])
    np.testing.assert_array_equal(graph.edges, np.unique(edges_of(lives), axis=0))
    assert (graph.frame_interval, graph.pixel_size) == (300, PixelSize(0.6, 0.6))


def in_units(folder: Path, times: list[float]) -> Path:
    nodes = {"t": np.array(times), "y": np.array([2.0, 4.0, 6.0]), "x": np.array([1.0, 1.0, 1.0])}
    nodes |= {"radius": np.ones(3), "track": np.array([1, 1, 1])}
    axes = [Axis("t", "time", "minute"), Axis("y", "space", "micrometer"), Axis("x", "space", "micrometer")]
    write_graph(folder, np.array([7, 3, 5]), np.array([[7, 3], [3, 5]]), nodes, axes)
    return folder


def test_places_and_times_in_other_units(tmp_path: Path) -> None:
    folder = in_units(tmp_path / "a.geff", [10.0, 15.0, 25.0])
    with pytest.raises(InputError, match=r"places in micrometer, .* set pixel_size="):
        read_geff(folder)
    graph = read_geff(folder, None, PixelSize(0.5, 0.5))
    assert graph.place.tolist() == [[4, 2], [8, 2], [12, 2]]
    assert (graph.frame.tolist(), graph.frame_interval) == ([2, 3, 5], 300)
    assert read_geff(folder, 150.0, PixelSize(0.5, 0.5)).frame.tolist() == [4, 6, 10]
    uneven = in_units(tmp_path / "b.geff", [0.0, 5.0, 7.0])
    with pytest.raises(InputError, match=r"no multiples of 5, .* set interval="):
        read_geff(uneven, 300.0, PixelSize(0.5, 0.5))
