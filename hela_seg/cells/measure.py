"""Numbered cells -> one row a cell: class, shape, place and light.

The measures are those of scikit-image's ``regionprops``, taken for all cells of a frame together.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hela_seg.cells.shapes import Floats, Runs, convex_areas, find_runs, moments, perimeters
from hela_seg.data.classes import IGNORE_INDEX, Classes
from hela_seg.data.stacks import PixelSize

Columns = dict[str, NDArray[Any]]
"""A table by its column names; all columns have one entry a row."""


def measure_cells(
    labels: NDArray[np.integer[Any]],
    class_map: NDArray[np.integer[Any]],
    classes: Classes,
    image: NDArray[Any] | None = None,
    *,
    frame: int = 0,
    pixel_size: PixelSize | None = None,
    time: float | None = None,
) -> Columns:
    """Measure every cell of a frame.

    Columns, in this order: ``frame``; with a time ``time_s``; ``label``; ``class``, the name of the commonest
    class of its pixels (of equally common ones the first); ``area_px``; ``perimeter_px``; ``eccentricity``, 0
    for a disc, towards 1 for a line; ``solidity``, area over that of the convex hull; ``row_px`` and
    ``column_px``, the centroid from the centre of the frame's first pixel; ``touches_border``, whether a
    pixel lies at the frame's edge, so that the cell may be cut off; with an image ``mean_intensity_0`` and
    on, one a channel; with a pixel size ``area_um2``, ``perimeter_um``, ``row_um`` and ``column_um``. Where
    pixels are known to be rectangular, the eccentricity is that of the cell, not of its picture drawn with
    square pixels.

    Args:
        labels: cell numbers (H, W), 0 for no cell; consecutive or not, their cells in one piece or several.
        class_map: class indices (H, W) uint8; ignored pixels have no say in a cell's class.
        classes: the K classes.
        image: the frame (C, H, W) as recorded, for the intensities.
        frame: its number in the recording, counted from 0.
        pixel_size: height and width of a pixel in micrometres, where known.
        time: seconds of the frame since the recording's first one, where known.

    Returns:
        The columns, one row a cell by ascending label. For ``labels`` and ``class_map`` ``[[1, 1]]``,
        ``area_px`` is ``[2]`` and ``column_px`` ``[0.5]``.

    Raises:
        ValueError: shapes that do not agree, or class indices that are not in ``classes``.
    """
    _refuse_misfits(labels, class_map, image)
    runs = find_runs(labels)
    of_cell = moments(runs, 1.0 if pixel_size is None else pixel_size.aspect)
    perimeter = perimeters(labels, runs)
    last_row, last_column = labels.shape[0] - 1, labels.shape[1] - 1
    at_edge = (runs.row == 0) | (runs.row == last_row) | (runs.first == 0) | (runs.last == last_column)
    columns: Columns = {"frame": np.full(len(runs.labels), frame, np.int64)}
    if time is not None:
        columns["time_s"] = np.full(len(runs.labels), float(time))
    columns |= {
        "label": runs.labels,
        "class": np.array(classes.names)[_majority(labels, class_map, runs, len(classes))],
        "area_px": of_cell.area.astype(np.int64),
        "perimeter_px": perimeter,
        "eccentricity": of_cell.eccentricity,
        "solidity": of_cell.area / convex_areas(runs),
        "row_px": of_cell.row,
        "column_px": of_cell.column,
        "touches_border": runs.total(at_edge) > 0,
    }
    if image is not None:
        columns |= _intensities(labels, image, runs, of_cell.area)
    if pixel_size is not None:
        height, width = pixel_size
        columns |= {
            "area_um2": of_cell.area * pixel_size.area,
            "perimeter_um": perimeter * width if height == width else perimeters(labels, runs, height, width),
            "row_um": of_cell.row * height,
            "column_um": of_cell.column * width,
        }
    return columns


def count_cells(cells: Columns, classes: Classes) -> dict[str, int]:
    """Number of cells of each class but the background, by name, in the order of the classes."""
    return {c.name: int(np.count_nonzero(cells["class"] == c.name)) for c in classes if c.index}


def _majority(
    labels: NDArray[Any], class_map: NDArray[np.integer[Any]], runs: Runs, count: int
) -> NDArray[np.intp]:
    """Index of the commonest of ``count`` classes in each cell."""
    found = class_map[labels != 0].astype(np.int64)
    unknown = (found >= count) & (found != IGNORE_INDEX)
    if unknown.any():
        raise ValueError(f"class map holds index {found[unknown][0]}, expected 0 to {count - 1}")
    cell = np.repeat(runs.cell, runs.length)  # of every pixel of a cell, in the order of reading
    votes = np.bincount(cell * (IGNORE_INDEX + 1) + found, minlength=len(runs.labels) * (IGNORE_INDEX + 1))
    majority: NDArray[np.intp] = votes.reshape(-1, IGNORE_INDEX + 1)[:, :count].argmax(axis=1)
    return majority


def _intensities(labels: NDArray[Any], image: NDArray[Any], runs: Runs, area: Floats) -> Columns:
    inside = labels != 0
    cell = np.repeat(runs.cell, runs.length)
    return {
        f"mean_intensity_{index}": np.bincount(cell, channel[inside], minlength=len(area)) / area
        for index, channel in enumerate(image)
    }


def _refuse_misfits(labels: NDArray[Any], class_map: NDArray[Any], image: NDArray[Any] | None) -> None:
    if labels.ndim != 2 or class_map.shape != labels.shape:
        raise ValueError(f"labels {labels.shape} and class map {class_map.shape} are not of one shape (H, W)")
    if image is not None and (image.ndim != 3 or image.shape[1:] != labels.shape):
        raise ValueError(f"image has shape {image.shape}, expected (C, H, W) over labels {labels.shape}")
