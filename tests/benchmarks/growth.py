"""How time and memory of the commands grow with the number of recordings, or of runs to compare.

    OMP_NUM_THREADS=1 python tests/benchmarks/growth.py [--counts 10 100 1000] [--frames 1]
    OMP_NUM_THREADS=1 python tests/benchmarks/growth.py --simulated 1000 10000 100000

Each command runs as a user types it, in a process of its own that has all imports behind it, whose CPU
seconds and most memory count. What it takes at the first of the counts, mostly that of starting, is taken off
before the exponent is computed between the last two: 1 is linear, "-" grows too little to tell. Of two counts
the exponent is that of the whole cost. Recordings are drawn, of few small frames each; runs to compare are
fabricated, as many as there are recordings, up to a thousand.

The second line takes recordings that are not there, as if they had been predicted, and has their tables
written: what grows faster than linearly is seen there long before anybody has as many.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))
from conftest import write_folder
from fabricated import frame_counts, write_run

from hela_seg.cells.timecourse import TimeCourse
from hela_seg.cli import main as command
from hela_seg.data.classes import Classes
from hela_seg.data.splits.table import Block, read_split, write_split
from hela_seg.data.stacks import ArraySeries
from hela_seg.prediction.folder import ResultFolder
from hela_seg.prediction.job import Job, Wanted
from hela_seg.prediction.recording import PredictedRecording
from hela_seg.prediction.result_files import result_paths
from hela_seg.prediction.results import write_areas
from hela_seg.report.pictures.curves import draw_time_course
from hela_seg.report.pictures.drawings import write_figure

NET = ["model=unet", "model.width=2", "data.tile=[32,32]", "data.batch_size=2", "trainer=cpu", "logger=csv"]
DATA = ["data=folder", "data.root=data", "data.classes=[background,dim,bright]"]
NETS_RUN = ["train", *DATA, *NET, "trainer.max_steps=1", "report=false", "data.root=few", "hydra.run.dir=net"]
CHECKPOINT = "net/checkpoints/best.ckpt"
"""Of a net that predicts, trained on a few recordings, however many there are to predict."""

COMMANDS = {
    "check": ["check", *DATA, "hydra.run.dir=checked"],
    "training: start and one step": [
        *("train", *DATA, *NET, "trainer.max_steps=1", "report=false"),
        *("data.split.test=1", "data.split.validation=1", "hydra.run.dir=trained"),
    ],
    "training: scores of test frames": [
        *("train", *DATA, *NET, "trainer.max_steps=1", "report=false", "hydra.run.dir=scored"),
        *("data.split.test=0.8", "data.split.validation=1"),
    ],
    "training: scores and report": [
        *("train", *DATA, *NET, "trainer.max_steps=1", "hydra.run.dir=reported"),
        *("data.split.test=0.8", "data.split.validation=1"),
    ],
    "prediction: class maps": ["predict", CHECKPOINT, "data/images", "-o", "maps", "cells=none"],
    "prediction: and cells": ["predict", CHECKPOINT, "data/images", "-o", "cells"],
    "prediction: and tracks": ["predict", CHECKPOINT, "data/images", "-o", "tracks", "track=true"],
    "comparison of as many runs": ["compare", "runs", "hydra.run.dir=compared"],
}


def main() -> None:
    """Print a table in Markdown."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    asked.add_argument("--counts", nargs="+", type=int, default=[10, 100, 1000])
    asked.add_argument("--frames", type=int, default=1)
    asked.add_argument("--commands", nargs="*", default=list(COMMANDS), choices=list(COMMANDS))
    asked.add_argument("--simulated", nargs="+", type=int, help="counts of recordings that are not there")
    args = asked.parse_args()
    if args.simulated:
        simulate(args.simulated, args.frames)
        return
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in args.commands}
    for name in {COMMANDS[name][0] for name in args.commands}:
        import_module(f"hela_seg.{name}")
    for count in args.counts:
        with tempfile.TemporaryDirectory() as scratch:
            root = Path(scratch)
            prepare(root, count, args.frames, {COMMANDS[name][0] for name in args.commands})
            for name in args.commands:
                found[name].append(cost(root, COMMANDS[name]))
                print(
                    count, name, *(f"{value:.1f}" for value in found[name][-1]), file=sys.stderr, flush=True
                )
    print(f"| command | {' | '.join(f'{count:,}: CPU s, MiB' for count in args.counts)} | exponents |")
    print("|---" * (len(args.counts) + 2) + "|")
    for name, costs in found.items():
        cells = " | ".join(f"{seconds:.1f}, {memory:.0f}" for seconds, memory in costs)
        exponents = ", ".join(exponent(args.counts, [cost[i] for cost in costs]) for i in (0, 1))
        print(f"| {name} | {cells} | {exponents} |")


def prepare(root: Path, count: int, frames: int, programs: set[str]) -> None:
    """Write what some programs are to look at."""
    write_folder(root / "data", count, frames)
    if "predict" in programs:
        write_folder(root / "few")
        cost(root, NETS_RUN)
    for number in range(min(count, 1000) if "compare" in programs else 0):
        write_run(root / "runs" / f"{number}", frame_counts(number), seed=number % 3, lr=number // 3)


def simulate(counts: list[int], frames: int) -> None:
    """Print a table in Markdown: CPU seconds of what is made of recordings that are not there."""
    found: dict[str, list[float]] = {}
    for count in counts:
        with tempfile.TemporaryDirectory() as scratch:
            for name, action in tables(Path(scratch), count, frames).items():
                began = time.process_time()
                action()
                found.setdefault(name, []).append(time.process_time() - began)
    print(f"| of recordings | {' | '.join(f'{count:,}: CPU s' for count in counts)} | exponent |")
    print("|---" * (len(counts) + 2) + "|")
    for name, seconds in found.items():
        last = np.log(seconds[-1] / seconds[-2]) / np.log(counts[-1] / counts[-2])
        print(f"| {name} | {' | '.join(f'{value:.3f}' for value in seconds)} | {last:.2f} |")


def tables(folder: Path, count: int, frames: int) -> dict[str, Callable[[], object]]:
    """What is made of so many recordings of so many frames after the nets have seen them, by name."""
    classes, names = Classes(["background", "dim", "bright"]), [f"dish {number}" for number in range(count)]
    series = []
    for name in names:
        one = ArraySeries(np.zeros((frames, 4, 4), np.uint8), "TYX", 1)
        one.path, one.name = folder / f"{name}.tif", name
        series.append(one)
    job = Job(series, classes, Wanted(), [1] * count, {"settings": "{}"}, dict.fromkeys(names, "0" * 64))
    pixels, cells = np.array([10, 4, 2]), np.array([0, 1, 1])
    results = [
        PredictedRecording(job, ResultFolder(folder), index, [pixels] * frames, [cells] * frames)
        for index in range(count)
    ]
    courses = [TimeCourse(name, np.stack([pixels] * frames), np.stack([cells] * frames)) for name in names]
    blocks = [Block(number, 0, frames, "train") for number in range(count)]

    def split() -> None:
        """Write the table of a split and read it again."""
        write_split(folder / "split.csv", blocks, names)
        read_split(folder / "split.csv", names)

    return {
        "units, and the record of a prediction": lambda: (job.units, json.dumps(job.to_plain())),
        "names of all results": lambda: result_paths(job, folder),
        "`areas.csv`": lambda: write_areas(job, folder / "areas.csv", results),
        "`time_course.png`": lambda: write_figure(
            folder / "a.png", draw_time_course(courses, classes, "simulated")
        ),
        "a split written and read": split,
    }


def cost(root: Path, arguments: list[str]) -> tuple[float, float]:
    """CPU seconds and most MiB of a command, in a copy of this process."""
    child = os.fork()
    if not child:
        os.chdir(root)
        with Path("said.txt").open("w") as said:
            for stream in (1, 2):
                os.dup2(said.fileno(), stream)
            os._exit(command(arguments[0], arguments[1:]))
    _, status, used = os.wait4(child, 0)
    if status:
        sys.exit(f"{' '.join(arguments)} failed: {(root / 'said.txt').read_text()}")
    return used.ru_utime + used.ru_stime, used.ru_maxrss / 2**10


def exponent(counts: list[int], costs: list[float]) -> str:
    """Of the growth beyond the first count, between the last two: log(cost) over log(count)."""
    if len(costs) == 2:
        return f"{np.log(costs[1] / costs[0]) / np.log(counts[1] / counts[0]):.2f}"
    if (before := costs[-2] - costs[0]) <= 0.05 * costs[0]:
        return "-"  # too little to tell from chance
    return f"{np.log((costs[-1] - costs[0]) / before) / np.log(counts[-1] / counts[-2]):.2f}"


if __name__ == "__main__":
    main()
