"""Which of several processes this one is, as ``torchrun`` or SLURM's ``srun`` say in the environment.

Reads variables alone, so that a command can tell before anything slow is imported.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hela_seg.system.errors import InputError

MEETING_POINT = "HOST:PORT"
"""Stands in a command for an address that the user chooses."""

MULTIRUN = {"-m", "--multirun"}
"""What makes a command a sweep of runs, as Hydra has it."""


@dataclass(frozen=True)
class RankInfo:
    """The place of this process among those that were started together.

    Attributes:
        rank: number of this process, from 0.
        count: how many there are, on all machines.
        local_rank: number of this process on its machine.
        local_count: how many there are on each machine.
        launcher: what started them; None for a process that was started by itself.
    """

    rank: int = 0
    count: int = 1
    local_rank: int = 0
    local_count: int = 1
    launcher: str | None = None

    @classmethod
    def here(cls) -> RankInfo:
        """The place of this process.

        Raises:
            InputError: SLURM started different numbers of processes on its machines.
        """
        said = os.environ
        if "RANK" in said and "WORLD_SIZE" in said:
            # torchrun inside of a SLURM job counts, not the job
            local = int(said.get("LOCAL_RANK", 0)), int(said.get("LOCAL_WORLD_SIZE", 1))
            return cls(int(said["RANK"]), int(said["WORLD_SIZE"]), *local, "torchrun")
        if "SLURM_STEP_NUM_TASKS" in said:  # of srun, not of a batch script
            count, nodes = int(said["SLURM_STEP_NUM_TASKS"]), int(said.get("SLURM_STEP_NUM_NODES", 1))
            if count % nodes:
                raise InputError(
                    f"srun started {count} processes on {nodes} machines, expected equally many on each: "
                    "use --ntasks-per-node"
                )
            place = int(said["SLURM_PROCID"]), count, int(said["SLURM_LOCALID"]), count // nodes
            return cls(*place, "srun")
        return cls()

    @property
    def nodes(self) -> int:
        """How many machines there are."""
        return self.count // self.local_count

    def to_plain(self) -> dict[str, Any] | None:
        """What all processes have in common, as `launch_command` takes it; None without a launcher."""
        if self.launcher is None:
            return None
        return {"launcher": self.launcher, "nodes": self.nodes, "processes_per_node": self.local_count}


def launch_command(launcher: str, nodes: int, processes_per_node: int) -> list[str]:
    """What stands before ``-m`` in the line that starts these processes.

    Options that a cluster asks for are left out, and of several nodes with ``torchrun`` the meeting point is
    left to be filled in.

    Example:
        ``shell_words("torchrun", 1, 2) == ["torchrun", "--standalone", "--nproc-per-node=2"]``
    """
    if launcher == "srun":
        counts = [f"--nodes={nodes}", f"--ntasks-per-node={processes_per_node}"]
        return ["srun", *counts, "--kill-on-bad-exit=1", "python"]
    meeting = ["--rdzv-backend=c10d", f"--rdzv-endpoint={MEETING_POINT}"]
    among = ["--standalone"] if nodes == 1 else [f"--nnodes={nodes}", *meeting]
    return ["torchrun", *among, f"--nproc-per-node={processes_per_node}"]


def overrides_for_rank(launch: RankInfo, typed: Sequence[str]) -> list[str]:
    """What was typed, as one of several processes shall read it: only the first makes a folder for the run.

    Raises:
        InputError: a sweep, in which a run that fails in one process would leave the others waiting.
    """
    if launch.count > 1 and MULTIRUN & set(typed):
        raise InputError(
            f"--multirun was given to {launch.count} processes that train together, expected a single run: "
            f"start each run of the sweep with a {launch.launcher} of its own"
        )
    return [*typed, *(["hydra.run.dir=.", "hydra.output_subdir=null"] if launch.rank else [])]
