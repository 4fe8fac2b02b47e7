"""Outlines enclose what the label maps hold, and the libraries of others read their files."""

from __future__ import annotations

import json
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from matplotlib.path import Path as Outline
from numpy.typing import NDArray

from hela_seg.cells.polygons import OutlinedCell, Polygon, cell_polygons, write_geojson, write_rois
from hela_seg.data.classes import Classes
from hela_seg.system.errors import InputError

CLASSES = Classes(["background", {"name": "round", "colour": "#E69F00"}, "spread/flat"])

RING_AND_BLOCK = np.zeros((12, 14), np.int32)
RING_AND_BLOCK[1:6, 2:7] = 1
RING_AND_BLOCK[3, 4] = 0  # a hole
RING_AND_BLOCK[8:11, 3:8] = 2
RING_AND_BLOCK[8:10, 10:12] = 2  # a second piece of the same cell


def area(ring: NDArray[np.floating[Any]]) -> float:
    """The shoelace formula."""
    x, y = np.asarray(ring, float).T
    return abs(float(np.sum(x * np.roll(y, -1) - y * np.roll(x, -1)))) / 2


def enclosed(polygons: list[Polygon], shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Which pixels have their centre inside of polygons and outside of the holes."""
    rows, columns = np.indices(shape)
    centres = np.stack([columns.ravel() + 0.5, rows.ravel() + 0.5], axis=1)
    inside = np.zeros(shape, bool)
    for outer, *holes in polygons:
        inside |= Outline(outer).contains_points(centres).reshape(shape)
        for hole in holes:
            inside &= ~Outline(hole).contains_points(centres).reshape(shape)
    return inside


def outlined(t: int = 3) -> list[OutlinedCell]:
    return [
        OutlinedCell(t, 10 * label, CLASSES[label], polygons)
        for label, polygons in cell_polygons(RING_AND_BLOCK)
    ]


def test_a_block_is_outlined_half_a_pixel_smaller_and_its_corners_are_cut() -> None:
    labels = np.zeros((6, 7), np.int32)
    labels[2:4, 1:4] = 5
    ((label, [[ring]]),) = cell_polygons(labels)
    corners = [(1, 2.5), (1.5, 2), (3.5, 2), (4, 2.5), (4, 3.5), (3.5, 4), (1.5, 4), (1, 3.5)]
    assert (label, sorted(map(tuple, ring[:-1].tolist()))) == (5, sorted(corners))
    assert ring[0].tolist() == ring[-1].tolist()
    assert area(ring) == 2 * 3 - 0.5


@given(arrays(np.int32, st.tuples(st.integers(1, 9), st.integers(1, 9)), elements=st.integers(0, 3)))
def test_pixels_whose_centre_is_enclosed_are_those_of_the_cell(labels: NDArray[np.int32]) -> None:
    found = dict(cell_polygons(labels))
    assert set(found) == set(np.unique(labels).tolist()) - {0}
    for label, polygons in found.items():
        np.testing.assert_array_equal(enclosed(polygons, labels.shape), labels == label)


def test_roifile_reads_the_rois_with_time_name_colour_and_area(tmp_path: Path) -> None:
    roifile = pytest.importorskip("roifile", reason="the extra rois is not installed")
    write_rois(tmp_path / "a.zip", outlined())
    ring, block = roifile.roiread(tmp_path / "a.zip")
    assert (ring.name, block.name) == ("frame 3 cell 10 round", "frame 3 cell 20 spread_flat")
    assert {(roi.position, roi.t_position, roi.c_position, roi.z_position) for roi in (ring, block)} == {
        (4, 4, 0, 0)  # counted from 1, 0 for all
    }
    assert ring.stroke_color == b"\xff\xe6\x9f\x00"
    assert sorted(map(area, ring.coordinates(multi=True))) == [
        0.5,
        24.5,
    ]
    assert sorted(map(area, block.coordinates(multi=True))) == [
        3.5,
        14.5,
    ]
    assert (ring.left, ring.top, ring.right, ring.bottom) == (2, 1, 8, 7)


def test_a_roi_in_one_piece_is_a_polygon_of_half_pixels(tmp_path: Path) -> None:
    roifile = pytest.importorskip("roifile", reason="the extra rois is not installed")
    labels = np.zeros((6, 7), np.int32)
    labels[2:4, 1:4] = 1
    cells = [OutlinedCell(0, 1, CLASSES[1], polygons) for _, polygons in cell_polygons(labels)]
    write_rois(tmp_path / "a.zip", cells)
    (roi,) = roifile.roiread(tmp_path / "a.zip")
    assert roi.subpixelresolution
    assert area(roi.coordinates()) == 5.5


def test_geojson_has_what_qupath_looks_for(tmp_path: Path) -> None:
    write_geojson(tmp_path / "a.geojson", outlined(), "dish 1")
    found = json.loads((tmp_path / "a.geojson").read_text(encoding="utf-8"))
    assert found["type"] == "FeatureCollection"
    ring, block = found["features"]
    assert ring["geometry"]["plane"] == {"c": -1, "z": 0, "t": 3}
    assert ring["properties"] == {
        "objectType": "detection",
        "name": "10",
        "classification": {"name": "round", "color": [230, 159, 0]},
    }
    assert ring["geometry"]["type"] == "Polygon"
    assert [area(np.array(one)) for one in ring["geometry"]["coordinates"]] == [24.5, 0.5]
    assert block["geometry"]["type"] == "MultiPolygon"
    assert sorted(area(np.array(piece[0])) for piece in block["geometry"]["coordinates"]) == [3.5, 14.5]
    assert ring["id"] != block["id"]


def test_without_cells_the_files_are_whole_and_empty(tmp_path: Path) -> None:
    write_geojson(tmp_path / "a.geojson", [], "dish 1")
    assert json.loads((tmp_path / "a.geojson").read_text())["features"] == []
    pytest.importorskip("roifile", reason="the extra rois is not installed")
    write_rois(tmp_path / "a.zip", [])
    assert zipfile.ZipFile(tmp_path / "a.zip").namelist() == []


def test_the_same_cells_give_the_same_bytes(tmp_path: Path) -> None:
    pytest.importorskip("roifile", reason="the extra rois is not installed")
    for name in ("a", "b"):
        write_rois(tmp_path / f"{name}.zip", outlined())
        write_geojson(tmp_path / f"{name}.geojson", outlined(), "dish 1")
    for ending in ("zip", "geojson"):
        assert (tmp_path / f"a.{ending}").read_bytes() == (tmp_path / f"b.{ending}").read_bytes()


def test_without_the_package_one_line_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "roifile", None)
    with pytest.raises(InputError, match=r'pip install "hela-seg\[rois\]"'):
        write_rois(tmp_path / "a.zip", outlined())
    assert not list(tmp_path.iterdir())
