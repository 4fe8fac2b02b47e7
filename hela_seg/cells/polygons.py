"""Outlines of numbered cells as polygons, and the files of them that ImageJ and QuPath open.

Lines run midway between a cell's outer pixels and their neighbours, so that a polygon without holes has half
a pixel less than its cell: of every corner an eighth is cut off or filled in. Programs that count the pixels
whose centre lies inside of a polygon find exactly the cell's.
"""

from __future__ import annotations

import json
import re
import uuid
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from contourpy import FillType, contour_generator
from numpy.typing import NDArray
from scipy import ndimage

from hela_seg.data.classes import CellClass
from hela_seg.system.errors import import_extra
from hela_seg.system.files import whole_file

Ring = NDArray[np.float64]
"""Points (P, 2) of a closed line, the last the first: column and row in pixels from the frame's corner."""

Polygon = list[Ring]
"""An outline, and those of holes in it."""


@dataclass(frozen=True, eq=False)
class OutlinedCell:
    """A cell in one frame.

    Attributes:
        frame: its number, from 0.
        number: of the cell, by which it is called: its label, or its track.
        cell_class: the class of most of its pixels.
        polygons: one, or several of a cell in several pieces.
    """

    frame: int
    number: int
    cell_class: CellClass
    polygons: list[Polygon]


def cell_polygons(labels: NDArray[np.integer[Any]]) -> Iterator[tuple[int, list[Polygon]]]:
    """The polygons of every cell of a label map (H, W), 0 for no cell, by ascending label."""
    for label, place in enumerate(ndimage.find_objects(labels), start=1):
        if place is None:
            continue
        padded = np.pad((labels[place] == label).astype(np.float64), 1)
        found: Any = contour_generator(z=padded, fill_type=FillType.OuterOffset).filled(0.5, 2.0)
        points, offsets = found  # of each polygon its points, and where in them each ring begins
        # less one of padding, and half from the edge of a pixel to its centre, from which points are counted
        corner = np.array([place[1].start, place[0].start]) - 0.5
        yield (
            label,
            [
                [_without_straight(ring) + corner for ring in np.split(lines, starts[1:-1])]
                for lines, starts in zip(points, offsets, strict=True)
            ],
        )


def _without_straight(ring: Ring) -> Ring:
    """A closed line without the points on which it goes straight on."""
    points = ring[:-1]
    before, after = points - np.roll(points, 1, axis=0), np.roll(points, -1, axis=0) - points
    turning = points[before[:, 0] * after[:, 1] != before[:, 1] * after[:, 0]]
    return np.concatenate([turning, turning[:1]])


def write_rois(path: Path, cells: Iterable[OutlinedCell]) -> None:
    """Write cells as a ZIP file of ImageJ ROIs, for its ROI Manager and for napari's readers of these.

    Each has its frame as position in time, its class's colour, and a name such as ``frame 3 cell 12 round``.
    The same cells give the same bytes.

    Args:
        path: ends in ``.zip``; the file appears whole or not at all.
        cells: asked for one by one.

    Raises:
        InputError: roifile is not installed, or the file cannot be written.
    """
    roifile = import_roifile()
    with whole_file(path) as part, zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED) as archive:
        for cell in cells:
            roi = _roi(roifile, [ring for polygon in cell.polygons for ring in polygon])
            class_name = re.sub(r"[/\\:]", "_", cell.cell_class.name)  # the name of a file in the archive
            roi.name = f"frame {cell.frame} cell {cell.number} {class_name}"
            roi.position = roi.t_position = cell.frame + 1
            roi.stroke_color = bytes([255, *cell.cell_class.rgb])
            entry = zipfile.ZipInfo(f"{roi.name}.roi")  # without the time of now
            archive.writestr(entry, roi.tobytes(), zipfile.ZIP_DEFLATED)


def import_roifile() -> Any:
    """The package roifile; asked for before hours of work go into ROIs that could not be written.

    Raises:
        InputError: it is not installed.
    """
    return import_extra("roifile", what="cells=rois", extra="rois")


def _roi(roifile: Any, rings: list[Ring]) -> Any:
    """A polygon of a single ring; else ImageJ's path of several, where a ring within another is a hole."""
    if len(rings) == 1:
        return roifile.ImagejRoi.frompoints(rings[0][:-1])
    roi = roifile.ImagejRoi.frompoints(np.concatenate(rings))  # for the sides of the box around all
    roi.roitype, roi.options = roifile.ROI_TYPE.RECT, roifile.ROI_OPTIONS.NONE
    roi.integer_coordinates = roi.subpixel_coordinates = None
    roi.n_coordinates = 0
    move_to, line_to, close = 0, 1, 4
    path: list[float] = []
    for ring in rings:
        for number, (x, y) in enumerate(ring[:-1].tolist()):
            path += [line_to if number else move_to, x, y]
        path.append(close)
    roi.multi_coordinates = np.array(path, np.float32)
    roi.shape_roi_size = len(path)
    return roi


def write_geojson(path: Path, cells: Iterable[OutlinedCell], name: str) -> None:
    """Write cells as GeoJSON of QuPath's kind: detections, each with its frame, class and colour.

    The same cells give the same bytes.

    Args:
        path: the file; it appears whole or not at all.
        cells: asked for one by one, and written a line each.
        name: of the recording, of which the identities of the cells are made.

    Raises:
        InputError: the file cannot be written.
    """
    with whole_file(path) as part, part.open("w", encoding="utf-8", newline="\n") as file:
        file.write('{"type": "FeatureCollection", "features": [')
        for count, cell in enumerate(cells):
            file.write((",\n" if count else "\n") + json.dumps(_feature(cell, name), ensure_ascii=False))
        file.write("\n]}\n")


def _feature(cell: OutlinedCell, name: str) -> dict[str, Any]:
    shapes = [[ring.tolist() for ring in polygon] for polygon in cell.polygons]
    several = len(shapes) > 1
    return {
        "type": "Feature",
        "id": str(uuid.uuid5(uuid.NAMESPACE_OID, json.dumps([name, cell.frame, cell.number]))),
        "geometry": {
            "type": "MultiPolygon" if several else "Polygon",
            "coordinates": shapes if several else shapes[0],
            "plane": {"c": -1, "z": 0, "t": cell.frame},
        },
        "properties": {
            "objectType": "detection",
            "name": str(cell.number),
            "classification": {"name": cell.cell_class.name, "color": list(cell.cell_class.rgb)},
        },
    }
