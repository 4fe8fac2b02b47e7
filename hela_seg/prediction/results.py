"""Writes the files that a user opens from the parts of a prediction."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hela_seg.data.checks.perceptual_hash import perceptual_hash
from hela_seg.prediction.analyse import RecordingResult
from hela_seg.prediction.areas import write_areas
from hela_seg.prediction.folder import ResultFolder
from hela_seg.prediction.job import Job
from hela_seg.prediction.ranking import Candidate, Choice, rank
from hela_seg.prediction.recording import PredictedRecording, followed_in
from hela_seg.prediction.result_files import SUFFIXES, results_of
from hela_seg.prediction.to_label import write_ranking, write_ranking_sheet
from hela_seg.prediction.writers import WRITERS
from hela_seg.report.pictures.curves import draw_time_course
from hela_seg.report.pictures.drawings import write_figure
from hela_seg.runs import run_folder
from hela_seg.tracking.answers import write_lives


def write_results(job: Job, folder: ResultFolder, results: Sequence[RecordingResult]) -> None:
    """Write everything but the tables of cells, which `hela_seg.prediction.analyse.analyse` writes.

    Args:
        job: all of whose units are done.
        folder: where the parts are and the results go.
        results: what `hela_seg.prediction.analyse.analyse` found of each recording.

    Raises:
        InputError: a disk that is full; each file is whole or not there.
    """
    for index, result in enumerate(results):
        recording = PredictedRecording(job, folder, index, result)
        for kind in results_of(job, index):
            WRITERS[kind](recording, folder.path / f"{recording.series.name}{SUFFIXES[kind]}")
    write_areas(job, folder.path / run_folder.AREAS_TABLE, results)
    _write_time_course(job, folder.path / run_folder.TIME_COURSE, results)
    if job.wanted.track:
        write_lives(folder.path, followed_in(job, results))
    if job.wanted.label_next:
        _write_ranking(job, folder, results)


def _write_time_course(job: Job, path: Path, results: Sequence[RecordingResult]) -> None:
    drawn = [
        result.time_course(series.name, series.frame_interval)
        for series, result in zip(job.series, results, strict=True)
    ]
    title = job.series[0].name if len(drawn) == 1 else f"{len(drawn)} recordings"
    made_by = json.dumps({**job.provenance, **job.filtered})
    figure = draw_time_course(drawn, job.classes, title, followed=followed_in(job, results))
    write_figure(path, figure, made_by)


def _write_ranking(job: Job, folder: ResultFolder, results: Sequence[RecordingResult]) -> None:
    recordings = [PredictedRecording(job, folder, index, result) for index, result in enumerate(results)]
    choices = rank(_candidates(recordings), job.wanted.label_next)
    names = [series.name for series in job.series]
    write_ranking(folder.path / run_folder.RANKING_TABLE, choices, names)
    chosen = {(choice.candidate.series, choice.candidate.t) for choice in choices}
    labels = [
        recording.labels_of({t for series, t in chosen if series == recording.index})
        for recording in recordings
    ]

    def with_pictures(choice: Choice) -> tuple[Choice, NDArray[Any], NDArray[np.uint8]]:
        """A choice with its image (C, H, W) and class map (H, W)."""
        series, t = choice.candidate.series, choice.candidate.t
        return choice, recordings[series].image(t), labels[series][t]

    if choices:
        sheet = folder.path / run_folder.RANKING_SHEET
        comment = json.dumps({**job.provenance, **job.filtered})
        write_ranking_sheet(
            sheet, map(with_pictures, choices), names, job.classes, "What to label next", comment
        )


def _candidates(recordings: Iterable[PredictedRecording]) -> Iterator[Candidate]:
    for recording in recordings:
        for t, entropy in enumerate(recording.result.entropy):
            looks = None if t in recording.result.unreadable else perceptual_hash(recording.image(t))
            if looks is not None:
                yield Candidate(recording.index, t, entropy, looks)
