"""Class maps taken apart into cells: their shape, their place and their quality.

- ``split``: a class map -> a number for every cell's pixels
- ``measure``: numbered cells -> one row a cell, from their ``shapes``
- ``overlap``: pixels shared by two label maps
- ``quality``: cells found against true ones
- ``polygons``: outlines, as ImageJ's ROIs and QuPath's GeoJSON
- ``table``: rows written as CSV or Parquet
- ``timecourse``: how much of each class there is over time, what flickers, and a filter against it

Every function takes one frame and keeps nothing between calls, so that frames may be done in threads. Which
cell is which a frame later is `hela_seg.tracking`'s.
"""

from __future__ import annotations

from hela_seg.cells.measure import Columns, count_cells, measure_cells
from hela_seg.cells.quality import IOU_THRESHOLDS, CellScores, Matches, match_cells
from hela_seg.cells.split import NECK, split_cells
from hela_seg.cells.table import CellTable, cell_table, refuse_table

__all__ = [
    "IOU_THRESHOLDS",
    "NECK",
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
