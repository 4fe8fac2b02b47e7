"""What became of the jobs of a sweep, as a table."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.text import Text

from hela_seg.report.tables import ABSENT, plain_table, print_plain
from hela_seg.runs.sweep.jobs import Job
from hela_seg.system.files import whole_file

_LONG_NUMBER = re.compile(r"\b\d\.\d{6,}(e-?\d+)?\b")
"""As a search draws them; the CSV has all of their digits."""


def print_jobs(jobs: Sequence[Job], console: Console | None = None) -> None:
    """Print a line a job with the settings in which jobs differ, and below why some failed."""
    console = console or Console()
    table = plain_table(["Job", "Settings", "State"], ["m-IoU, validation"], console)
    for job, own in zip(jobs, differing(jobs), strict=True):
        score = ABSENT if job.validation_score is None else f"{job.validation_score:.4f}"
        settings = _LONG_NUMBER.sub(lambda number: f"{float(number[0]):.4g}", " ".join(own))
        table.add_row(Text(job.folder.name), Text(settings), job.state, score)
    print_plain(Text("Jobs of the sweep", style="bold"), console)
    print_plain(table, console)
    for job in jobs:
        if job.error is not None:
            console.print(Text.assemble((job.folder.name, "bold"), f" failed: {job.error}"), soft_wrap=True)


def write_jobs(path: Path, jobs: Sequence[Job]) -> None:
    """Write the same as CSV, with all settings of each job.

    Raises:
        InputError: the file cannot be written.
    """
    with whole_file(path) as part, part.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["job", "state", "validation m-IoU", "settings", "error"])
        for job in jobs:
            settings = " ".join(job.overrides)
            table.writerow([job.folder.name, job.state, job.validation_score, settings, job.error])


def differing(jobs: Sequence[Job]) -> list[list[str]]:
    """For each job those of its settings that not all jobs have."""
    shared = Counter(setting for job in jobs for setting in set(job.overrides))
    return [[setting for setting in job.overrides if shared[setting] < len(jobs)] for job in jobs]
