"""All finished runs of some folders side by side, and what became of the jobs of a sweep."""

from __future__ import annotations

import logging
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.text import Text

from hela_seg.comparison.found import find_runs
from hela_seg.comparison.nets import what_differs
from hela_seg.comparison.published import AUTO
from hela_seg.comparison.rows import Comparison, compare_runs
from hela_seg.report.comparison.write import print_comparison, write_comparison
from hela_seg.report.tables import Cell, Sheet, number_cell, print_files, print_sheet
from hela_seg.runs.records import read_json
from hela_seg.runs.run_folder import COMPARISON, JOBS_TABLE, SCORES_JSON
from hela_seg.runs.sweep.jobs import FINISHED, Job, jobs_in
from hela_seg.system.errors import InputError, PartialResultError, join_names
from hela_seg.system.files import make_folder, write_table

log = logging.getLogger(__name__)

_LONG_NUMBER = re.compile(r"\b\d\.\d{6,}(e-?\d+)?\b")
"""As a search draws them; the CSV has all of their digits."""


def compare_folders(
    folders: list[Path], output: Path, seed: int = 0, published: str = AUTO, *, in_print: bool = True
) -> list[Comparison]:
    """Compare all finished runs in folders and below, and write the tables.

    What cannot be compared is warned of, and the rest goes on.

    Args:
        folders: see `hela_seg.comparison.found.find_runs`.
        output: folder for the files.
        seed: of the bootstrap's draws.
        published: beside which nets the paper's figures stand, see `published_of`.
        in_print: whether the tables are printed too.

    Returns:
        The tables, one for each set of runs that may be compared with each other.

    Raises:
        InputError: no folder holds a finished run, or the files cannot be written.
    """
    runs, faults = find_runs(folders)
    if not runs:
        raise InputError("no finished run to compare: " + "; ".join(faults))
    comparisons = compare_runs(runs, seed, published)
    warnings = [*_apart(comparisons), *faults]
    for comparison in comparisons if in_print else []:
        print_comparison(comparison)
    for warning in warnings:
        log.warning("warning: %s", warning)
    written = write_comparison(make_folder(output), comparisons, warnings)
    print_files(written if in_print else {"page": written["page"]})
    return comparisons


def _apart(comparisons: list[Comparison]) -> list[str]:
    first, *others = comparisons
    reference = first.rows[0].runs[0]
    return [
        "NOT COMPARABLE with the first table, and in a table of its own: "
        f"{join_names([str(run.folder) for row in other.rows for run in row.runs], 3)} "
        f"({what_differs(reference, other.rows[0].runs[0])})"
        for other in others
    ]


def end_sweep(folder: Path, errors: Sequence[Exception] = ()) -> None:
    """Print and write what became of the jobs of a sweep, compare its runs, and say which failed.

    Args:
        folder: of the sweep.
        errors: what its launcher ended with, where it did not come to its end.

    Raises:
        PartialResultError: some jobs are finished and others are not.
        InputError: none is finished.
    """
    jobs = jobs_in(folder)
    write_jobs(folder / COMPARISON / JOBS_TABLE, jobs)
    print_jobs(jobs)
    try:
        compare_folders([folder], folder / COMPARISON, in_print=False)
    except InputError as error:
        log.warning("warning: %s", error)
    lost = [job for job in jobs if job.state != FINISHED]
    if lost or errors:
        raise _unfinished(jobs, lost, errors)


def _unfinished(
    jobs: Sequence[Job], lost: Sequence[Job], errors: Sequence[Exception]
) -> PartialResultError | InputError:
    named = ", ".join(f"{job.folder.name} {job.state}" for job in lost)
    reasons = "".join(f" ({type(error).__name__}: {' '.join(str(error).split())})" for error in errors)
    message = (
        f"{len(lost)} of {len(jobs)} jobs are not finished: {named}{reasons}; resume=true tries them again"
    )
    return PartialResultError(message) if len(lost) < len(jobs) else InputError(message)


def print_jobs(jobs: Sequence[Job], console: Console | None = None) -> None:
    """Print a line a job with the settings in which jobs differ, and below why some failed."""
    rows, errors = [], []
    for job, own in zip(jobs, differing(jobs), strict=True):
        settings = _LONG_NUMBER.sub(lambda number: f"{float(number[0]):.4g}", " ".join(own))
        names = (Cell(job.folder.name), Cell(settings), Cell(job.state))
        scores = job.folder / SCORES_JSON
        test = read_json(scores)["mean"]["iou"] if scores.exists() else None
        rows.append((*names, number_cell(job.validation_score), number_cell(test)))
        if job.error is not None:
            errors.append(Text.assemble((job.folder.name, "bold"), f" failed: {job.error}"))
    headings = ("Job", "Settings", "State", "m-IoU, validation", "test")
    console = console or Console()
    print_sheet(Sheet("Jobs of the sweep", headings, rows, names=3), console)
    for error in errors:
        console.print(error, soft_wrap=True)


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
