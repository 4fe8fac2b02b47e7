"""Predicts missing units and writes their parts; other threads read and encode while the nets run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
from numpy.typing import NDArray
from scipy.special import entr

from hela_seg.cells.timecourse import class_pixels
from hela_seg.data.classes import IGNORE_INDEX
from hela_seg.data.stacks import EncodedFrame, write_part
from hela_seg.inference import Band, Predictor, Unreadable
from hela_seg.inference.prefetch import prefetch
from hela_seg.prediction.folder import ResultFolder, UnitRecord
from hela_seg.prediction.job import Job, Unit
from hela_seg.system.errors import InputError

BLANK_ROWS = 256
"""Rows at a time of a frame that stands for one that cannot be read."""


def compute(
    predictor: Predictor,
    job: Job,
    folder: ResultFolder,
    units: Sequence[Unit],
    *,
    skip_unreadable: bool = False,
) -> Iterator[Unit]:
    """Predict units and write their parts.

    Args:
        predictor: the nets.
        job: what the units belong to.
        folder: where the parts go.
        units: in order of recordings and time.
        skip_unreadable: put ignored pixels in place of a frame that cannot be read, instead of ending.

    Yields:
        Each unit when its parts are on disk.

    Raises:
        InputError: a frame that cannot be read, or a disk that is full; what is done is kept.
    """
    for index, of_series in groupby(units, lambda unit: unit.series):
        ordered = list(of_series)
        bands = predictor.bands(
            job.series[index],
            [unit.frames for unit in ordered],
            probabilities=job.wanted.needs_probabilities,
            skip_unreadable=True,
        )
        recorder = _Recorder(job, folder, ordered, skip_unreadable)
        yield from (unit for unit in prefetch(recorder.take, bands, depth=3) if unit is not None)


class _Recorder:
    """Turns bands into parts; a whole unit is written with its last band."""

    def __init__(self, job: Job, folder: ResultFolder, units: Sequence[Unit], skip_unreadable: bool) -> None:
        self._job, self._folder, self._skip = job, folder, skip_unreadable
        self._unit_of = {t: unit for unit in units for t in unit.frames}
        self._size = job.series[units[0].series].shape[2:]
        self._frames: dict[int, _FrameParts] = {}

    def take(self, band: Band | Unreadable) -> Unit | None:
        """Take the next band; gives its unit when that is written."""
        if isinstance(band, Unreadable):
            if not self._skip:
                raise InputError(f"{band.error}, or leave such frames out with on_error=skip")
            self._frames[band.t] = self._blank(str(band.error))
        else:
            self._frames.setdefault(band.t, self._empty()).push(band)
        unit = self._unit_of[band.t]
        done = [self._frames.get(t) for t in unit.frames]
        complete = [frame for frame in done if frame is not None and frame.rows == self._size[0]]
        if len(complete) < len(unit.frames):
            return None
        self._write(unit, complete)
        for t in unit.frames:
            del self._frames[t]
        return unit

    def _write(self, unit: Unit, frames: Sequence[_FrameParts]) -> None:
        for kind in self._job.wanted.kinds:
            path = self._folder.part_path(self._job, unit, kind)
            write_part(path, [frame.encoded[kind] for frame in frames])
        area = self._size[0] * self._size[1]
        record = UnitRecord(
            list(unit.frames),
            [frame.pixels.tolist() for frame in frames],
            [frame.entropy / area for frame in frames] if self._job.wanted.needs_probabilities else [],
            {t: frame.unreadable for t, frame in zip(unit.frames, frames, strict=True) if frame.unreadable},
        )
        self._folder.write_record(self._job, unit, record)

    def _empty(self, unreadable: str | None = None) -> _FrameParts:
        classes = len(self._job.classes)
        samples = {"labels": 1, "probabilities": classes, "entropy": 1}
        encoded = {kind: EncodedFrame(self._size, samples[kind]) for kind in self._job.wanted.kinds}
        return _FrameParts(encoded, np.zeros(classes, np.int64), unreadable)

    def _blank(self, reason: str) -> _FrameParts:
        """In place of a frame that cannot be read: ignored pixels without any probability."""
        frame, width = self._empty(reason), self._size[1]
        for top in range(0, self._size[0], BLANK_ROWS):
            rows = min(BLANK_ROWS, self._size[0] - top)
            nothing = np.zeros((len(self._job.classes), rows, width), np.float32)
            frame.push(Band(0, np.full((rows, width), IGNORE_INDEX, np.uint8), nothing))
        return frame


@dataclass
class _FrameParts:
    """One frame on its way to the disk."""

    encoded: dict[str, EncodedFrame]
    pixels: NDArray[np.int64]
    unreadable: str | None = None
    rows: int = 0
    entropy: float = 0.0

    def push(self, band: Band) -> None:
        """Take the next rows, top to bottom."""
        self.rows += len(band.labels)
        self.pixels += class_pixels(band.labels, len(self.pixels))
        self.encoded["labels"].push(band.labels)
        if band.probabilities is None:
            return
        undecided = entr(band.probabilities).sum(axis=0) / np.log(len(self.pixels))
        self.entropy += float(undecided.sum(dtype=np.float64))
        if "entropy" in self.encoded:
            self.encoded["entropy"].push(_as_bytes(undecided))
        if "probabilities" in self.encoded:
            self.encoded["probabilities"].push(_as_bytes(np.moveaxis(band.probabilities, 0, -1)))


def _as_bytes(shares: NDArray[np.float32]) -> NDArray[np.uint8]:
    """0 to 1 as 0 to 255, rounded."""
    rounded: NDArray[np.uint8] = (shares * 255 + 0.5).clip(0, 255).astype(np.uint8)
    return rounded
