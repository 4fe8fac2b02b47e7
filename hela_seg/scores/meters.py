"""Boundaries and cells of segmented frames, measured frame by frame."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import Annotated, Literal

import numpy as np
from annotated_types import Ge, Lt
from numpy.typing import NDArray

from hela_seg.cells import NECK, CellScores, Matches, match_cells, split_cells
from hela_seg.data.classes import IGNORE_INDEX
from hela_seg.scores.boundaries import (
    SQUARE,
    BoundaryScores,
    FrameBoundaries,
    compare_boundaries,
    pool_boundaries,
)
from hela_seg.scores.frames import Ids, SegmentedFrame
from hela_seg.system.errors import InputError
from hela_seg.system.settings import Expected, NonNegative, Share, validated

Unit = Literal["pixels", "micrometres"]
Distance = Annotated[float, Ge(0), Lt(float("inf")), Expected("0 or more")]


class BoundaryMeter:
    """Distances between the boundaries of each class.

    Args:
        classes: K.
        tolerance: distance up to which a boundary is where it should be.
        unit: ``pixels`` or ``micrometres``, of the tolerance and of all distances.

    Raises:
        InputError: a tolerance that is negative or no number, or another unit.

    Attributes:
        frames: what was measured of each.
    """

    @validated("boundaries")
    def __init__(self, classes: int, tolerance: Distance = 2, unit: Unit = "pixels") -> None:
        self._classes, self._tolerance, self._unit = classes, tolerance, unit
        self.frames: list[FrameBoundaries] = []

    def add(self, frame: SegmentedFrame) -> None:
        """Measure one more frame.

        Raises:
            InputError: the unit is micrometres and the image does not state its pixel size.
        """
        size = SQUARE if self._unit == "pixels" else frame.pixel_size
        if size is None:
            raise InputError(
                f"{frame.path} does not state the size of its pixels, expected it with "
                "boundaries.unit=micrometres: set boundaries.unit=pixels, or save it with its calibration"
            )
        compared = compare_boundaries(frame.truth, frame.found, self._classes, self._tolerance, size)
        self.frames.append(compared)

    @property
    def scores(self) -> BoundaryScores:
        """Scores of all frames so far, at least one."""
        return pool_boundaries(self.frames, self._tolerance, self._unit)


class CellMeter:
    """Cells found against true ones.

    Cells are the ids of masks. Where masks hold classes, and in what a net predicts, cells are what
    `split_cells` makes of the foreground. Ignored pixels belong to no cell on either side.

    Args:
        neck: as `split_cells` takes it.
        least_area: smaller regions are no cells, in pixels; numbered cells are taken as they are.

    Raises:
        InputError: a neck outside of 0 to 1, or an area that is negative or no whole number.

    Attributes:
        frames: the matches of each, and whether its true and its found cells are numbered.
    """

    @validated("cells")
    def __init__(self, neck: Share = NECK, least_area: NonNegative = 0) -> None:
        self._neck, self._least_area = neck, least_area
        self.frames: list[tuple[Matches, bool, bool]] = []

    def add(self, frame: SegmentedFrame) -> None:
        """Match the cells of one more frame."""
        ignored = frame.truth == IGNORE_INDEX
        true = self._cells(frame.true_cells, frame.truth, ignored)
        found = self._cells(frame.found_cells, frame.found, ignored)
        by_ids = frame.true_cells is not None, frame.found_cells is not None
        self.frames.append((match_cells(true, found), *by_ids))

    @property
    def scores(self) -> CellScores:
        """Scores of all frames so far.

        Raises:
            ValueError: there was none.
        """
        if not self.frames:
            raise ValueError("no frame was added, expected one at least")
        matches, *by_ids = zip(*self.frames, strict=True)
        true_by_ids, found_by_ids = map(all, by_ids)
        split = not (true_by_ids and found_by_ids)
        how = (self._neck, self._least_area) if split else (None, None)
        return CellScores(reduce(add, matches), len(matches), true_by_ids, found_by_ids, *how)

    def _cells(self, ids: Ids | None, labels: NDArray[np.uint8], ignored: NDArray[np.bool_]) -> Ids:
        if ids is not None:
            return np.where(ignored, 0, ids)
        blanked = np.where(ignored, np.uint8(0), labels)
        return split_cells(blanked, neck=self._neck, least_area=self._least_area)


@dataclass(frozen=True, eq=False)
class Quality:
    """Distances between boundaries, and cells found against true ones; None where they were not measured."""

    boundaries: BoundaryScores | None
    cells: CellScores | None


class Meters:
    """Measures boundaries and cells of the same frames, each where its meter is given.

    Args:
        boundaries: measures boundaries, or None.
        cells: measures cells, or None.
    """

    def __init__(self, boundaries: BoundaryMeter | None, cells: CellMeter | None) -> None:
        self.boundaries, self.cells = boundaries, cells

    def add(self, frame: SegmentedFrame) -> None:
        """Measure one more frame."""
        for meter in (self.boundaries, self.cells):
            if meter is not None:
                meter.add(frame)

    def take_over(self, other: Meters) -> None:
        """Count the frames that another process measured with the same settings."""
        if self.boundaries and other.boundaries:
            self.boundaries.frames += other.boundaries.frames
        if self.cells and other.cells:
            self.cells.frames += other.cells.frames

    @property
    def quality(self) -> Quality:
        """What was measured of all frames so far, at least one."""
        boundaries = None if self.boundaries is None else self.boundaries.scores
        return Quality(boundaries, None if self.cells is None else self.cells.scores)
