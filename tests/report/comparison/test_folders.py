"""All finished runs of some folders in one table, and what became of the jobs of a sweep."""

from __future__ import annotations

import csv
import io
import json
import logging
from pathlib import Path

import pytest
from fabricated import frame_counts, write_run
from rich.console import Console

from hela_seg.report.comparison.folders import compare_folders, differing, end_sweep, print_jobs, write_jobs
from hela_seg.runs.sweep.jobs import FAILED, FINISHED, NOT_ENDED, Job
from hela_seg.system.errors import InputError


def test_folders_without_a_finished_run_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no finished run to compare"):
        compare_folders([tmp_path], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_runs_of_several_folders_stand_in_one_table(tmp_path: Path) -> None:
    for seed in (0, 1):
        write_run(tmp_path / f"of {seed}" / "run", frame_counts(seed), seed=seed)
    (comparison,) = compare_folders([tmp_path / "of 0", tmp_path / "of 1"], tmp_path / "out")
    assert [len(row.runs) for row in comparison.rows] == [2]
    assert {path.suffix for path in (tmp_path / "out").iterdir()} >= {".csv", ".md", ".tex", ".html"}


def test_what_cannot_be_compared_is_warned_of(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    write_run(tmp_path / "whole", frame_counts(0))
    write_run(tmp_path / "broken", frame_counts(1))
    (tmp_path / "broken" / "scores.json").write_text("{}")
    with caplog.at_level(logging.WARNING):
        assert len(compare_folders([tmp_path], tmp_path / "out")) == 1
    assert "scores.json" in caplog.text


def test_a_sweep_ends_with_one_short_table_and_the_path_of_the_page(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    for seed in (0, 1):
        folder = write_run(tmp_path / f"{seed}_unet", frame_counts(seed), seed=seed)
        (folder / ".hydra").mkdir()
        (folder / ".hydra" / "overrides.yaml").write_text(f"[seed={seed}]")
        (folder / "finished.json").write_text(json.dumps({"validation_score": 0.5}))
    end_sweep(tmp_path)
    title, _, _, *jobs, _, page = capsys.readouterr().out.splitlines()
    assert title == "Jobs of the sweep"
    assert [line.split()[:4] for line in jobs] == [
        [f"{seed}_unet", f"seed={seed}", "finished", "0.5000"] for seed in (0, 1)
    ]
    for seed, line in enumerate(jobs):
        test = json.loads((tmp_path / f"{seed}_unet" / "scores.json").read_text())["mean"]["iou"]
        assert line.split()[-1] == f"{test:.4f}"
    assert page == f"page  {tmp_path / 'comparison' / 'comparison.html'}"
    assert (tmp_path / "comparison" / "pairs.csv").exists()


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
