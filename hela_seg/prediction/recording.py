"""A recording whose units are all predicted, as results are made of it."""

from __future__ import annotations

from collections.abc import Container, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hela_seg.data.stacks import Part
from hela_seg.prediction.analyse import RecordingResult, label_frames
from hela_seg.prediction.cell_maps import CellMaps
from hela_seg.prediction.folder import ResultFolder
from hela_seg.prediction.job import Job
from hela_seg.tracking.tables import Followed


class PredictedRecording:
    """One recording of a job: its class maps, cells and what results say of how they were made.

    Args:
        job: all of whose units are done.
        folder: where the parts are.
        index: number of the recording in the job.
        result: what `hela_seg.prediction.analyse.analyse` found of it.
    """

    def __init__(self, job: Job, folder: ResultFolder, index: int, result: RecordingResult) -> None:
        self.job, self.folder, self.index, self.result = job, folder, index, result
        self.series = job.series[index]
        self.provenance = job.provenance_of(index)
        self.label_provenance = self.provenance | job.filtered

    def parts(self, kind: str) -> Iterator[tuple[int, Part, int]]:
        """Of each frame its number, its part, and its number in that."""
        for unit in self.job.units_of(self.index):
            part = self.folder.part(self.job, unit, kind)
            for number, t in enumerate(unit.frames):
                yield t, part, number

    def labels(self) -> Iterator[NDArray[np.uint8]]:
        """Class maps (H, W), filtered over time where that is asked for."""
        return label_frames(self.job, self.folder, self.index)

    @property
    def followed(self) -> Followed:
        """The lives of its cells.

        Raises:
            ValueError: they were not followed.
        """
        if self.result.lives is None:
            raise ValueError(f"the cells of {self.series.name} were not followed")
        mitotic, series = self.job.wanted.follow.mitotic_index(self.job.classes), self.series
        classes, lives = self.job.classes, self.result.lives
        return Followed(series.name, lives, classes, mitotic, series.frame_interval, series.pixel_size)

    @property
    def cell_maps(self) -> CellMaps:
        """Cell numbers of all frames, where results are made of them."""
        if self.result.cell_maps is None:
            raise ValueError(f"the cells of '{self.series.name}' were not kept")
        return self.result.cell_maps

    def labels_of(self, wanted: Container[int]) -> dict[int, NDArray[np.uint8]]:
        """Class maps (H, W) of some frames, as `labels` gives them; others are not decoded if need not be."""
        if self.job.wanted.majority > 1:
            return {t: labels for t, labels in enumerate(self.labels()) if t in wanted}
        return {t: part.frame(number) for t, part, number in self.parts("labels") if t in wanted}

    def image(self, t: int) -> NDArray[Any]:
        """Frame t (C, H, W), black where it could not be read."""
        if t in self.result.unreadable:
            return np.zeros(self.series.shape[1:], self.series.dtype)
        return self.series.frame(t)
