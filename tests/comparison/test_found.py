"""Runs are found wherever they lie, and what is wrong with one is said without losing the others."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from fabricated import NAMES, frame_counts, write_run

from hela_seg.comparison.found import find_runs


def only_fault(root: Path) -> str:
    """What is said of the folder ``bad``, beside which a good run is found."""
    write_run(root / "good", frame_counts())
    found, faults = find_runs([root])
    assert [run.folder for run in found] == [root / "good"]
    (fault,) = faults
    assert str(root / "bad") in fault
    assert "\n" not in fault
    return fault


def test_runs_are_found_at_any_depth_and_named_once(tmp_path: Path) -> None:
    for place in ("a", "sweep/0_unet", "sweep/1_unet"):
        write_run(tmp_path / place, frame_counts())
    (tmp_path / "sweep" / "0_unet" / "logs" / "checkpoints").mkdir(parents=True)
    (tmp_path / "sweep" / "comparison").mkdir()
    found, faults = find_runs([tmp_path, tmp_path / "sweep", tmp_path / "a"])
    assert [str(run.folder.relative_to(tmp_path)) for run in found] == ["a", "sweep/0_unet", "sweep/1_unet"]
    assert faults == []
    assert found[0].classes.names == list(NAMES)
    np.testing.assert_array_equal(found[0].counts.matrix, frame_counts().matrix)


@pytest.mark.parametrize(
    ("lost", "expected"),
    [
        ("run.json", "lacks run.json (an older version, or a file was lost)"),
        ("frames.csv", "lacks frames.csv"),
        ("scores.json", "has not ended (no scores.json)"),
    ],
)
def test_a_missing_file_is_named(lost: str, expected: str, tmp_path: Path) -> None:
    (write_run(tmp_path / "bad", frame_counts()) / lost).unlink()
    assert expected in only_fault(tmp_path)


@pytest.mark.parametrize("trace", ["checkpoints/last.ckpt", "class_positions.npy"])
def test_a_run_that_has_not_ended_is_named(trace: str, tmp_path: Path) -> None:
    (tmp_path / "bad" / trace).parent.mkdir(parents=True)
    (tmp_path / "bad" / trace).touch()
    assert "holds a run that has not ended" in only_fault(tmp_path)


def test_a_job_that_failed_is_told_from_a_run_that_may_go_on(tmp_path: Path) -> None:
    (tmp_path / "bad" / "checkpoints").mkdir(parents=True)
    (tmp_path / "bad" / "failed.json").write_text(json.dumps({"error": "no room", "traceback": []}))
    fault = only_fault(tmp_path)
    assert "is of a job that failed (no room)" in fault
    assert "has not ended" not in fault


def test_a_run_without_test_frames_is_named(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "bad", frame_counts())
    for name in ("scores.json", "frames.csv"):
        (folder / name).unlink()
    assert "kept no frames for testing" in only_fault(tmp_path)


@pytest.mark.parametrize(
    ("name", "change", "expected"),
    [
        ("run.json", {"format": 2}, "update hela_seg"),
        ("run.json", {"format": "new"}, "format new"),
        ("run.json", {"moon": 1}, "is damaged"),
        ("run.json", {"costs": None}, "is damaged"),
        ("scores.json", {"classes": None}, "is damaged"),
        ("scores.json", {"classes": ["a", "b", "c"]}, "has other columns than those of a, b, c"),
        ("scores.json", {"confusion_matrix": [[1, 0, 0], [0, 1, 0], [0, 0, 1]]}, "does not add up"),
        ("scores.json", {"confusion_matrix": "much"}, "is damaged"),
    ],
)
def test_files_that_contradict_each_other_or_come_from_the_future(
    name: str, change: dict[str, object], expected: str, tmp_path: Path
) -> None:
    path = write_run(tmp_path / "bad", frame_counts()) / name
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    assert expected in only_fault(tmp_path)


@pytest.mark.parametrize("name", ["run.json", "scores.json", "frames.csv"])
@pytest.mark.parametrize("share", [0.0, 0.5, 0.97])
def test_a_file_cut_short_is_named(name: str, share: float, tmp_path: Path) -> None:
    path = write_run(tmp_path / "bad", frame_counts()) / name
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    only_fault(tmp_path)


def test_empty_and_missing_folders_are_named(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    found, faults = find_runs([tmp_path / "empty", tmp_path / "nowhere"])
    assert found == []
    assert "empty holds no run" in faults[0]
    assert "nowhere is no folder" in faults[1]


def test_a_copied_folder_is_another_run(tmp_path: Path) -> None:
    shutil.copytree(write_run(tmp_path / "a", frame_counts()), tmp_path / "b")
    assert len(find_runs([tmp_path])[0]) == 2
