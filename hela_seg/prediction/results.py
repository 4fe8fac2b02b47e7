"""Writes the files that a user opens from the parts of a prediction."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from hela_seg.cells.timecourse import TimeCourse
from hela_seg.data.checks.perceptual_hash import perceptual_hash
from hela_seg.prediction.areas import write_areas
from hela_seg.prediction.folder import ResultFolder
from hela_seg.prediction.job import Job
from hela_seg.prediction.ranking import Candidate, rank
from hela_seg.prediction.recording import PredictedRecording
from hela_seg.prediction.result_files import results_of
from hela_seg.prediction.to_label import write_ranking, write_ranking_sheet
from hela_seg.prediction.writers import WRITERS
from hela_seg.report.pictures.curves import draw_time_course
from hela_seg.report.pictures.drawings import write_figure
from hela_seg.runs import run_folder
from hela_seg.tracking.answers import write_lives


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
    labels = [
        recording.labels_of({t for series, t in chosen if series == recording.index})
        for recording in recordings
    ]
    if choices:
        places = ((choice, choice.candidate.series, choice.candidate.t) for choice in choices)
        pictures = ((choice, recordings[series].image(t), labels[series][t]) for choice, series, t in places)
        sheet = folder.path / run_folder.RANKING_SHEET
        write_ranking_sheet(sheet, pictures, names, job.classes, "What to label next", made_by)


def _candidates(recordings: Iterable[PredictedRecording]) -> Iterator[Candidate]:
    for recording in recordings:
        for t, entropy in enumerate(recording.entropy):
            looks = None if t in recording.unreadable else perceptual_hash(recording.image(t))
            if looks is not None:
                yield Candidate(recording.index, t, entropy, looks)
