"""The command as a user runs it, on small nets and small data."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from hela_seg.cli import main
from hela_seg.training.timing.record import read_record

STAGES = ["reading", "augmentation", "loader", "forward", "forward and backward", "full step", "prediction"]


def small(folder: Path, cells: Path) -> list[str]:
    data = ["data=folder", f"data.root={cells}", "data.classes=[background,dim,bright]", "data.tile=[32,32]"]
    return [*data, "model=unet", "model.width=4", "repeats=2", "trainer=cpu", f"hydra.run.dir={folder}"]


def test_a_net_is_timed_recorded_and_compared(
    cells: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main("benchmark", [*small(tmp_path / "a", cells), "peers=false"]) == 0
    record = read_record(tmp_path / "a" / "benchmark.json")
    stages = record.nets["unet"].stages
    assert sorted(stages) == sorted(STAGES)
    assert all(len(stage.seconds) == 2 and min(stage.seconds) > 0 for stage in stages.values())
    assert record.settings["tile"] == [32, 32]
    assert record.settings["precision"] == "32-true"
    assert record.peak > 1e8
    assert "torch" in record.versions
    shown = capsys.readouterr().out
    assert max(map(len, shown.splitlines())) <= 80 or str(tmp_path) in shown
    assert all(stage in shown for stage in STAGES)

    old = tmp_path / "a" / "benchmark.json"
    plain = json.loads(old.read_text())
    plain["versions"]["torch"] = "1.0"
    old.write_text(json.dumps(plain))
    arguments = [*small(tmp_path / "b", cells), "peers=true", "--compare", str(old)]
    assert main("benchmark", arguments) == 0
    assert "bare PyTorch loop" in read_record(tmp_path / "b" / "benchmark.json").nets["unet"].stages
    compared = capsys.readouterr().out
    assert "torch was 1.0, is" in compared
    assert "ratio" in compared


def test_what_cannot_be_compared_with_is_refused_before_anything_is_timed(
    cells: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "old.json").write_text('{"format": 1, "nets": {"unet": 3}}')
    for path, message in (
        (tmp_path / "old.json", "is no benchmark's record"),
        (tmp_path / "none.json", "No such"),
    ):
        assert main("benchmark", [*small(tmp_path / "c", cells), f"compare={path}"]) == 2
        assert message in capsys.readouterr().err
    assert not (tmp_path / "c" / "benchmark.json").exists()


def test_a_gpu_is_not_invented(cells: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    settings = ["trainer=gpu" if word == "trainer=cpu" else word for word in small(tmp_path, cells)]
    assert main("benchmark", settings) == 2
    assert "No supported gpu backend found! Choose trainer=auto" in capsys.readouterr().err


def test_no_repeats_are_refused(cells: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main("benchmark", [*small(tmp_path, cells), "repeats=0"]) == 2
    assert "repeats is 0, expected 1 or more" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("repeats=1.5", "repeats is 1.5, expected 1 or more"),
        ("seed=-1", "seed is -1, expected a whole number from 0"),
        ("data.tile=[7,7]", "data.tile is [7, 7], expected multiples of 16"),
        ("model.width=-1", "model: "),
        ("trainer.accelerator=odd", "trainer: You selected an invalid accelerator"),
    ],
)
def test_what_cannot_be_timed_is_one_line(
    setting: str, said: str, cells: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main("benchmark", [*small(tmp_path, cells), "peers=false", setting]) == 2
    error = capfd.readouterr().err
    assert error.splitlines()[-1].startswith(f"error: {said}")
    assert "Traceback" not in error
