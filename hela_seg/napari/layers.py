"""Recordings, class maps, cells and tracks as layers of napari: data, properties and kind of each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hela_seg.data.classes import IGNORE_INDEX, Classes
from hela_seg.data.stacks import Series
from hela_seg.napari.frames import LazyFrames

if TYPE_CHECKING:
    import pandas

Layer = tuple[Any, dict[str, Any], str]
"""What napari's readers give: data, keyword arguments of the layer, and its kind."""

CLASSES_KEY = "hela_seg"
"""Where in a layer's metadata stands what this plugin knows of it."""

IGNORED_COLOUR = "#808080"
CHANNEL_COLOURS = ("gray", "green", "magenta", "cyan", "yellow")
SPOT = 6.0
"""Pixels across of the point that marks a cell."""


def placed(series: Series) -> dict[str, Any]:
    """Where the frames (T, H, W) of a recording lie: in seconds and micrometres, where these are known."""
    height, width = series.pixel_size or (1.0, 1.0)
    length = "pixel" if series.pixel_size is None else "um"
    time = "pixel" if series.frame_interval is None else "s"
    return {
        "scale": (series.frame_interval or 1.0, height, width),
        "units": (time, length, length),
        "axis_labels": ("t", "y", "x"),
    }


def image_layers(series: Series, where: Mapping[str, Any], visible: bool = True) -> list[Layer]:
    """A recording as layers of type image, one a channel; of the pixels, one frame is read."""
    frames, channels, height, width = series.shape
    first, several = series.frame(0), channels > 1
    layers: list[Layer] = []
    for channel in range(channels):
        named = channel < len(series.channel_names)
        ending = f" {series.channel_names[channel] if named else channel}" if several else ""
        low, high = (float(edge) for edge in np.percentile(first[channel], (0.1, 99.9)))
        shown: dict[str, Any] = {
            "name": series.name + ending,
            "colormap": CHANNEL_COLOURS[channel % len(CHANNEL_COLOURS)] if several else "gray",
            "blending": "additive" if channel else "translucent",
            "contrast_limits": (low, high if high > low else low + 1.0),
            "visible": visible,
            "metadata": {CLASSES_KEY: {"series": series}},
        }
        pixels = LazyFrames(_reader(series, channel), (frames, height, width), series.dtype)
        layers.append((pixels, shown | dict(where), "image"))
    return layers


def _reader(series: Series, channel: int) -> Callable[[int], NDArray[Any]]:
    return lambda t: series.frame(t)[channel]


def class_layer(
    maps: LazyFrames,
    name: str,
    classes: Classes | None,
    where: Mapping[str, Any],
    *,
    series: Series | None = None,
    visible: bool = True,
) -> Layer:
    """Class maps as a layer of type labels, in the classes' colours and with their names.

    Args:
        maps: (T, H, W).
        name: of the layer.
        classes: None where they are not known.
        where: see `placed`.
        series: the recording that they are of, where it is known.
        visible: whether it is shown.
    """
    known = {"series": series, "classes": None if classes is None else classes.to_plain()}
    shown: dict[str, Any] = {"name": name, "opacity": 0.5, "visible": visible}
    shown["metadata"] = {CLASSES_KEY: known}
    if classes is not None:
        transparent = np.zeros(4, np.float32)
        colours: dict[int | None, Any] = {None: transparent, 0: transparent, IGNORE_INDEX: IGNORED_COLOUR}
        colours |= {entry.index: entry.colour for entry in classes if entry.index}
        numbers = [*range(len(classes)), IGNORE_INDEX]
        shown |= {
            "colormap": colours,
            "features": {"index": np.array(numbers), "class": [*classes.names, "ignored"]},
        }
    return maps, shown | dict(where), "labels"


def cell_layers(
    table: pandas.DataFrame,
    name: str,
    classes: Classes | None,
    where: Mapping[str, Any],
    *,
    points: bool = True,
    visible: bool = True,
) -> list[Layer]:
    """Cells as points, with their measures, and their tracks as lines.

    Args:
        table: rows of `hela_seg.cells.measure_cells`, with ``track`` and ``parent`` where cells were tracked.
        name: of the recording.
        classes: give the points their colours.
        where: see `placed`.
        points: whether points are wanted.
        visible: whether the layers are shown.
    """
    layers: list[Layer] = []
    places = table[["frame", "row_px", "column_px"]].to_numpy(float)
    colour_of = {} if classes is None else {entry.name: entry.colour for entry in classes}
    if points and len(table):
        shown = {
            "name": f"{name} cells",
            "features": table.reset_index(drop=True),
            "face_color": [colour_of.get(str(found), "#ffffff") for found in table["class"]],
            "size": SPOT,
            "visible": visible,
        }
        layers.append((places, shown | dict(where), "points"))
    if "track" in table and len(table):
        followed = table["track"].to_numpy(np.int64) > 0  # others are specks
        table, places = table[followed], places[followed]
        tracks = table["track"].to_numpy(np.int64)
        order = np.lexsort((places[:, 0], tracks))
        parents = table.loc[table["parent"] > 0, ["track", "parent"]].drop_duplicates("track")
        shown = {
            "name": f"{name} tracks",
            "graph": {int(track): [int(parent)] for track, parent in parents.to_numpy(np.int64)},
            "visible": visible,
        }
        layers.append((np.column_stack([tracks, places])[order], shown | dict(where), "tracks"))
    return layers
