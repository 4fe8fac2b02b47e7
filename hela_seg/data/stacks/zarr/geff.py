"""Graphs of cells in time as GEFF 1.1 (https://liveimagetrackingtools.org/geff), a folder of Zarr.

It is written here with zarr alone: the package ``geff`` asks for an older numcodecs than zarr has today.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hela_seg.system.errors import InputError, not_installed

VERSION = "1.1"

AXES = {"t": "time", "y": "space", "x": "space"}
"""Properties of nodes that are axes, and their types."""


def write_graph(
    folder: Path,
    ids: NDArray[np.int64],
    edges: NDArray[np.int64],
    nodes: Mapping[str, NDArray[Any]],
    *,
    time_unit: str,
    space_unit: str,
) -> None:
    """Write a directed graph; what the folder held before is replaced once the new one is whole.

    Args:
        folder: ends in ``.geff``.
        ids: (N,) number of each node, 0 or more.
        edges: (E, 2) ids from and to.
        nodes: by name properties (N,), among them ``t``, ``y`` and ``x``.
        time_unit: of ``t``, such as ``second``.
        space_unit: of ``y`` and ``x``, such as ``micrometer``.

    Raises:
        InputError: zarr is not installed, or the folder cannot be written.
    """
    if find_spec("zarr") is None:
        raise not_installed(str(folder), "zarr", "zarr", "leave geff out of tracks")
    import zarr  # an optional part

    beside = folder.with_name(f".{folder.name}.part")
    try:
        shutil.rmtree(beside, ignore_errors=True)
        group = zarr.open_group(beside, mode="w", zarr_format=2)
        group.create_array("nodes/ids", data=ids.astype(np.uint64))
        group.create_array("edges/ids", data=edges.astype(np.uint64))
        group.require_group("nodes/props")
        group.require_group("edges/props")
        for name, values in nodes.items():
            group.create_array(f"nodes/props/{name}/values", data=values)
        group.attrs["geff"] = _metadata(nodes, time_unit, space_unit)
        shutil.rmtree(folder, ignore_errors=True)
        beside.replace(folder)
    except OSError as error:
        raise InputError(
            f"cannot write {folder}: {error.strerror or error}; choose a folder that you may write to, with "
            "space left"
        ) from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _metadata(nodes: Mapping[str, NDArray[Any]], time_unit: str, space_unit: str) -> dict[str, Any]:
    axes = []
    for name, kind in AXES.items():
        values = nodes[name]
        least, most = (float(values.min()), float(values.max())) if len(values) else (0.0, 0.0)
        unit = time_unit if kind == "time" else space_unit
        axes.append({"name": name, "type": kind, "unit": unit, "min": least, "max": most})
    described = {
        name: {"identifier": name, "dtype": str(values.dtype), "varlength": False}
        for name, values in nodes.items()
    }
    return {
        "geff_version": VERSION,
        "directed": True,
        "axes": axes,
        "node_props_metadata": described,
        "edge_props_metadata": {},
        "track_node_props": {"tracklet": "track"},
    }
