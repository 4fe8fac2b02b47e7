"""Jobs that fail are named at once, the others go on, and the end says which failed."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from conftest import SMALL_NET
from omegaconf import OmegaConf

from hela_seg.cli import main
from hela_seg.data.splits.split import write_split
from hela_seg.runs.sweep.jobs import Job, jobs_in
from hela_seg.system.errors import InputError, PartialResultError


def sweep_of(cells: Path, folder: Path, *more: str, model: str = "unet") -> list[str]:
    data = ["data=folder", f"data.root={cells}", "data.classes=[background,dim,bright]"]
    settings = [*SMALL_NET, f"model={model}", "trainer.max_epochs=1", "logger=csv"]
    return [*data, *settings, "--multirun", f"hydra.sweep.dir={folder}", *more]


def states(jobs: list[Job]) -> dict[str, str]:
    return {job.folder.name: job.state for job in jobs}


def table(sweep: Path) -> list[dict[str, str]]:
    with (sweep / "comparison" / "jobs.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_jobs_stand_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    for name in ("10_unet", "9_unet", "2_vgg19_unet", "mine"):
        (tmp_path / name / ".hydra").mkdir(parents=True)
        OmegaConf.save(OmegaConf.create([f"seed={name}"]), tmp_path / name / ".hydra" / "overrides.yaml")
    found = jobs_in(tmp_path)
    assert [job.folder.name for job in found] == ["2_vgg19_unet", "9_unet", "10_unet", "mine"]
    assert found[0].overrides == ("seed=2_vgg19_unet",)


def test_a_failure_is_named_and_the_others_go_on(
    cells: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    sweep = sweep_of(cells, tmp_path, "optimizer.lr=-1,0.001", "seed=0")
    assert main("train", sweep) == 3
    printed = capfd.readouterr()
    said = [line for line in printed.err.splitlines() if line]
    failure = next(line for line in said if line.startswith("error: job 0_unet failed: optimizer: Invalid"))
    assert said.index(failure) < next(place for place, line in enumerate(said) if line.startswith("epoch"))
    assert said[-1] == "warning: 1 of 2 jobs are not finished: 0_unet failed; resume=true tries them again"
    assert f"\nwarning: {tmp_path / '0_unet'} is of a job that failed (" in printed.err
    assert "[HYDRA]" not in printed.out + printed.err
    assert states(jobs_in(tmp_path)) == {"0_unet": "failed", "1_unet": "finished"}
    assert "0_unet failed: optimizer: Invalid" in printed.out.split("Jobs of the sweep")[1]
    failed, finished = table(tmp_path)
    assert failed["error"].startswith("optimizer: Invalid learning rate: -1")
    validated = json.loads((tmp_path / "1_unet" / "finished.json").read_text())["validation_score"]
    assert float(finished["validation m-IoU"]) == validated
    assert (tmp_path / "comparison" / "comparison.csv").is_file()


def test_a_job_that_failed_is_tried_again_and_one_that_is_finished_is_not(
    cells: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    sweep = sweep_of(cells, tmp_path, model="unet,resnet34_unet")

    def broken(path: Path, *written: Any) -> None:
        if path.parent.name == "1_resnet34_unet":
            raise KeyError("a fault")
        write_split(path, *written)

    with monkeypatch.context() as patch:
        patch.setattr("hela_seg.training.start.write_split", broken)
        assert main("train", sweep) == 3
    assert "1_resnet34_unet failed: a fault of hela_seg, traceback in" in capfd.readouterr().err
    trace = json.loads((tmp_path / "1_resnet34_unet" / "failed.json").read_text())["traceback"]
    assert trace[-1] == "KeyError: 'a fault'"
    assert main("train", [*sweep, "resume=true"]) == 0
    assert f"{tmp_path / '0_unet'} is finished" in capfd.readouterr().err
    assert states(jobs_in(tmp_path)) == {"0_unet": "finished", "1_resnet34_unet": "finished"}
    assert (tmp_path / "1_resnet34_unet" / "scores.json").is_file()


def test_a_launcher_that_dies_leaves_the_rest_in_the_table(
    cells: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    from hydra._internal.core_plugins import basic_launcher

    run_job, calls = basic_launcher.run_job, iter(range(9))

    def dies_in_the_second(**arguments: object) -> object:
        if next(calls) == 1:
            raise OSError("the node is gone")
        return run_job(**arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(basic_launcher, "run_job", dies_in_the_second)
    assert main("train", sweep_of(cells, tmp_path, "seed=0,1")) == 3
    assert "the node is gone" in capfd.readouterr().err
    assert states(jobs_in(tmp_path)) == {"0_unet": "finished"}


@pytest.mark.slow
def test_killed_and_repeated_it_ends_like_one_left_alone(cells: Path, tmp_path: Path) -> None:
    sweep = sweep_of(cells, tmp_path / "killed", "seed=0,1,2", "callbacks.last.every_steps=2")
    sweep = [*sweep, "trainer.max_epochs=20"]
    command = [sys.executable, "-m", "hela_seg.train", *sweep]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    while not (tmp_path / "killed" / "1_unet" / "checkpoints" / "last.ckpt").exists():
        assert process.poll() is None
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    first = (tmp_path / "killed" / "0_unet" / "checkpoints" / "best.ckpt").stat().st_mtime_ns
    assert subprocess.run([*command, "resume=true"], check=False).returncode == 0
    assert first == (tmp_path / "killed" / "0_unet" / "checkpoints" / "best.ckpt").stat().st_mtime_ns
    assert main("train", [*sweep, f"hydra.sweep.dir={tmp_path / 'whole'}"]) == 0
    for job in ("0_unet", "1_unet", "2_unet"):
        scores = [(tmp_path / of / job / "scores.json").read_text() for of in ("killed", "whole")]
        assert scores[0] == scores[1]


def test_ends_of_sweeps_have_their_statuses(tmp_path: Path) -> None:
    from hela_seg.report.comparison.folders import end_sweep

    for number, name in enumerate(("failed", "finished", "neither")):
        folder = tmp_path / f"{number}_unet"
        (folder / ".hydra").mkdir(parents=True)
        OmegaConf.save(OmegaConf.create([f"seed={number}"]), folder / ".hydra" / "overrides.yaml")
        if name != "neither":
            (folder / f"{name}.json").write_text(json.dumps({"error": "no space"}))
    with pytest.raises(PartialResultError, match="2 of 3 jobs are not finished: 0_unet failed, 2_unet not"):
        end_sweep(tmp_path)
    (tmp_path / "1_unet" / "finished.json").unlink()
    with pytest.raises(InputError, match="3 of 3 jobs"):
        end_sweep(tmp_path)
