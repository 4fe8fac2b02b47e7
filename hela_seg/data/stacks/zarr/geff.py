"""Graphs of cells in time as GEFF 1.1 (https://liveimagetrackingtools.org/geff), a folder of Zarr.

They are written and read here with zarr alone: the package ``geff`` asks for an older numcodecs than zarr has
today.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hela_seg.data.stacks.damage import damage_is_reported
from hela_seg.data.stacks.zarr.ome_zarr import whole_folder
from hela_seg.system.errors import InputError, import_extra, not_installed

VERSION = "1.1"

MOST_VALUES = 20_000_000
"""Values of an array; a file that states more is damaged, or would take gigabytes."""


class Axis(NamedTuple):
    """A property of nodes that is a coordinate.

    Attributes:
        name: of the property.
        kind: ``time`` or ``space``.
        unit: such as ``frame``, ``pixel`` or ``micrometer``; None where it is not stated.
        scale: by which values are multiplied to have ``scaled_unit``; None where it is not known.
        scaled_unit: such as ``second``.
    """

    name: str
    kind: str
    unit: str | None = None
    scale: float | None = None
    scaled_unit: str | None = None


@dataclass(frozen=True, eq=False)
class StoredGraph:
    """What a GEFF folder holds of a graph in two dimensions and time.

    Attributes:
        ids: (N,) number of each node.
        edges: (E, 2) ids.
        nodes: by name the properties (N,) that are named below.
        axes: of time, rows and columns.
        sphere: property with the radius of each node; None where there is none.
        label: property with the number of each node in label images; None where there is none.
    """

    ids: NDArray[np.int64]
    edges: NDArray[np.int64]
    nodes: Mapping[str, NDArray[Any]]
    axes: tuple[Axis, Axis, Axis]
    sphere: str | None = None
    label: str | None = None


def is_geff(folder: Path) -> bool:
    """Whether a folder is a graph in this form: by its name, or by what its attributes say."""
    if folder.suffix.lower() == ".geff":
        return folder.is_dir()
    attributes = folder / ".zattrs" if (folder / ".zattrs").is_file() else folder / "zarr.json"
    return attributes.is_file() and (folder / "nodes").is_dir() and '"geff"' in attributes.read_text("utf-8")


def write_graph(
    folder: Path,
    ids: NDArray[np.int64],
    edges: NDArray[np.int64],
    nodes: Mapping[str, NDArray[Any]],
    axes: Sequence[Axis],
) -> None:
    """Write a directed graph; what the folder held before is replaced once the new one is whole.

    Args:
        folder: ends in ``.geff``.
        ids: (N,) number of each node, 0 or more.
        edges: (E, 2) ids from and to.
        nodes: by name properties (N,), among them ``radius``, ``track`` and the axes.
        axes: time first.

    Raises:
        InputError: zarr is not installed, or the folder cannot be written.
    """
    if find_spec("zarr") is None:
        raise not_installed(str(folder), "zarr", "zarr", "leave geff out of tracks")
    import zarr  # an optional part

    with whole_folder(folder) as beside:
        group = zarr.open_group(beside, mode="w", zarr_format=2)
        group.create_array("nodes/ids", data=ids.astype(np.uint64))
        group.create_array("edges/ids", data=edges.astype(np.uint64))
        group.require_group("nodes/props")
        group.require_group("edges/props")
        for name, values in nodes.items():
            group.create_array(f"nodes/props/{name}/values", data=values)
        group.attrs["geff"] = _metadata(nodes, axes)


def _metadata(nodes: Mapping[str, NDArray[Any]], axes: Sequence[Axis]) -> dict[str, Any]:
    stated = []
    for axis in axes:
        values = nodes[axis.name]
        least, most = (float(values.min()), float(values.max())) if len(values) else (0.0, 0.0)
        entry = {"name": axis.name, "type": axis.kind, "unit": axis.unit, "min": least, "max": most}
        scaled = {"scale": axis.scale, "scaled_unit": axis.scaled_unit}
        stated.append(entry if axis.scale is None else entry | scaled)
    described = {
        name: {"identifier": name, "dtype": str(values.dtype), "varlength": False}
        for name, values in nodes.items()
    }
    return {
        "geff_version": VERSION,
        "directed": True,
        "axes": stated,
        "node_props_metadata": described,
        "edge_props_metadata": {},
        "sphere": "radius",
        "track_node_props": {"tracklet": "track"},
    }


def read_graph(folder: Path) -> StoredGraph:
    """Read a graph of cells in two dimensions and time.

    Raises:
        InputError: zarr is not installed, damage, a missing property, or places in three dimensions.
    """
    zarr = import_extra("zarr", what=str(folder), extra="zarr")
    with damage_is_reported(folder, "GEFF folder"), _group_errors(folder):
        group: Any = zarr.open_group(folder, mode="r")
        stated = group.attrs.get("geff")
        if not isinstance(stated, Mapping):
            raise InputError(f"{folder} is a Zarr folder without a graph, expected GEFF: check input=")
        axes = _axes(folder, stated, list(group["nodes/props"]))
        sphere, label = _name(stated.get("sphere")), _label_of(stated)
        names = [axis.name for axis in axes] + [name for name in (sphere, label) if name is not None]
        ids = _values(folder, group["nodes/ids"], (None,)).astype(np.int64)
        nodes = {name: _property(folder, group, name, len(ids)) for name in names}
        edges = _values(folder, group["edges/ids"], (None, 2)).astype(np.int64)
        time, *others, row, column = axes
        if any(np.ptp(nodes[axis.name]) > 0 for axis in others if len(ids)):
            raise InputError(f"{folder} has cells in three dimensions, expected two: track a projection")
    return StoredGraph(ids, edges, nodes, (time, row, column), sphere, label)


@contextmanager
def _group_errors(folder: Path) -> Iterator[None]:
    """What zarr raises of a folder that is none, beside what damaged files raise."""
    import zarr.errors

    try:
        yield
    except (zarr.errors.BaseZarrError, AttributeError) as error:
        raise InputError(f"{folder} cannot be read as GEFF ({error}): export the graph again") from None


def _axes(folder: Path, stated: Mapping[str, Any], properties: Sequence[str]) -> list[Axis]:
    """The axis of time, and then those of space in order; of files without any, ``t``, ``y`` and ``x``."""
    given = stated.get("axes") or [
        {"name": name, "type": kind}
        for name, kind in (("t", "time"), ("z", "space"), ("y", "space"), ("x", "space"))
        if name in properties
    ]
    keys = ("name", "type", "unit", "scale", "scaled_unit")
    axes = [Axis(*(entry.get(key) for key in keys)) for entry in given]
    time = [axis for axis in axes if axis.kind == "time" or axis.name == "t"]
    space = [axis for axis in axes if axis not in time and axis.kind in (None, "space")]
    if len(time) != 1 or len(space) < 2:
        raise InputError(
            f"{folder} has the axes {', '.join(axis.name for axis in axes) or 'none'}, expected one of time "
            "and those of rows and columns: export it again with axes"
        )
    return [*time, *space]


def _label_of(stated: Mapping[str, Any]) -> str | None:
    """The property with the numbers of cells in label images, under either of its names."""
    for related in stated.get("related_objects") or ():
        if related.get("type") == "labels":
            return _name(related.get("node_prop") or related.get("label_prop"))
    return None


def _name(stated: object) -> str | None:
    return None if stated is None else str(stated)


def _property(folder: Path, group: Any, name: str, count: int) -> NDArray[Any]:
    found = group[f"nodes/props/{name}"]
    if "missing" in found and np.asarray(_values(folder, found["missing"], (count,))).any():
        raise InputError(f"{folder} has cells without {name}, expected one of each cell: export it again")
    return _values(folder, found["values"], (count,))


def _values(folder: Path, array: Any, shape: tuple[int | None, ...]) -> NDArray[Any]:
    """An array of numbers, once its shape is what it must be."""
    fits = len(array.shape) == len(shape) and all(
        want in (None, have) for want, have in zip(shape, array.shape, strict=True)
    )
    largest = max(np.prod(sizes, dtype=float) for sizes in (array.shape, array.chunks))
    if not fits or largest > MOST_VALUES or array.dtype.kind not in "biuf":
        expected = " x ".join("n" if want is None else str(want) for want in shape)
        raise InputError(
            f"{folder} has {array.path} of the shape {array.shape} and the type {array.dtype}, expected "
            f"{expected} numbers, at most {MOST_VALUES}: export the graph again"
        )
    return np.asarray(array[...])
