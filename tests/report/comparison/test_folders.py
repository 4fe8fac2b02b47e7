"""Runs are found in folders, compared and written; where there are none, that is said."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest
from fabricated import frame_counts, write_run

from hela_seg.report.comparison.folders import compare_folders, end_sweep
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
