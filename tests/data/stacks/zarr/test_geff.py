"""GEFF folders: held against the specification, and damaged ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from refusals import refusal

from hela_seg.data.stacks.zarr.geff import Axis, is_geff, read_graph, write_graph
from hela_seg.system.errors import InputError

zarr = pytest.importorskip("zarr", reason="the extra zarr is not installed")

AXES = [Axis("t", "time", "frame", 60.0, "second"), Axis("y", "space", "pixel"), Axis("x", "space", "pixel")]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A graph of three cells, of which one divides."""
    nodes: dict[str, Any] = {"t": np.array([0, 1, 1]), "track": np.array([1, 2, 3]), "radius": np.ones(3)}
    nodes |= {name: np.array([1.0, 2.0, 3.0]) for name in ("y", "x")}
    write_graph(tmp_path / "a.geff", np.array([4, 5, 9]), np.array([[4, 5], [4, 9]]), nodes, AXES)
    return tmp_path / "a.geff"


def test_a_graph_is_stored_as_the_specification_says(folder: Path) -> None:
    group = zarr.open_group(folder, mode="r")
    assert group["nodes/ids"].dtype == group["edges/ids"].dtype == np.uint64
    np.testing.assert_array_equal(group["edges/ids"][:], [[4, 5], [4, 9]])
    np.testing.assert_array_equal(group["nodes/props/track/values"][:], [1, 2, 3])
    said = group.attrs["geff"]
    assert said["directed"] is True
    assert [(axis["name"], axis["type"], axis["unit"]) for axis in said["axes"]] == [
        ("t", "time", "frame"),
        ("y", "space", "pixel"),
        ("x", "space", "pixel"),
    ]
    assert (said["axes"][0]["scale"], said["axes"][0]["scaled_unit"]) == (60.0, "second")
    assert set(said["node_props_metadata"]) == {"t", "y", "x", "track", "radius"}


def test_a_graph_is_read_as_it_was_written(folder: Path) -> None:
    graph = read_graph(folder)
    assert (graph.ids.tolist(), graph.edges.tolist()) == ([4, 5, 9], [[4, 5], [4, 9]])
    assert (graph.axes, graph.sphere, graph.label) == (tuple(AXES), "radius", None)
    assert is_geff(folder)


def test_the_geff_package_reads_it(folder: Path) -> None:
    geff = pytest.importorskip("geff", reason="the package geff is not installed")
    graph, said = geff.read(folder)
    assert sorted(graph.edges) == [(4, 5), (4, 9)]
    assert graph.nodes[9]["y"] == 3
    assert said.sphere == "radius"


def changed(folder: Path, change: Any) -> Path:
    """The folder with other metadata."""
    attributes = json.loads((folder / ".zattrs").read_text())
    change(attributes["geff"])
    (folder / ".zattrs").write_text(json.dumps(attributes))
    return folder


def test_numbers_of_masks_and_depth(folder: Path) -> None:
    group = zarr.open_group(folder, mode="a")
    group.create_array("nodes/props/seg/values", data=np.array([8, 9, 7]))
    group.create_array("nodes/props/z/values", data=np.array([5.0, 5.0, 5.0]))

    def related(said: dict[str, Any]) -> None:
        said["related_objects"] = [{"type": "labels", "path": "../labels", "node_prop": "seg"}]
        said["axes"].insert(1, {"name": "z", "type": "space"})

    graph = read_graph(changed(folder, related))
    assert graph.label == "seg"
    assert graph.nodes["seg"].tolist() == [8, 9, 7]
    assert [axis.name for axis in graph.axes] == ["t", "y", "x"]
    group["nodes/props/z/values"][0] = 1.0
    with pytest.raises(InputError, match="cells in three dimensions"):
        read_graph(folder)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda said: said.pop("axes"), None),  # t, y and x are known by their names
        (lambda said: said.update(axes=[{"name": "y", "type": "space"}]), "expected one of time"),
        (lambda said: said.update(sphere="size"), "size"),
    ],
)
def test_metadata_that_cannot_be_are_refused_in_one_line(folder: Path, change: Any, said: str | None) -> None:
    changed(folder, change)
    if said is None:
        assert len(read_graph(folder).ids) == 3
        return
    assert said in refusal(read_graph, folder)


def test_arrays_that_cannot_be_are_refused_before_memory_is_taken(folder: Path) -> None:
    described = json.loads((folder / "edges" / "ids" / ".zarray").read_text())
    for shape, chunks in (([2, 3], [2, 3]), ([10**12, 2], [10**12, 2]), ([2, 2], [10**12, 2])):
        text = json.dumps(described | {"shape": shape, "chunks": chunks})
        (folder / "edges" / "ids" / ".zarray").write_text(text)
        assert "expected n x 2 numbers" in refusal(read_graph, folder)
    (folder / "edges" / "ids" / ".zarray").write_text("{")
    with pytest.raises(InputError):
        read_graph(folder)


def test_folders_that_are_no_graphs(folder: Path, tmp_path: Path) -> None:
    zarr.open_group(tmp_path / "b.geff", mode="w", zarr_format=2)
    with pytest.raises(InputError, match="without a graph"):
        read_graph(tmp_path / "b.geff")
    (tmp_path / "c").mkdir()
    assert not is_geff(tmp_path / "c")
    assert is_geff(folder.rename(tmp_path / "graph"))
