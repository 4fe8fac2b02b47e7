"""The command as a user runs it, on small nets and small data."""

from __future__ import annotations

import json
import re
from io import StringIO
from pathlib import Path

import pytest
import torch
from rich.console import Console

from hela_seg.benchmark import OF_DATA, OF_NET, print_times
from hela_seg.cli import main
from hela_seg.system.hardware import Machine, choose


def small(folder: Path, cells: Path) -> list[str]:
    data = ["data=folder", f"data.root={cells}", "data.classes=[background,dim,bright]", "data.tile=[32,32]"]
    return [*data, "model=unet", "model.width=4", "repeats=2", "trainer=cpu", f"hydra.run.dir={folder}"]


def test_a_net_is_timed_and_recorded(cells: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main("benchmark", small(tmp_path, cells)) == 0
    record = json.loads((tmp_path / "benchmark.json").read_text())
    seconds = record["nets"]["unet"]["seconds"]
    assert sorted(seconds) == sorted([*OF_DATA, *OF_NET])
    assert all(len(found) == 2 and min(found) > 0 for found in seconds.values())
    assert record["settings"]["tile"] == [32, 32]
    assert record["settings"]["precision"] == choose(Machine.here("cpu")).precision
    assert "torch" in record["versions"]
    shown = capsys.readouterr().out
    assert max(map(len, shown.splitlines())) <= 80 or str(tmp_path) in shown


def test_one_table_has_a_row_a_net() -> None:
    """Of 0.1, 0.3 and 0.1 seconds the median is 100 ms; 4 tiles in 0.2 s are 20 a second."""
    seconds = {stage: [0.1, 0.3, 0.1] for stage in [*OF_DATA, *OF_NET]} | {"full step": [0.2]}
    net = {"seconds": seconds, "peak_memory": 3 * 2**20}
    record = {
        "hardware": {"processor": "abacus", "choices": "two beads"},
        "settings": {"tile": [128, 96], "batch_size": 4, "repeats": 3},
        "nets": {"unet": net, "residual_attention_unet": net | {"peak_memory": None}},
    }
    printed = StringIO()
    print_times(record, Console(file=printed, width=80))
    lines = printed.getvalue().splitlines()
    assert max(map(len, lines)) <= 80
    rows = [re.split(r" {2,}", line.strip()) for line in lines]
    assert ["net", "forward", "fwd+bwd", "step", "frame", "tiles/s", "MiB"] in rows
    assert ["unet", "100.0", "100.0", "200.0", "100.0", "20.0", "3"] in rows
    assert ["residual_attention_unet", "100.0", "100.0", "200.0", "100.0", "20.0", "–"] in rows
    assert any("augmenting it 100.0" in line for line in lines)


def test_a_gpu_is_not_invented(cells: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    settings = ["trainer=gpu" if word == "trainer=cpu" else word for word in small(tmp_path, cells)]
    assert main("benchmark", settings) == 2
    assert "No supported gpu backend found! Choose trainer=auto" in capsys.readouterr().err


def test_no_repeats_are_refused(cells: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main("benchmark", [*small(tmp_path, cells), "repeats=0"]) == 2
    assert "repeats is 0, expected a whole number of 1 or more" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("repeats=1.5", "repeats is 1.5, expected a whole number of 1 or more"),
        ("seed=-1", "seed is -1, expected a whole number from 0"),
        ("data.tile=[7,7]", "data.tile is [7, 7], expected multiples of 16"),
        ("model.width=-1", "model hela_seg.models.unet.UNet cannot be built with "),
        ("trainer.accelerator=odd", "trainer: You selected an invalid accelerator"),
    ],
)
def test_what_cannot_be_timed_is_one_line(
    setting: str, said: str, cells: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main("benchmark", [*small(tmp_path, cells), setting]) == 2
    error = capfd.readouterr().err
    assert error.splitlines()[-1].startswith(f"error: {said}")
    assert "Traceback" not in error
