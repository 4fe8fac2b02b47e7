"""What launchers say in the environment."""

from __future__ import annotations

import os
from unittest import mock

import pytest

from hela_seg.system.errors import InputError
from hela_seg.system.ranks import RankInfo, launch_command, overrides_for_rank

TORCHRUN = {"RANK": "5", "LOCAL_RANK": "1", "WORLD_SIZE": "8", "LOCAL_WORLD_SIZE": "4"}
SRUN = {
    "SLURM_PROCID": "5",
    "SLURM_LOCALID": "1",
    "SLURM_STEP_NUM_TASKS": "8",
    "SLURM_STEP_NUM_NODES": "2",
    "SLURM_NTASKS": "8",
}
BATCH_SCRIPT = {"SLURM_JOB_ID": "7", "SLURM_NTASKS": "8", "SLURM_PROCID": "0"}


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({}, RankInfo()),
        (TORCHRUN, RankInfo(5, 8, 1, 4, "torchrun")),
        (SRUN, RankInfo(5, 8, 1, 4, "srun")),
        (SRUN | {"RANK": "0", "WORLD_SIZE": "2"}, RankInfo(0, 2, 0, 1, "torchrun")),  # inside of a SLURM job
        (BATCH_SCRIPT, RankInfo()),
    ],
)
def test_the_place_of_a_process_is_what_its_launcher_says(said: dict[str, str], expected: RankInfo) -> None:
    with mock.patch.dict(os.environ, said, clear=True):
        assert RankInfo.here() == expected
    assert expected.nodes == expected.count // expected.local_count


@pytest.mark.parametrize(
    ("place", "line"),
    [
        (RankInfo(1, 2, 1, 2, "torchrun"), "torchrun --standalone --nproc-per-node=2"),
        (
            RankInfo(5, 8, 1, 4, "torchrun"),
            "torchrun --nnodes=2 --rdzv-backend=c10d --rdzv-endpoint=HOST:PORT --nproc-per-node=4",
        ),
        (RankInfo(5, 8, 1, 4, "srun"), "srun --nodes=2 --ntasks-per-node=4 --kill-on-bad-exit=1 python"),
    ],
)
def test_a_launch_can_be_typed_again(place: RankInfo, line: str) -> None:
    plain = place.to_plain()
    assert plain is not None
    assert " ".join(launch_command(**plain)) == line
    assert RankInfo().to_plain() is None


def test_machines_with_different_numbers_of_processes_are_refused() -> None:
    uneven = mock.patch.dict(os.environ, SRUN | {"SLURM_STEP_NUM_NODES": "3"}, clear=True)
    with uneven, pytest.raises(InputError, match="srun started 8 processes on 3 machines"):
        RankInfo.here()


def test_only_the_first_process_makes_the_folder_of_a_run() -> None:
    assert overrides_for_rank(RankInfo(0, 2), ["seed=1"]) == ["seed=1"]
    assert overrides_for_rank(RankInfo(1, 2), ["seed=1"]) == [
        "seed=1",
        "hydra.run.dir=.",
        "hydra.output_subdir=null",
    ]
