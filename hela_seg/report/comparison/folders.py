"""All finished runs of some folders side by side: found, compared, printed and written."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from hela_seg.comparison import Comparison, compare_runs, find_runs
from hela_seg.comparison.nets import what_differs
from hela_seg.comparison.published import AUTO
from hela_seg.report.comparison.jobs import print_jobs, write_jobs
from hela_seg.report.comparison.write import print_comparison, write_comparison
from hela_seg.report.tables import print_files
from hela_seg.runs.run_folder import COMPARISON, JOBS_TABLE
from hela_seg.runs.sweep.jobs import FINISHED, Job, jobs_in
from hela_seg.system.errors import InputError, PartialResultError, join_names
from hela_seg.system.files import make_folder

log = logging.getLogger(__name__)


def compare_folders(
    folders: list[Path], output: Path, seed: int = 0, published: str = AUTO, *, in_print: bool = True
) -> list[Comparison]:
    """Compare all finished runs in folders and below, and write the tables.

    What cannot be compared is warned of, and the rest goes on.

    Args:
        folders: see `hela_seg.comparison.find_runs`.
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
        f"NOT COMPARABLE with the first table, and in a table of its own: {_folders(other)} "
        f"({what_differs(reference, other.rows[0].runs[0])})"
        for other in others
    ]


def _folders(comparison: Comparison) -> str:
    folders = [str(run.folder) for row in comparison.rows for run in row.runs]
    return join_names(folders, 3)


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
