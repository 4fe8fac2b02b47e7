"""Several processes do the work of one, and what comes out is the same."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import tifffile
import victims
from conftest import draw_cells
from victims import Rank, SignalAfterRename, content, predict, start, work

KILLED = SignalAfterRename(signal.SIGKILL, "0*.json", 1)
"""Kills a worker when the first of its units is done."""


@pytest.fixture(scope="module")
def typed(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Two recordings of several units each, but for the output."""
    folder = tmp_path_factory.mktemp("shared")
    for index, frames in enumerate((11, 6)):
        images, _ = draw_cells(index, frames)
        tifffile.imwrite(folder / f"{index}.tif", images, photometric="minisblack", metadata={"axes": "TYX"})
    return [str(checkpoint), str(folder), "inference.batch_size=2", "cells=parquet"]


@pytest.fixture(scope="module")
def alone(typed: list[str], tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("alone")
    assert predict([*typed, "-o", str(folder)]) == 0
    return content(folder)


def test_ranks_are_shards(typed: list[str], alone: dict[str, bytes], tmp_path: Path) -> None:
    ranks = [start([*typed, "-o", str(tmp_path)], before=Rank(number, 2)) for number in (0, 1)]
    for process in ranks:
        process.join()
    assert [process.exitcode for process in ranks] == [0, 0]
    assert content(tmp_path) == alone


def test_a_lost_job_is_made_up_for_by_one_that_does_all(
    typed: list[str], alone: dict[str, bytes], tmp_path: Path
) -> None:
    log = tmp_path / "log"
    folder = tmp_path / "out"
    assert predict([*typed, "-o", str(folder), "shard=1/2"]) == 0
    assert not list(folder.glob("*.tif"))
    assert predict([*typed, "-o", str(folder)], log) == 0
    assert content(folder) == alone


def test_jobs_with_shards_make_what_one_job_makes_though_one_is_killed_and_starts_again(
    typed: list[str], alone: dict[str, bytes], tmp_path: Path
) -> None:
    shards = [[*typed, "-o", str(tmp_path), f"shard={number}/3"] for number in (1, 2, 3)]
    workers = [start(shards[0], before=KILLED), *map(start, shards[1:])]
    for process in workers:
        process.join()
    assert [process.exitcode for process in workers] == [-signal.SIGKILL, 0, 0]
    assert not (tmp_path / "areas.csv").exists()
    assert predict(shards[0]) == 0
    assert content(tmp_path) == alone


Submit = Callable[..., Callable[[], int]]
"""Has a worker call `victims.work`; gives what waits for its exit status."""


@contextmanager
def by_submitit(folder: Path) -> Iterator[tuple[Submit, type[Exception]]]:
    """Workers of submitit on this machine, and what it raises of one that was killed."""
    submitit = pytest.importorskip("submitit", reason="needs the extra [cluster]")
    executor = submitit.LocalExecutor(folder=folder)
    executor.update_parameters(timeout_min=10)
    yield lambda *arguments: executor.submit(work, *arguments).result, submitit.core.utils.UncompletedJobError


@contextmanager
def by_ray(folder: Path) -> Iterator[tuple[Submit, type[Exception]]]:
    """The same of Ray."""
    ray: Any = pytest.importorskip("ray", reason="needs the extra [cluster]")
    ray.init(num_cpus=4, include_dashboard=False, log_to_driver=False)
    remote = ray.remote(max_retries=0)(work)
    yield lambda *arguments: partial(ray.get, remote.remote(*arguments)), ray.exceptions.WorkerCrashedError
    ray.shutdown()


@pytest.mark.slow
@pytest.mark.parametrize("launcher", [by_submitit, by_ray])
def test_workers_of_launchers_on_one_folder_make_what_one_process_makes(
    launcher: Callable[..., Any],
    typed: list[str],
    alone: dict[str, bytes],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    warnings.simplefilter("ignore")  # of these packages about their own
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(Path(victims.__file__).parent), *sys.path]))
    output = tmp_path / "out"
    shards = [[*typed, "-o", str(output), f"shard={number}/4"] for number in (1, 2, 3, 4)]
    with launcher(tmp_path / "launcher") as (submit, killed):
        first, *others = [submit(shards[0], KILLED), *map(submit, shards[1:])]
        assert [wait() for wait in others] == [0, 0, 0]
        with pytest.raises(killed):
            first()
        assert not (output / "areas.csv").exists()
        assert submit(shards[0])() == 0
    assert content(output) == alone


@pytest.mark.slow
@pytest.mark.parametrize("launcher", ["submitit_local", "ray"])
def test_a_command_for_four_workers_can_be_typed(
    launcher: str, typed: list[str], alone: dict[str, bytes], tmp_path: Path
) -> None:
    plugin = f"hydra_plugins.hydra_{launcher.removesuffix('_local')}_launcher"
    pytest.importorskip(plugin, reason="needs the extra [cluster]")
    shards = ["--multirun", "shard=1/4,2/4,3/4,4/4", f"hydra/launcher={launcher}"]
    said = [*typed, "-o", str(tmp_path / "out"), *shards, f"hydra.sweep.dir={tmp_path / 'workers'}"]
    assert predict(said) == 0
    assert content(tmp_path / "out") == alone


@pytest.mark.slow
def test_torchrun_shares_the_work(typed: list[str], alone: dict[str, bytes], tmp_path: Path) -> None:
    launch = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    command = [sys.executable, *launch, "-m", "hela_seg.predict", *typed, "-o", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert content(tmp_path) == alone
