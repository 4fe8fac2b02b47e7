"""What several processes that train one net tell each other, and who is missed when one of them ends.

A process by itself gets its own word back from each function here, at once.
"""

from __future__ import annotations

import os
import platform
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed import PrefixStore, TCPStore  # type: ignore[attr-defined]  # public, but not typed so

from hela_seg.system.errors import InputError, message_of
from hela_seg.system.ranks import RankInfo

BEAT_SECONDS = 0.5
"""Between two signs of life of a process."""

BEATS_MISSED = 6
"""After so many without a sign a process counts as lost, where another one cannot reach it any more."""

BEATS_TO_HEAR = 3
"""So long a process that ends waits for the others to hear of it: it may be the one that keeps the store."""

PATIENCE = timedelta(days=1)
"""How long others are waited for that live: while masks are read or frames scored, for instance."""

_WORD = "ended"
"""Where in the store lies who ended first."""

Value = TypeVar("Value")
_talk: Any = None  # a process group; None: the group of all, which talks between CPUs as it is


@contextmanager
def process_group(launch: RankInfo, *, gpu: bool) -> Iterator[None]:
    """Work together with the processes that were started together; alone, nothing is done.

    Args:
        launch: the place of this process.
        gpu: whether each process computes on a GPU of its own.

    Raises:
        InputError: another process has ended, and how; or there are fewer GPUs than processes.
    """
    if launch.launcher is None:
        yield
        return
    _meet(launch, gpu=gpu)
    life = _SignsOfLife(launch)
    try:
        yield
        dist.barrier(_talk)  # who leaves first would take the store along
    except InputError as error:
        life.end_with(message_of(error))
        raise
    except Exception as error:
        if isinstance(error, RuntimeError) and (ended := life.others_ended()):
            raise InputError(ended) from None
        life.end_with(f"{type(error).__name__}: {error}")
        raise
    else:
        dist.destroy_process_group()
    finally:
        life.end()


def is_rank_zero() -> bool:
    """Whether this is the process that writes files and prints: rank 0, or the only one."""
    return not dist.is_initialized() or dist.get_rank() == 0


def broadcast_from_rank_zero(value: Value) -> Value:
    """What rank 0 says."""
    if not dist.is_initialized():
        return value
    words = [value]
    dist.broadcast_object_list(words, 0, _talk, torch.device("cpu"))
    return words[0]


def all_gather(value: Value) -> list[Value]:
    """What each process says, in the order of ranks."""
    if not dist.is_initialized():
        return [value]
    words: list[Value] = [value] * dist.get_world_size()
    dist.all_gather_object(words, value, _talk)
    return words


@contextmanager
def rank_zero_first() -> Iterator[None]:
    """Let rank 0 through, and the others when it is done, so that they find what it wrote."""
    if not is_rank_zero():
        dist.barrier(_talk)
    yield
    if dist.is_initialized() and is_rank_zero():
        dist.barrier(_talk)


def average(tensors: Iterable[Tensor]) -> None:
    """Replace tensors by their mean over all processes, in place."""
    for tensor in tensors if dist.is_initialized() else ():
        dist.all_reduce(tensor)
        tensor /= dist.get_world_size()


def broadcast_tensors(tensors: Iterable[Tensor]) -> None:
    """Replace tensors by those of rank 0, in place."""
    for tensor in tensors if dist.is_initialized() else ():
        dist.broadcast(tensor, 0)


def _meet(launch: RankInfo, *, gpu: bool) -> None:
    """Connect the processes, and the CPUs among them where the net is on GPUs."""
    global _talk
    if gpu:
        if launch.local_count > torch.cuda.device_count():
            raise InputError(
                f"{launch.local_count} processes were started on a machine where {torch.cuda.device_count()} "
                "GPU(s) can be seen, expected one GPU each: start fewer, or set trainer.accelerator=cpu"
            )
        torch.cuda.set_device(launch.local_rank)
    _say_as_torchrun(launch)
    dist.init_process_group("nccl" if gpu else "gloo", timeout=None if gpu else PATIENCE)
    _talk = dist.new_group(backend="gloo", timeout=PATIENCE) if gpu else None


def _say_as_torchrun(launch: RankInfo) -> None:
    """Put what ``srun`` says into the words of ``torchrun``, which PyTorch and Lightning read."""
    if launch.launcher == "srun":
        # here, because importing it takes a second that prediction need not take
        from lightning_fabric.plugins.environments.slurm import SLURMEnvironment

        job = int(os.environ.get("SLURM_JOB_ID", 0)) + int(os.environ.get("SLURM_STEP_ID", 0))
        os.environ.setdefault("MASTER_PORT", str(15_000 + job % 10_000))
        nodes = os.environ["SLURM_STEP_NODELIST"]
        os.environ.setdefault("MASTER_ADDR", SLURMEnvironment.resolve_root_node_address(nodes))
    os.environ |= {
        "RANK": str(launch.rank),
        "WORLD_SIZE": str(launch.count),
        "LOCAL_RANK": str(launch.local_rank),
        "LOCAL_WORLD_SIZE": str(launch.local_count),
        "GROUP_RANK": str(launch.rank // launch.local_count),
    }


class _SignsOfLife:
    """Counts up in a store that all processes see as long as this process lives, and listens to the others.

    A process that can no longer reach another one only knows that some process has ended. Which one it was it
    hears from those that know: from the one itself, where it had the time to say so, or from the first that
    finds it no longer counting.

    Args:
        launch: the place of this process.
    """

    def __init__(self, launch: RankInfo) -> None:
        self._rank, self._others = launch.rank, [r for r in range(launch.count) if r != launch.rank]
        self._names = all_gather(f"rank {launch.rank} (process {os.getpid()} on {platform.node()})")
        # a connection of its own, because one that waits for a key lets nobody else through
        address, port = os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"])
        attempt = os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")
        store = TCPStore(address, port, is_master=False, timeout=timedelta(seconds=30))
        self._store = PrefixStore(f"hela_seg/{attempt}", store)
        self._heard: str | None = None
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._live, daemon=True)
        self._thread.start()

    def end_with(self, why: str) -> None:
        """Tell the others why this process ends."""
        self._tell(f"{self._names[self._rank]} ended: {why}")

    def others_ended(self) -> str | None:
        """Which other processes have ended, in one line for people; None where all of them live."""
        try:
            before = self._beats()
            for _ in range(BEATS_MISSED):
                if self._heard:
                    return self._heard
                self._over.wait(BEAT_SECONDS)
            lost = [rank for rank, beats in self._beats().items() if beats == before[rank]]
        except RuntimeError:
            lost = [0]  # it keeps the store
        if self._heard or not lost:
            return self._heard
        names = " and ".join(self._names[rank] for rank in lost)
        found = (
            f"{names} has ended, so the others end too: see what it said last, which is nothing where it was "
            "killed, and go on with resume=FOLDER"
        )
        self._tell(found)
        return found

    def end(self) -> None:
        """No longer count."""
        self._over.set()
        self._thread.join()

    def _tell(self, word: str) -> None:
        try:
            if not self._store.check([_WORD]):
                self._store.set(_WORD, word)
            self._over.wait(BEATS_TO_HEAR * BEAT_SECONDS)
        except RuntimeError:
            return  # whoever kept the store is gone, and each finds that out for itself

    def _live(self) -> None:
        try:
            while not self._over.wait(BEAT_SECONDS):
                self._store.add(f"beats/{self._rank}", 1)
                if self._heard is None and self._store.check([_WORD]):
                    self._heard = self._store.get(_WORD).decode()
        except RuntimeError:
            return  # the store is gone; the process notices where it next needs the others

    def _beats(self) -> dict[int, int]:
        return {rank: self._store.add(f"beats/{rank}", 0) for rank in self._others}
