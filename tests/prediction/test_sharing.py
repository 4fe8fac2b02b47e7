"""Several processes do the work of one, and what comes out is the same."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import tifffile
from conftest import draw_cells
from victims import Rank, content, predict, start


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


def test_jobs_with_shards_make_what_one_job_makes(
    typed: list[str], alone: dict[str, bytes], tmp_path: Path
) -> None:
    shards = [start([*typed, "-o", str(tmp_path), f"shard={number}/3"]) for number in (1, 2, 3)]
    for process in shards:
        process.join()
    assert [process.exitcode for process in shards] == [0, 0, 0]
    assert content(tmp_path) == alone


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


@pytest.mark.slow
def test_torchrun_shares_the_work(typed: list[str], alone: dict[str, bytes], tmp_path: Path) -> None:
    launch = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    command = [sys.executable, *launch, "-m", "hela_seg.predict", *typed, "-o", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert content(tmp_path) == alone
