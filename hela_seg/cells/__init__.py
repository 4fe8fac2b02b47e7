"""Class maps taken apart into cells: their shape and place, their quality, and which is which a frame later.

- ``split``: a class map -> a number for every cell's pixels
- ``measure``: numbered cells -> one row a cell, from ``runs`` (area, place, elongation) and ``outline``
  (perimeter, convex hull)
- ``overlap``: pixels shared by two label maps, for the next two
- ``quality``: cells found against true ones
- ``link``: rows of one cell through the frames
- ``polygons``: outlines, as ImageJ's ROIs and QuPath's GeoJSON
- ``table``: rows written as CSV or Parquet
- ``timecourse``: how much of each class there is over time, what flickers, and a filter against it

Every function takes one frame and keeps nothing between calls, so that frames may be done in threads; a
`CellLinker` takes them in their order, from one thread.
"""

from __future__ import annotations

from hela_seg.cells.link import CellLinker
from hela_seg.cells.measure import Columns, count_cells, measure_cells
from hela_seg.cells.quality import IOU_THRESHOLDS, CellScores, Matches, match_cells
from hela_seg.cells.split import NECK, split_cells
from hela_seg.cells.table import CellTable, cell_table, refuse_table

__all__ = [
    "IOU_THRESHOLDS",
    "NECK",
    "CellLinker",
    "CellScores",
    "CellTable",
    "Columns",
    "Matches",
    "cell_table",
    "count_cells",
    "match_cells",
    "measure_cells",
    "refuse_table",
    "split_cells",
]
