"""Kills training runs at random moments, goes on with them, and compares with one that was left alone.

    python tests/benchmarks/resume.py [RUNS [SEED]]

A moment is a call of any function from the start of training to the end of the command, drawn in turn from
those inside the writing of a checkpoint, from those inside validation and from all others. There the run ends
itself with SIGKILL, which no handler and no `finally` sees. Some runs are killed a second time after they
went on, and the number of workers is drawn anew at each start. Compared are the weights, bit by bit, the
state of the optimiser, the logs and the test scores.
"""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from pytorch_lightning.loops.evaluation_loop import _EvaluationLoop

from hela_seg.cli import main as hela_seg
from hela_seg.training.checkpoints import AtomicCheckpointIO

SETTINGS = (
    "data=synthetic",
    "data.drawing={series: 4, frames: 2, height: 64, width: 64, seed: 0}",
    "data.tile=[32,32]",
    "data.batch_size=2",
    "data.steps_per_epoch=7",
    "augment=microscopy",
    "model=unet",  # has dropout
    "model.width=2",
    "scheduler=plateau",
    "scheduler.build.patience=0",
    "+scheduler.build.threshold=0.2",
    "callbacks.last.every_steps=2",
    "trainer=cpu",
    "report=false",
    "trainer.max_epochs=4",
)
PHASES = {
    "while writing": AtomicCheckpointIO.save_checkpoint.__qualname__,
    "while validating": _EvaluationLoop.run.__qualname__,
}
"""What is going on while a function of this name runs."""

ELSEWHERE = "elsewhere"

PROCESSES = multiprocessing.get_context("forkserver")
# what takes seconds is imported once, not for each of the runs
PROCESSES.set_forkserver_preload(["hela_seg.train", "torch.utils.tensorboard"])


@dataclass
class Calls:
    """Counts the calls since training began; kills this process at a given one.

    Attributes:
        fatal: the phase to die in, and the number of the call within it; None to live.
        numbers: of the calls seen, by phase.
    """

    fatal: tuple[str, int] | None
    within: list[str] = field(default_factory=list)
    numbers: Counter[str] = field(default_factory=Counter)

    def __call__(self, frame: FrameType, event: str, _: Any) -> None:
        name = frame.f_code.co_qualname
        phase = next((phase for phase, of in PHASES.items() if of == name), None)
        if phase and event in ("call", "return"):
            self.within.append(phase) if event == "call" else self.within.pop()
        if event not in ("call", "c_call") or not (self.numbers or name == "_FitLoop.run"):
            return
        now = self.within[-1] if self.within else ELSEWHERE
        self.numbers[now] += 1
        if (now, self.numbers[now]) == self.fatal:
            os.kill(os.getpid(), signal.SIGKILL)


def die_at(phase: str, number: int) -> None:
    """Have this process die at a call of a phase."""
    sys.setprofile(Calls((phase, number)))


def die_writing(checkpoint: int) -> None:
    """Have this process die when half of a checkpoint is on the disk."""
    save, calls = torch.save, iter(range(1, checkpoint + 1))

    def half(content: Any, path: Path) -> None:
        save(content, path)
        if next(calls) == checkpoint:
            os.truncate(path, path.stat().st_size // 2)
            os.kill(os.getpid(), signal.SIGKILL)

    torch.save = half  # type: ignore[assignment]


def train(folder: Path, settings: tuple[str, ...], first: Callable[[], None] | None) -> None:
    """Train in this process, with what it says in a file; ``first`` is called before."""
    torch.set_num_threads(1)
    sys.stdout = sys.stderr = folder.with_suffix(".log").open("a")
    if first is not None:
        first()
    sys.exit(hela_seg("train", [*settings, f"hydra.run.dir={folder}"]))


def train_counted(folder: Path, settings: tuple[str, ...], found: Any) -> None:
    """Train in this process; ``found`` gets the number of calls by phase."""
    calls = Calls(None)
    try:
        train(folder, settings, partial(sys.setprofile, calls))
    finally:
        sys.setprofile(None)
        found.put(calls.numbers)


def run(folder: Path, settings: tuple[str, ...], first: Callable[[], None] | None = None) -> int:
    """Train in a process of its own, after ``first``; its exit code, -9 where it was killed."""
    return _exit_code(PROCESSES.Process(target=train, args=(folder, settings, first)))


def count(folder: Path, settings: tuple[str, ...]) -> dict[str, int]:
    """Train undisturbed, and count the calls by phase."""
    found = PROCESSES.SimpleQueue()
    assert _exit_code(PROCESSES.Process(target=train_counted, args=(folder, settings, found))) == 0
    numbers: dict[str, int] = found.get()
    assert numbers.keys() == {*PHASES, ELSEWHERE}, numbers
    return numbers


def _exit_code(process: Any) -> int:
    process.start()
    process.join()
    code: int = process.exitcode
    return code


def differences(folder: Path, other: Path) -> list[str]:
    """What two runs ended with that is not the same."""
    return [name for name, of in RESULTS.items() if not _same(of(folder), of(other))]


def _checkpoint(name: str, *keys: str) -> Any:
    def read(folder: Path) -> Any:
        content = torch.load(folder / "checkpoints" / name, weights_only=True)
        return [content[key] for key in keys]

    return read


def _tensorboard(folder: Path) -> Any:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator  # slow, not for a run

    events = EventAccumulator(str(folder / "logs" / "tensorboard"), {"scalars": 0})
    events.Reload()
    return {tag: [(e.step, repr(e.value)) for e in events.Scalars(tag)] for tag in events.Tags()["scalars"]}


RESULTS: dict[str, Any] = {
    "weights": _checkpoint("last.ckpt", "state_dict", "epoch", "global_step"),
    "optimiser and schedule": _checkpoint("last.ckpt", "optimizer_states", "lr_schedulers"),
    "best weights": _checkpoint("best.ckpt", "state_dict", "epoch", "global_step"),
    "table of the log": lambda folder: (folder / "logs" / "metrics.csv").read_text(),
    "TensorBoard": _tensorboard,
    "test scores": lambda folder: (folder / "scores.json").read_text(),
    "files": lambda folder: sorted(
        str(path.relative_to(folder)) for path in folder.rglob("*") if "tfevents" not in path.name
    ),
}


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, torch.Tensor):
        return torch.equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(_same, one, other))
    return bool(one == other)


def main(runs: int = 20, seed: int = 0) -> int:
    """Print a line a run and the sum; 1 where any run ended differently."""
    draw, began = random.Random(seed), time.perf_counter()
    with tempfile.TemporaryDirectory() as scratch:
        settings = (*SETTINGS, f"data.root={scratch}/cells")
        whole = Path(scratch) / "whole"
        numbers = count(whole, settings)
        print(", ".join(f"{number} calls {phase}" for phase, number in numbers.items()))
        same = 0
        for index in range(runs):
            folder = Path(scratch) / f"run {index}"
            deaths = []
            for attempt in range(draw.choice([1, 1, 2])):
                phase = (ELSEWHERE, *PHASES)[(index + attempt) % 3]
                workers = f"data.workers={draw.randrange(3)}"
                resume = ("resume=true",) if attempt else ()
                fatal = partial(die_at, phase, draw.randint(1, numbers[phase]))
                code = run(folder, (*settings, workers, *resume), fatal)
                deaths.append(phase if code == -signal.SIGKILL else "not")
            code = run(folder, (*settings, f"data.workers={draw.randrange(3)}", "resume=true"))
            odd = differences(whole, folder) if code == 0 else [f"exit status {code}"]
            same += not odd
            told = ", ".join(odd) or "identical"
            print(f"run {index:2}  killed {', '.join(deaths):32}  {told}", flush=True)
    print(f"{same} of {runs} identical, {time.perf_counter() - began:.0f} s")
    return int(same < runs)


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
