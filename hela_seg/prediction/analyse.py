"""Measures the cells and counts the pixels of every predicted frame, while later units are still computed."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Container, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import groupby
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from hela_seg.cells import Columns, cell_table, count_cells, measure_cells, split_cells
from hela_seg.cells.polygons import import_roifile
from hela_seg.cells.timecourse import CellFlicker, Flicker, PixelFlicker, class_pixels
from hela_seg.data.stacks import PixelSize
from hela_seg.inference.prefetch import prefetch
from hela_seg.prediction.cell_maps import CellMaps
from hela_seg.prediction.folder import ResultFolder
from hela_seg.prediction.job import Job, Unit
from hela_seg.prediction.recording import PredictedRecording
from hela_seg.system.machine import cores
from hela_seg.tracking.follow import Follower
from hela_seg.tracking.lives import Lives
from hela_seg.tracking.mending import MendedFrame

Labels = NDArray[np.uint8]
Input = TypeVar("Input")
Output = TypeVar("Output")

MOST_THREADS, PIXELS_AT_ONCE = 8, 8 * 2048**2
"""Most threads that look for cells, and most pixels of all frames in their hands: the cells of a frame
take about thirty times the memory of its class map."""

_UNKNOWN_SIZE = PixelSize(float("nan"), float("nan"))
"""Of a recording that does not state it where others do, because one table has one set of columns."""


def analyse(job: Job, folder: ResultFolder, units: Iterable[Unit]) -> list[PredictedRecording]:
    """Analyse every frame of every recording once, and write the table of cells.

    Args:
        job: what the units belong to.
        folder: where the parts are, and where the table goes.
        units: all of the job's, in order, each when it is done. What asking for the next one raises goes on
            to the caller, and no table is left then.
    """
    recordings = [PredictedRecording(job, folder, index) for index in range(len(job.series))]
    with _cells_written(job, folder.path) as write:
        for index, of_series in groupby(units, lambda unit: unit.series):
            recording, size = recordings[index], job.series[index].shape[2:]
            frames = _frames(recording, of_series)
            if job.is_large(index):
                deque(frames, maxlen=0)  # for the counts in the records of units
                continue
            if job.wanted.cell_maps:
                recording.numbered = CellMaps(folder.cell_maps_path(job, index), size, job.classes)
            _analyse_frames(recording, frames, write)
    return recordings


def _frames(recording: PredictedRecording, units: Iterable[Unit]) -> Iterator[Labels]:
    """Class maps as predicted; adds the counts in the records of their units to the recording's."""
    job, folder = recording.job, recording.folder
    for unit in units:
        record = folder.record(job, unit)
        assert record is not None, f"{unit} is not done"
        recording.pixels += [np.array(pixels, np.int64) for pixels in record.pixels]
        recording.entropy += record.entropy
        recording.unreadable |= record.unreadable
        part = folder.part(job, unit, "labels")
        for number in range(len(unit.frames)):
            # of large frames only the counts in the record are used
            yield np.empty((0, 0), np.uint8) if job.is_large(unit.series) else part.frame(number)


def _analyse_frames(
    recording: PredictedRecording, frames: Iterator[Labels], write: Callable[[str, Columns], None]
) -> None:
    job, name = recording.job, recording.series.name
    pixels, cells, counts = PixelFlicker(), _Cells(recording), []
    class_maps = recording.filtered(frames)
    found: Iterable[tuple[Labels, MendedFrame | None, Columns]]
    found = ((labels, None, {}) for labels in class_maps)
    if job.wanted.cell_files:
        found = cells.measured(class_maps, recording.unreadable)
    for labels, numbered, rows in found:
        counts.append(class_pixels(labels, len(job.classes)))
        recording.flicker.append(pixels.add(labels))
        if numbered is not None:
            rows = cells.add(numbered, rows)
            by_name = count_cells(rows, job.classes)
            recording.cells.append(np.array([by_name.get(name, 0) for name in job.classes.names], np.int64))
            recording.cell_flicker.append(cells.flicker)
            if not job.wanted.track:
                write(name, rows)
    recording.pixels = counts
    # a frame's flicker is known when the next frame is seen, and does not exist for the first and the last
    for of_frame in (recording.flicker, recording.cell_flicker):
        of_frame[:] = [*of_frame[1:], None][: len(of_frame)]
    if job.wanted.track:
        recording.lives, followed = cells.tracked()
        for rows in followed:
            write(name, rows)


class _Cells:
    """The cells of a recording, frame by frame."""

    def __init__(self, recording: PredictedRecording) -> None:
        self._job, self._series, self._maps = recording.job, recording.series, recording.numbered
        job, self._classes = self._job, self._job.classes
        self._neck, self._least_area = job.wanted.neck, job.wanted.least_area
        self._pixel_size = self._series.pixel_size or (_UNKNOWN_SIZE if job.is_sized else None)
        self._index_of = {entry.name: entry.index for entry in job.classes}
        follow = job.wanted.follow
        self._follower = Follower(job.classes, follow, touching=True) if job.wanted.track else None
        self._rows: list[Columns] = []
        self._flicker = CellFlicker()
        self.flicker: Flicker | None = None

    def measured(
        self, frames: Iterable[Labels], unreadable: Container[int]
    ) -> Iterator[tuple[Labels, MendedFrame, Columns]]:
        """Class maps (H, W) with their cells, which are mended where cells are followed, and these measured.

        Several threads work on a frame each, as far as there are cores beside those that nets need.

        Args:
            frames: the class maps, in order of time.
            unreadable: numbers of frames that could not be read; looked at when a frame's map is there.
        """
        threads = thread_count(self._series.shape[2] * self._series.shape[3])
        maps: deque[Labels] = deque()

        def cells() -> Iterator[NDArray[np.int32]]:
            """Cells of each class map, which is kept until they are mended."""
            for labels, found in _in_order(self._split, frames, threads):
                maps.append(labels)
                yield found

        mended = map(MendedFrame, cells()) if self._follower is None else self._follower.mended(cells())
        known = ((t, maps.popleft(), frame, t not in unreadable) for t, frame in enumerate(mended))
        yield from _in_order(self._measure, known, threads)

    def _split(self, labels: Labels) -> tuple[Labels, NDArray[np.int32]]:
        return labels, split_cells(labels, neck=self._neck, least_area=self._least_area)

    def _measure(self, frame: tuple[int, Labels, MendedFrame, bool]) -> tuple[Labels, MendedFrame, Columns]:
        t, labels, numbered, readable = frame
        shape = self._series.shape
        time = self._series.time_of(t)
        if time is None and self._job.is_timed:
            time = float("nan")  # one table has one set of columns
        image = self._series.frame(t) if readable else np.zeros(shape[1:], self._series.dtype)
        rows = measure_cells(
            numbered.labels, labels, self._classes, image, frame=t, pixel_size=self._pixel_size, time=time
        )
        return labels, numbered, rows

    def add(self, numbered: MendedFrame, rows: Columns) -> Columns:
        """Take the next frame's cells, as `measured` gives them; gives their rows, without tracks."""
        cells = numbered.labels
        if self._maps is not None:
            self._maps.add(cells.astype(np.int32, copy=False), rows)
        classes = (self._index_of[name] for name in rows["class"])
        self.flicker = self._flicker.add(cells, dict(zip(rows["label"].tolist(), classes, strict=True)))
        if self._follower is not None:
            rows = self._follower.add(numbered, rows)
            self._rows.append(rows)
        return rows

    def tracked(self) -> tuple[Lives, list[Columns]]:
        """The lives of all cells and the rows of all frames with their tracks, once all frames are seen.

        Specks have the track 0.
        """
        assert self._follower is not None, "cells are not tracked"
        lives = self._follower.lives()
        ends = np.cumsum([len(rows["label"]) for rows in self._rows])
        followed = []
        for rows, end in zip(self._rows, ends, strict=True):
            mine = slice(end - len(rows["label"]), end)
            followed.append(rows | {"track": lives.track[mine], "parent": lives.parent[mine]})
        if self._maps is not None:
            self._maps.follow(followed)
        return lives, followed


def thread_count(pixels: int) -> int:
    """How many threads look for the cells of frames of so many pixels; of two cores a net needs both."""
    return max(1, min(cores() // 2, MOST_THREADS, PIXELS_AT_ONCE // pixels))


def _in_order(work: Callable[[Input], Output], jobs: Iterable[Input], threads: int) -> Iterator[Output]:
    return map(work, jobs) if threads == 1 else prefetch(work, jobs, threads + 1, threads)


@contextmanager
def _cells_written(job: Job, folder: Path) -> Iterator[Callable[[str, Columns], None]]:
    """A way to write rows of cells; the table is there when the block ends well."""
    if "rois" in job.wanted.cell_files:
        import_roifile()
    with ExitStack() as stack:
        tables = [stack.enter_context(cell_table(folder / name)) for name in job.wanted.cell_tables]

        def write(name: str, rows: Columns) -> None:
            """Append rows of the recording of a name to each table."""
            for table in tables:
                table.write({"series": np.full(len(rows["label"]), name), **rows})

        yield write
