"""What became of the jobs of a sweep, as a table."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.text import Text

from hela_seg.report.tables import Cell, Sheet, number_cell, print_sheet
from hela_seg.runs.records import read_json
from hela_seg.runs.run_folder import SCORES_JSON
from hela_seg.runs.sweep.jobs import Job
from hela_seg.system.files import write_table

_LONG_NUMBER = re.compile(r"\b\d\.\d{6,}(e-?\d+)?\b")
"""As a search draws them; the CSV has all of their digits."""


def print_jobs(jobs: Sequence[Job], console: Console | None = None) -> None:
    """Print a line a job with the settings in which jobs differ, and below why some failed."""
    rows, errors = [], []
    for job, own in zip(jobs, differing(jobs), strict=True):
        settings = _LONG_NUMBER.sub(lambda number: f"{float(number[0]):.4g}", " ".join(own))
        names = (Cell(job.folder.name), Cell(settings), Cell(job.state))
        rows.append((*names, number_cell(job.validation_score), number_cell(_test_score(job))))
        if job.error is not None:
            errors.append(Text.assemble((job.folder.name, "bold"), f" failed: {job.error}"))
    headings = ("Job", "Settings", "State", "m-IoU, validation", "test")
    console = console or Console()
    print_sheet(Sheet("Jobs of the sweep", headings, rows, names=3), console)
    for error in errors:
        console.print(error, soft_wrap=True)


def _test_score(job: Job) -> float | None:
    """The m-IoU on the test frames; None where the job has not ended or has none."""
    path = job.folder / SCORES_JSON
    found: float | None = read_json(path)["mean"]["iou"] if path.exists() else None
    return found


def write_jobs(path: Path, jobs: Sequence[Job]) -> None:
    """Write the same as CSV, with all settings of each job.

    Raises:
        InputError: the file cannot be written.
    """
    rows = [
        {
            "job": job.folder.name,
            "state": job.state,
            "validation m-IoU": job.validation_score,
            "settings": " ".join(job.overrides),
            "error": job.error,
        }
        for job in jobs
    ]
    write_table(path, rows, ("job", "state", "validation m-IoU", "settings", "error"))


def differing(jobs: Sequence[Job]) -> list[list[str]]:
    """For each job those of its settings that not all jobs have."""
    shared = Counter(setting for job in jobs for setting in set(job.overrides))
    return [[setting for setting in job.overrides if shared[setting] < len(jobs)] for job in jobs]
