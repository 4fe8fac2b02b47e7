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
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from hela_seg.cli import main as hela_seg

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
    "trainer.max_epochs=4",
)
PHASES = {"writing": "WholeCheckpoints.save_checkpoint", "validation": "_EvaluationLoop.run"}
"""What is going on while a function of this name runs."""

PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["hela_seg.train"])  # torch is imported once, not for each of the runs


@dataclass
class Calls:
    """Counts the calls since training began; kills this process at a given one.

    Attributes:
        fatal: number of the call to die at; None for none.
        epitaph: file for the phase in which the process dies.
        numbers: of the calls seen, by phase.
    """

    fatal: int | None
    epitaph: Path
    count: int = 0
    within: list[str] = field(default_factory=list)
    numbers: dict[str, list[int]] = field(default_factory=lambda: {"": [], **{name: [] for name in PHASES}})

    def __call__(self, frame: FrameType, event: str, _: Any) -> None:
        name = frame.f_code.co_qualname
        phase = next((phase for phase, of in PHASES.items() if of == name), None)
        if phase and event in ("call", "return"):
            self.within.append(phase) if event == "call" else self.within.pop()
        if event not in ("call", "c_call") or not (self.count or name == "_FitLoop.run"):
            return
        now = self.within[-1] if self.within else ""
        self.count += 1
        self.numbers[now].append(self.count)
        if self.count == self.fatal:
            self.epitaph.write_text(now or "elsewhere")
            os.kill(os.getpid(), signal.SIGKILL)


def train(folder: Path, settings: tuple[str, ...], fatal: int | None, found: Any = None) -> None:
    """Train in this process; ``found`` gets the numbers of the calls by phase."""
    torch.set_num_threads(1)
    sys.stdout = sys.stderr = folder.with_suffix(".log").open("a")
    calls = Calls(fatal, folder.with_suffix(".epitaph"))
    sys.setprofile(calls if fatal is not None or found is not None else None)
    status = hela_seg("train", [*settings, f"hydra.run.dir={folder}"])
    sys.setprofile(None)
    if found is not None:
        found.put(calls.numbers)
    sys.exit(status)


def run(folder: Path, settings: tuple[str, ...], fatal: int | None = None) -> int:
    """Train in a process of its own; its exit code, -9 where it was killed."""
    process = PROCESSES.Process(target=train, args=(folder, settings, fatal))
    process.start()
    process.join()
    assert process.exitcode is not None
    return process.exitcode


def count(folder: Path, settings: tuple[str, ...]) -> dict[str, list[int]]:
    """Train undisturbed, and number the calls by phase."""
    found = PROCESSES.Queue()
    process = PROCESSES.Process(target=train, args=(folder, settings, None, found))
    process.start()
    numbers: dict[str, list[int]] = found.get(timeout=300)
    process.join()
    assert process.exitcode == 0
    return numbers


def differences(folder: Path, other: Path) -> list[str]:
    """What two runs ended with that is not the same."""
    return [name for name, of in RESULTS.items() if not _same(of(folder), of(other))]


def _checkpoint(name: str, *keys: str) -> Any:
    def read(folder: Path) -> Any:
        content = torch.load(folder / "checkpoints" / name, weights_only=True)
        return [content[key] for key in keys]

    return read


def _tensorboard(folder: Path) -> Any:
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
        print(f"{sum(map(len, numbers.values()))} calls, of these", end=" ")
        print(", ".join(f"{len(numbers[phase])} in {phase}" for phase in PHASES))
        same = 0
        for index in range(runs):
            folder = Path(scratch) / f"run {index}"
            deaths = []
            for attempt in range(draw.choice([1, 1, 2])):
                phase = list(numbers)[(index + attempt) % len(numbers)]
                workers = f"data.workers={draw.randrange(3)}"
                resume = ("resume=true",) if attempt else ()
                code = run(folder, (*settings, workers, *resume), draw.choice(numbers[phase]))
                deaths.append(
                    folder.with_suffix(".epitaph").read_text() if code == -signal.SIGKILL else "not"
                )
            code = run(folder, (*settings, f"data.workers={draw.randrange(3)}", "resume=true"))
            odd = differences(whole, folder) if code == 0 else [f"exit status {code}"]
            same += not odd
            print(
                f"run {index:2}  killed in {', '.join(deaths):28} ", ", ".join(odd) or "identical", flush=True
            )
    print(f"{same} of {runs} identical, {time.perf_counter() - began:.0f} s")
    return int(same < runs)


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
