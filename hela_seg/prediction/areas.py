"""The table of areas: pixels, cells and flicker of each frame."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hela_seg.cells.table import SIGNIFICANT_DIGITS
from hela_seg.cells.timecourse import Flicker
from hela_seg.prediction.job import Job
from hela_seg.prediction.recording import PredictedRecording
from hela_seg.system.files import as_cell, whole_file
from hela_seg.tracking.durations import share_with_interval


def write_areas(job: Job, path: Path, recordings: Sequence[PredictedRecording]) -> None:
    """Write one row a frame: time, pixels, share and area of each class, cells, flicker, entropy.

    Args:
        job: of the recordings.
        path: the CSV file; it appears whole or not at all.
        recordings: of the job, analysed.

    Raises:
        InputError: the file cannot be written.
    """
    names = job.classes.names
    header = ["series", "frame", "time s"]
    header += [f"{name} {unit}" for unit in ("pixels", "share", "um2") for name in names]
    header += [f"{name} cells" for name in names[1:]] if job.wanted.cell_files else []
    mitotic = job.wanted.follow.mitotic_index(job.classes)
    header += [] if mitotic is None else ["mitotic index", "mitotic index low", "mitotic index high"]
    header += ["pixel flicker", "cell flicker", "mean entropy", "unreadable"]
    with whole_file(path) as beside, beside.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(map(as_cell, header))
        for recording in recordings:
            for t in range(len(recording.pixels)):
                table.writerow(map(as_cell, _area_row(recording, t, mitotic)))


def _area_row(recording: PredictedRecording, t: int, mitotic: int | None) -> list[Any]:
    series, pixels = recording.series, recording.pixels[t]
    total = max(int(pixels.sum()), 1)
    area = None if series.pixel_size is None else series.pixel_size.area
    time = series.time_of(t)
    row: list[Any] = [series.name, t, "" if time is None else f"{time:.{SIGNIFICANT_DIGITS}g}"]
    row += [*pixels.tolist(), *(f"{count / total:.6f}" for count in pixels)]
    row += ["" if area is None else f"{count * area:.2f}" for count in pixels]
    if recording.job.wanted.cell_files:
        row += recording.cells[t][1:].tolist() if recording.cells else [""] * (len(pixels) - 1)
    if mitotic is not None:
        row += _mitotic_share(recording, t, mitotic)
    row += [_share(recording.flicker, t), _share(recording.cell_flicker, t)]
    row += [f"{recording.entropy[t]:.6f}" if recording.entropy else "", recording.unreadable.get(t, "")]
    return row


def _mitotic_share(recording: PredictedRecording, t: int, mitotic: int) -> list[str]:
    """The share of cells that divide, with Wilson's interval; empty where there are no cells."""
    cells = recording.cells[t] if recording.cells else np.zeros(mitotic + 1, np.int64)
    share = share_with_interval(int(cells[mitotic]), int(cells[1:].sum()))
    return ["" if np.isnan(value) else f"{value:.6g}" for value in (share.value, share.low, share.high)]


def _share(flicker: Sequence[Flicker | None], t: int) -> str:
    found = flicker[t] if t < len(flicker) else None
    return "" if found is None or found.share is None else f"{found.share:.6f}"
