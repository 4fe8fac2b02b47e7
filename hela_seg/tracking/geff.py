"""Lives as GEFF, the graph that Python's trackers write and read, and tracks of such folders."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hela_seg.data.stacks import PixelSize
from hela_seg.data.stacks.calibration import SECONDS
from hela_seg.data.stacks.zarr.geff import Axis, read_graph, write_graph
from hela_seg.system.errors import InputError
from hela_seg.tracking import Whole
from hela_seg.tracking.graphs import MOST_FRAMES, CellGraph, edges_of, in_order_of_time
from hela_seg.tracking.tables import Followed


def write_geff(folder: Path, followed: Followed) -> None:
    """Write the graph of all cells as GEFF, a Zarr folder that Python's trackers read and write.

    Nodes are cells with ``t`` (frame), ``y`` and ``x`` (pixels; frame interval and pixel size are the axes'
    scales), their ``track``, ``class`` (index), ``area`` and ``radius``; edges go forward in time.

    Raises:
        InputError: zarr is not installed, or the folder cannot be written.
    """
    lives = followed.lives
    kept = np.flatnonzero(lives.track)
    cells = {name: column[kept] for name, column in lives.cells.items()}
    area = cells["area_px"].astype(np.float64)
    nodes: dict[str, NDArray[Any]] = {"t": cells["frame"], "y": cells["row_px"], "x": cells["column_px"]}
    nodes |= {"area": area, "radius": np.sqrt(area / np.pi)}
    nodes |= {"track": lives.track[kept], "class": lives.kind[kept]}
    height, width = followed.pixel_size or (None, None)
    axes = [
        Axis("t", "time", "frame", followed.frame_interval, "second"),
        Axis("y", "space", "pixel", height, "micrometer"),
        Axis("x", "space", "pixel", width, "micrometer"),
    ]
    write_graph(folder, kept, edges_of(lives), nodes, axes)


def read_geff(folder: Path, interval: float | None = None, pixel_size: PixelSize | None = None) -> CellGraph:
    """Read a GEFF folder of two dimensions and time.

    Args:
        folder: ends in ``.geff``, as a rule.
        interval: seconds between frames, for files whose times are not frames.
        pixel_size: for files whose places are not pixels.

    Raises:
        InputError: damage, places in three dimensions, or units that cannot be turned into frames and pixels.
    """
    stored = read_graph(folder)
    time, *space = stored.axes
    sizes = [
        _pixels(folder, axis, given) for axis, given in zip(space, pixel_size or (None, None), strict=True)
    ]
    place = [stored.nodes[axis.name] / size for axis, size in zip(space, sizes, strict=True)]
    frame, step = _frames_of(folder, stored.nodes[time.name], time, interval)
    radius = np.full(len(frame), np.nan)
    if stored.sphere is not None:
        radius = stored.nodes[stored.sphere] / sizes[0]
    height, width = (axis.scale if axis.scaled_unit == "micrometer" else None for axis in space)
    stated = None if height is None or width is None else PixelSize(height, width)
    graph = CellGraph(
        folder,
        frame,
        np.column_stack(place).astype(np.float64),
        radius.astype(np.float64),
        stored.edges,
        frames=int(frame.max(initial=-1)) + 1,
        label=None if stored.label is None else stored.nodes[stored.label].astype(np.int64),
        frame_interval=interval or step,
        pixel_size=pixel_size or stated,
    )
    return in_order_of_time(graph, stored.ids)


def _pixels(folder: Path, axis: Axis, pixel: float | None) -> float:
    """By what places along an axis are divided to be in pixels."""
    if axis.unit in (None, "pixel"):
        return 1.0
    if pixel is None:
        raise InputError(
            f"{folder} states places in {axis.unit}, expected pixels, or the size of a pixel: set pixel_size="
        )
    return pixel


def _frames_of(
    folder: Path, time: NDArray[Any], axis: Axis, interval: float | None
) -> tuple[Whole, float | None]:
    """The frame of each time, and the seconds between frames where the file tells them."""
    if not np.isfinite(time).all():
        raise InputError(f"{folder} has a cell without a time, expected one of each: export it again")
    if axis.unit in (None, "frame") or time.dtype.kind in "iu":
        seconds = SECONDS.get(axis.scaled_unit or "")
        step = None if axis.scale is None or seconds is None else axis.scale * seconds
        return np.rint(time).astype(np.int64), step
    seconds = SECONDS.get(axis.unit)
    apart = np.diff(np.unique(time))
    between = float(apart.min()) if len(apart) else 1.0
    if interval is not None and seconds is not None:
        between = interval / seconds
    frame = time / between
    if np.abs(frame - np.rint(frame)).max(initial=0) > 0.1 or frame.max(initial=0) > MOST_FRAMES:
        raise InputError(
            f"{folder} states times in {axis.unit} that are no multiples of {between:g}, expected frames at "
            "equal distances: set interval="
        )
    return np.rint(frame).astype(np.int64), None if seconds is None else between * seconds
