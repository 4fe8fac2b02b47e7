"""The table of a sweep's jobs: how they differ, what became of them, and why some failed."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from rich.console import Console

from hela_seg.report.comparison.jobs import differing, print_jobs, write_jobs
from hela_seg.runs.sweep.jobs import FAILED, FINISHED, NOT_ENDED, Job

JOBS = [
    Job(Path("0_unet"), ("model=unet", "optimizer.lr=0.0012345678", "seed=0"), FINISHED, 0.71234),
    Job(
        Path("1_unet"),
        ("model=unet", "optimizer.lr=1.23456789e-05", "seed=0"),
        FAILED,
        error="no [red] space",
    ),
    Job(Path("2_unet"), ("model=unet", "seed=0"), NOT_ENDED),
]


def printed(width: int = 80) -> list[str]:
    file = io.StringIO()
    print_jobs(JOBS, Console(file=file, width=width))
    return file.getvalue().splitlines()


def test_settings_that_all_jobs_have_are_left_out() -> None:
    assert differing(JOBS) == [["optimizer.lr=0.0012345678"], ["optimizer.lr=1.23456789e-05"], []]
    assert differing([]) == []


def test_a_single_job_differs_from_none() -> None:
    assert differing(JOBS[:1]) == [[]]


def test_a_line_a_job_with_numbers_that_can_be_read_and_the_reason_below() -> None:
    lines = printed()
    (finished,) = (line for line in lines if "0_unet" in line)
    assert finished.split() == ["0_unet", "optimizer.lr=0.001235", "finished", "0.7123", "–"]
    failed, why = (line for line in lines if "1_unet" in line)
    assert failed.split()[:3] == ["1_unet", "optimizer.lr=1.235e-05", "failed"]
    assert why == "1_unet failed: no [red] space"
    assert max(map(len, lines)) <= 80


def test_the_file_has_all_settings_and_all_digits(tmp_path: Path) -> None:
    write_jobs(tmp_path / "jobs.csv", JOBS)
    with (tmp_path / "jobs.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["job"] for row in rows] == ["0_unet", "1_unet", "2_unet"]
    assert [row["state"] for row in rows] == ["finished", "failed", "not ended"]
    assert [row["validation m-IoU"] for row in rows] == ["0.71234", "", ""]
    assert rows[0]["settings"] == "model=unet optimizer.lr=0.0012345678 seed=0"
    assert rows[1]["error"] == "no [red] space"
