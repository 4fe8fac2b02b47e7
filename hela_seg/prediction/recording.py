"""A recording of a prediction: its class maps, and what was counted and measured in its frames."""

from __future__ import annotations

from collections.abc import Container, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hela_seg.cells.timecourse import Flicker, majority_over_time
from hela_seg.data.stacks import Part, Series
from hela_seg.prediction.cell_maps import CellMaps
from hela_seg.prediction.folder import ResultFolder
from hela_seg.prediction.job import Job
from hela_seg.tracking.lives import Lives
from hela_seg.tracking.tables import Followed


@dataclass
class PredictedRecording:
    """One recording of a job: its class maps, and what `hela_seg.prediction.analyse.analyse` found in them.

    Attributes:
        job: that it belongs to.
        folder: where the parts are.
        index: number of the recording in the job.
        pixels: (K,) pixels of each class, for each frame.
        cells: (K,) cells of each class, for each frame; empty where cells are not counted.
        flicker: of the pixels of each frame; None for the first and the last frame and for large frames.
        cell_flicker: the same of the cells.
        numbered: cell numbers of each frame; None where no result is made of them.
        lives: of the cells, where they were followed.
        entropy: mean entropy of the probabilities of each frame; empty where it was not asked for.
        unreadable: the reader's error by the number of each frame that could not be read.
    """

    job: Job
    folder: ResultFolder
    index: int
    pixels: list[NDArray[np.int64]] = field(default_factory=list)
    cells: list[NDArray[np.int64]] = field(default_factory=list)
    flicker: list[Flicker | None] = field(default_factory=list)
    cell_flicker: list[Flicker | None] = field(default_factory=list)
    numbered: CellMaps | None = None
    lives: Lives | None = None
    entropy: list[float] = field(default_factory=list)
    unreadable: dict[int, str] = field(default_factory=dict)

    @property
    def series(self) -> Series:
        """The recording itself."""
        return self.job.series[self.index]

    @property
    def label_provenance(self) -> dict[str, str]:
        """What results that rest on class maps say about how they were made."""
        return self.job.provenance_of(self.index) | self.job.filtered

    def parts(self, kind: str) -> Iterator[tuple[int, Part, int]]:
        """Of each frame its number, its part, and its number in that."""
        for unit in self.job.units_of(self.index):
            part = self.folder.part(self.job, unit, kind)
            for number, t in enumerate(unit.frames):
                yield t, part, number

    def labels(self) -> Iterator[NDArray[np.uint8]]:
        """Class maps (H, W), filtered over time where that is asked for."""
        return self.filtered(part.frame(number) for _, part, number in self.parts("labels"))

    def filtered(self, frames: Iterator[NDArray[np.uint8]]) -> Iterator[NDArray[np.uint8]]:
        """Class maps (H, W) of all frames as predicted -> as they are written."""
        window = self.job.wanted.majority
        return frames if window == 1 else majority_over_time(frames, window)

    @property
    def followed(self) -> Followed:
        """The lives of its cells.

        Raises:
            ValueError: they were not followed.
        """
        if self.lives is None:
            raise ValueError(f"the cells of {self.series.name} were not followed")
        classes, series = self.job.classes, self.series
        mitotic = self.job.wanted.follow.mitotic_index(classes)
        return Followed(series.name, self.lives, classes, mitotic, series.frame_interval, series.pixel_size)

    @property
    def cell_maps(self) -> CellMaps:
        """Cell numbers of all frames, where results are made of them."""
        if self.numbered is None:
            raise ValueError(f"the cells of '{self.series.name}' were not kept")
        return self.numbered

    def labels_of(self, wanted: Container[int]) -> dict[int, NDArray[np.uint8]]:
        """Class maps (H, W) of some frames, as `labels` gives them; others are not decoded if need not be."""
        if self.job.wanted.majority > 1:
            return {t: labels for t, labels in enumerate(self.labels()) if t in wanted}
        return {t: part.frame(number) for t, part, number in self.parts("labels") if t in wanted}

    def image(self, t: int) -> NDArray[Any]:
        """Frame t (C, H, W), black where it could not be read."""
        if t in self.unreadable:
            return np.zeros(self.series.shape[1:], self.series.dtype)
        return self.series.frame(t)
