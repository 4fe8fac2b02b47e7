"""Finished runs on disk: which folders hold one, and their settings, costs and counted pixels."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from hela_seg.data.classes import Classes
from hela_seg.runs import records, run_folder
from hela_seg.scores.counts import FrameCounts, read_counts
from hela_seg.system.errors import InputError

NEEDED = (run_folder.RUN_RECORD, run_folder.SCORES_JSON, run_folder.FRAME_COUNTS)
"""Files of a finished run that a comparison reads."""

TRACES = {*NEEDED, run_folder.CHECKPOINTS, run_folder.CLASS_POSITIONS}
"""A folder that holds one of these is that of a run, finished or not."""

QUALITY = ("boundaries", "cells")
"""Keys of a run's scores beside those of pixels; there where they were measured."""

TRACKS = "tracks"
"""The key of the scores of tracks, of label images that hold some."""


@dataclass(frozen=True, eq=False)
class Run:
    """A finished run.

    Attributes:
        folder: of the run.
        record: its settings and costs.
        classes: its K classes.
        counts: pixels of each frame that it was scored on.
        folds: the runs that it was pooled from, where it stands for a cross-validation.
        quality: boundaries, cells and tracks by the keys `QUALITY` and `TRACKS`, as in ``scores.json``.
        repeats: a sentence on each folder that holds the same run once more.
    """

    folder: Path
    record: records.RunRecord
    classes: Classes
    counts: FrameCounts
    folds: tuple[Run, ...] = ()
    quality: Mapping[str, Any] = field(default_factory=dict)
    repeats: tuple[str, ...] = ()


def find_runs(folders: Sequence[Path]) -> tuple[list[Run], list[str]]:
    """Read all runs in folders and below them, at any depth.

    Returns:
        The finished runs in the order of their paths, and a line for each run that cannot be compared and for
        each folder without runs, with what is wrong with it.
    """
    found, faults = [], []
    for folder in folders:
        places = sorted(_places(folder))
        if not places:
            what = "holds no run" if folder.is_dir() else "is no folder"
            faults.append(f"{folder} {what}, expected one that hela_seg.train wrote: check the path")
        for place in places:
            try:
                found.append(read_run(place))
            except InputError as error:
                faults.append(str(error))
    distinct = {run.folder.resolve(): run for run in found}  # folders inside one another name a run twice
    return list(distinct.values()), list(dict.fromkeys(faults))


def read_run(folder: Path) -> Run:
    """Read one finished run.

    Raises:
        InputError: a file is missing, damaged or newer than this program, or the files contradict each other.
    """
    missing = [name for name in NEEDED if not (folder / name).is_file()]
    if missing:
        raise InputError(_why_incomplete(folder, missing))
    record = records.read_record(folder / run_folder.RUN_RECORD)
    scores = records.read_json(folder / run_folder.SCORES_JSON)
    try:
        classes, pooled = Classes(scores["classes"]), np.array(scores["confusion_matrix"], dtype=np.int64)
    except (InputError, KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"{folder / run_folder.SCORES_JSON} is damaged ({error}), expected classes and a confusion "
            "matrix: python -m hela_seg.evaluate writes it anew"
        ) from None
    counts = read_counts(folder / run_folder.FRAME_COUNTS, classes.names)
    if not np.array_equal(counts.pooled, pooled):
        raise InputError(
            f"{folder / run_folder.FRAME_COUNTS} does not add up to the confusion matrix of "
            f"{run_folder.SCORES_JSON}, expected files of one run: python -m hela_seg.evaluate writes "
            "both anew"
        )
    quality = {key: scores[key] for key in (*QUALITY, TRACKS) if key in scores}
    return Run(folder, record, classes, counts, quality=quality)


def _places(folder: Path) -> Iterator[Path]:
    for place, below, files in os.walk(folder):
        if {*below, *files}.intersection(TRACES):
            yield Path(place)
            below.clear()  # checkpoints and logs, which may hold thousands of files


def _why_incomplete(folder: Path, missing: Sequence[str]) -> str:
    if missing == [run_folder.SCORES_JSON, run_folder.FRAME_COUNTS]:
        return f"{folder} kept no frames for testing, so it has no scores to compare: run hela_seg.evaluate"
    if (folder / run_folder.FAILED).is_file():
        error = records.read_json(folder / run_folder.FAILED).get("error")
        return f"{folder} is of a job that failed ({error}): mend that, and repeat its sweep with resume=true"
    if (folder / run_folder.SCORES_JSON).is_file():
        return (
            f"{folder} lacks {' and '.join(missing)} (an older version, or a file was lost): "
            "python -m hela_seg.evaluate ckpt=.../best.ckpt makes a folder that can be compared"
        )
    return (
        f"{folder} holds a run that has not ended (no {', no '.join(missing)}): let it end, or go on with "
        f"it by python -m hela_seg.train {shlex.quote(f'resume={folder}')}"
    )
