"""Writes the files that a user opens from the parts of a prediction."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hela_seg.cells.table import SIGNIFICANT_DIGITS
from hela_seg.cells.timecourse import Flicker, TimeCourse
from hela_seg.data.checks.perceptual_hash import perceptual_hash
from hela_seg.data.classes import IGNORE_INDEX, Classes
from hela_seg.prediction.folder import ResultFolder
from hela_seg.prediction.job import Job
from hela_seg.prediction.ranking import Candidate, Choice, rank
from hela_seg.prediction.recording import PredictedRecording
from hela_seg.prediction.result_files import results_of
from hela_seg.prediction.writers import WRITERS
from hela_seg.report.pictures.blending import Image, Labels, blend, fit_panel
from hela_seg.report.pictures.curves import draw_time_course
from hela_seg.report.pictures.drawings import write_figure
from hela_seg.report.pictures.overlay import caption_of, compose, legend_of, write_png
from hela_seg.runs import run_folder
from hela_seg.system.files import as_cell, whole_file, write_table
from hela_seg.tracking.answers import write_lives
from hela_seg.tracking.durations import share_with_interval

COLUMNS = 5
PANEL = 240
"""Pixels of a thumbnail's longer side."""


def write_results(job: Job, folder: ResultFolder, recordings: Sequence[PredictedRecording]) -> None:
    """Write everything but the tables of cells, which `hela_seg.prediction.analyse.analyse` writes.

    Args:
        job: all of whose units are done.
        folder: where the parts are and the results go.
        recordings: as `hela_seg.prediction.analyse.analyse` gives them.

    Raises:
        InputError: a disk that is full; each file is whole or not there.
    """
    for recording in recordings:
        for kind in results_of(job, recording.index):
            WRITERS[kind](recording, folder.path / f"{recording.series.name}{run_folder.SUFFIXES[kind]}")
    write_areas(job, folder.path / run_folder.AREAS_TABLE, recordings)
    made_by = json.dumps({**job.provenance, **job.filtered})
    followed = [recording.followed for recording in recordings if recording.lives is not None]
    title = job.series[0].name if len(recordings) == 1 else f"{len(recordings)} recordings"
    courses = [
        TimeCourse(recording.series.name, np.stack(recording.pixels), cells, recording.series.frame_interval)
        for recording in recordings
        for cells in [np.stack(recording.cells) if recording.cells else None]
    ]
    figure = draw_time_course(courses, job.classes, title, followed=followed)
    write_figure(folder.path / run_folder.TIME_COURSE, figure, made_by)
    if job.wanted.track:
        write_lives(folder.path, followed)
    if job.wanted.label_next:
        _write_ranking(job, folder, recordings, made_by)


def _write_ranking(
    job: Job, folder: ResultFolder, recordings: Sequence[PredictedRecording], made_by: str
) -> None:
    choices = rank(_candidates(recordings), job.wanted.label_next)
    names = [series.name for series in job.series]
    write_ranking(folder.path / run_folder.RANKING_TABLE, choices, names)
    chosen = {(choice.candidate.series, choice.candidate.t) for choice in choices}
    frames = [{t for series, t in chosen if series == recording.index} for recording in recordings]
    labels = [recording.labels_of(some) for recording, some in zip(recordings, frames, strict=True)]
    if choices:
        places = ((choice, choice.candidate.series, choice.candidate.t) for choice in choices)
        pictures = ((choice, recordings[series].image(t), labels[series][t]) for choice, series, t in places)
        sheet = folder.path / run_folder.RANKING_SHEET
        write_ranking_sheet(sheet, pictures, names, job.classes, made_by)


def _candidates(recordings: Iterable[PredictedRecording]) -> Iterator[Candidate]:
    for recording in recordings:
        for t, entropy in enumerate(recording.entropy):
            looks = None if t in recording.unreadable else perceptual_hash(recording.image(t))
            if looks is not None:
                yield Candidate(recording.index, t, entropy, looks)


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


def write_ranking(path: Path, choices: Sequence[Choice], names: Sequence[str]) -> None:
    """Write the frames to label as CSV, the first to label in the first row.

    Columns: ``rank`` from 1, ``series``, ``frame`` from 0, ``entropy``, ``distance`` and ``score``.

    Args:
        path: the file; it appears whole or not at all.
        choices: see `hela_seg.prediction.ranking.rank`.
        names: of each recording.

    Raises:
        InputError: the file cannot be written.
    """
    rows = []
    for place, choice in enumerate(choices, start=1):
        frame = choice.candidate
        figures = {"entropy": frame.entropy, "distance": choice.distance, "score": choice.score}
        rows.append(
            {"rank": place, "series": names[frame.series], "frame": frame.t}
            | {name: f"{value:.6g}" for name, value in figures.items()}
        )
    write_table(path, rows, ("rank", "series", "frame", "entropy", "distance", "score"))


def write_ranking_sheet(
    path: Path,
    frames: Iterable[tuple[Choice, Image, Labels]],
    names: Sequence[str],
    classes: Classes,
    comment: str = "",
) -> None:
    """Write the frames to label as thumbnails in a PNG, with what the net sees in them drawn over each.

    Args:
        path: the PNG file; it appears whole or not at all.
        frames: for each choice, in order of rank, its image (C, H, W) and predicted labels (H, W) uint8;
            asked for one by one, and kept as thumbnails only.
        names: of each recording.
        classes: the classes that the labels stand for.
        comment: what made the figure, kept among its metadata.

    Raises:
        ValueError: no frames, or an image and its labels differ in H or W.
        InputError: the file cannot be written.
    """
    panels, captions, ignored = [], [], False
    for place, (choice, image, labels) in enumerate(frames, start=1):
        panels.append(blend(*fit_panel(image, labels, PANEL), classes))
        frame = choice.candidate
        captions.append(caption_of(f"{place}. ", names[frame.series], f", frame {frame.t}", panels[-1]))
        ignored |= bool((labels == IGNORE_INDEX).any())
    if not panels:
        raise ValueError("a sheet needs at least one frame")
    columns, legend = min(COLUMNS, len(panels)), legend_of(classes, ignored)
    write_png(path, compose(panels, captions, columns, legend, "What to label next"), comment)
