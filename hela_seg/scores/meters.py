"""What is measured of segmented frames beside their pixels, added up frame by frame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from hela_seg.cells import NECK, Matches, match_cells, split_cells
from hela_seg.data.classes import IGNORE_INDEX
from hela_seg.data.stacks import PixelSize
from hela_seg.scores.boundaries import (
    SQUARE,
    BoundaryScores,
    FrameBoundaries,
    compare_boundaries,
    pool_boundaries,
)
from hela_seg.scores.frames import Ids, SegmentedFrame
from hela_seg.system.errors import InputError

Unit = Literal["pixels", "micrometres"]


class BoundaryMeter:
    """Distances between the boundaries of each class.

    Args:
        classes: K.
        tolerance: distance up to which a boundary is where it should be.
        unit: ``pixels`` or ``micrometres``, of the tolerance and of all distances.

    Raises:
        InputError: a tolerance that is negative or no number, or another unit.
    """

    def __init__(self, classes: int, tolerance: float = 2.0, unit: Unit = "pixels") -> None:
        if not isinstance(tolerance, int | float) or not 0 <= tolerance < float("inf"):
            raise InputError(f"boundaries.tolerance is {tolerance}, expected 0 or more {unit}")
        if unit not in get_args(Unit):
            raise InputError(f"boundaries.unit is '{unit}', expected {' or '.join(get_args(Unit))}")
        self._classes, self._tolerance, self._unit = classes, tolerance, unit
        self._frames: list[FrameBoundaries] = []

    def add(self, frame: SegmentedFrame) -> None:
        """Measure one more frame.

        Raises:
            InputError: the unit is micrometres and the image does not state its pixel size.
        """
        size = SQUARE if self._unit == "pixels" else self._micrometres(frame)
        compared = compare_boundaries(frame.truth, frame.found, self._classes, self._tolerance, size)
        self._frames.append(compared)

    @property
    def scores(self) -> BoundaryScores:
        """Of all frames so far, at least one."""
        return pool_boundaries(self._frames, self._tolerance, self._unit)

    def _micrometres(self, frame: SegmentedFrame) -> PixelSize:
        if frame.pixel_size is None:
            raise InputError(
                f"{frame.path} does not state the size of its pixels, expected it with "
                "boundaries.unit=micrometres: set boundaries.unit=pixels, or save it with its calibration"
            )
        return frame.pixel_size


@dataclass(frozen=True, eq=False)
class CellScores:
    """Cells found against true ones, over T frames.

    Attributes:
        matches: of all frames together.
        frames: T.
        true_by_ids: all masks number the true cells; else they are `split_cells` of the true classes.
        found_by_ids: the same of the cells found.
        neck: that classes were split with, see `split_cells`; it matters where not both are by ids.
        least_area: the same.
    """

    matches: Matches
    frames: int
    true_by_ids: bool
    found_by_ids: bool
    neck: float
    least_area: int


class CellMeter:
    """Cells found against true ones.

    Cells are those that masks number. Where masks hold classes, and of what a net predicts, they are what
    `hela_seg.cells.split_cells` makes of the foreground. Ignored pixels belong to no cell on either side.

    Args:
        neck: as `split_cells` takes it.
        least_area: regions that have fewer pixels are no cells; numbered cells are taken as they are.

    Raises:
        InputError: a neck outside of 0 to 1, or an area that is negative or no whole number.
    """

    def __init__(self, neck: float = NECK, least_area: int = 0) -> None:
        if not isinstance(neck, int | float) or not 0 <= neck <= 1:
            raise InputError(f"cells.neck is {neck}, expected 0 to 1")
        if not isinstance(least_area, int) or least_area < 0:
            raise InputError(f"cells.least_area is {least_area}, expected 0 or more pixels")
        self._neck, self._least_area = neck, least_area
        self._matches: Matches | None = None
        self._frames = 0
        self._true_by_ids = self._found_by_ids = True

    def add(self, frame: SegmentedFrame) -> None:
        """Match the cells of one more frame."""
        ignored = frame.truth == IGNORE_INDEX
        true = self._cells(frame.true_cells, frame.truth, ignored)
        found = self._cells(frame.found_cells, frame.found, ignored)
        matches = match_cells(true, found)
        self._matches = matches if self._matches is None else self._matches + matches
        self._frames += 1
        self._true_by_ids &= frame.true_cells is not None
        self._found_by_ids &= frame.found_cells is not None

    @property
    def scores(self) -> CellScores:
        """Of all frames so far.

        Raises:
            ValueError: there was none.
        """
        if self._matches is None:
            raise ValueError("no frame was added, expected one at least")
        by_ids = self._true_by_ids, self._found_by_ids
        return CellScores(self._matches, self._frames, *by_ids, self._neck, self._least_area)

    def _cells(self, ids: Ids | None, labels: NDArray[np.uint8], ignored: NDArray[np.bool_]) -> Ids:
        if ids is not None:
            return np.where(ignored, 0, ids)
        blanked = np.where(ignored, np.uint8(0), labels)
        return split_cells(blanked, neck=self._neck, least_area=self._least_area)


@dataclass(frozen=True, eq=False)
class Quality:
    """What was measured beside pixels; None where it was not.

    Attributes:
        boundaries: distances between boundaries.
        cells: cells found against true ones.
    """

    boundaries: BoundaryScores | None
    cells: CellScores | None


class Meters:
    """Boundaries and cells of the same frames.

    Args:
        boundaries: measures those, or None.
        cells: measures these, or None.
    """

    def __init__(self, boundaries: BoundaryMeter | None, cells: CellMeter | None) -> None:
        self._boundaries, self._cells = boundaries, cells

    def add(self, frame: SegmentedFrame) -> None:
        """Measure one more frame."""
        for meter in (self._boundaries, self._cells):
            if meter is not None:
                meter.add(frame)

    @property
    def quality(self) -> Quality:
        """Of all frames so far, at least one."""
        boundaries = None if self._boundaries is None else self._boundaries.scores
        return Quality(boundaries, None if self._cells is None else self._cells.scores)
