"""How long 10,000 series of 100 frames take to index and to start from, and what two workers hold in memory.

Run by hand: ``python tests/benchmarks/indexing.py``. The masks are drawn in memory, so that no disk is timed.
Asked for: a start within 20 s, an index below 200 MiB, shared by the workers.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from hela_seg.classes import Classes
from hela_seg.data.dataset import Draw, RandomTiles
from hela_seg.data.labels import ValueLabels
from hela_seg.data.layouts import Recording
from hela_seg.data.normalise import Normalisation
from hela_seg.data.splits import Block
from hela_seg.data.stacks import Series
from hela_seg.data.survey import Survey, survey

SIZE = 24
READER = ValueLabels(Classes(["background", "round", "spread"]))
MIB = 2**20


class Drawn(Series):
    """Frames with one cell of either class, made when they are read, and a file to tell their age by."""

    axes, dtype = "TYX", np.dtype(np.uint8)

    def __init__(self, number: int, frames: int, path: Path) -> None:
        self.name, self.path, self.shape = f"dish {number}", path, (frames, 1, SIZE, SIZE)
        self._number = number

    def read(self, t: int, rows: slice, columns: slice) -> np.ndarray:
        """One window of frame t as (1, h, w)."""
        frame = np.zeros((1, SIZE, SIZE), np.uint8)
        row = (self._number + t) % (SIZE - 8)
        frame[0, row : row + 6, :6], frame[0, row : row + 3, 8:14] = 1, 2
        return frame[:, rows, columns]


def timed(what: str, action):
    """Say how long an action took, and give what it gave."""
    begin = time.perf_counter()
    result = action()
    print(f"{what:<58}{time.perf_counter() - begin:8.2f} s")
    return result


def memory() -> tuple[float, float]:
    """MiB of this process: resident, and of that shared with no other process and backed by no file."""
    sums = dict.fromkeys(("Rss", "Private_Dirty"), 0)
    for line in Path("/proc/self/smaps_rollup").read_text().splitlines():
        name, _, rest = line.partition(":")
        if name in sums:
            sums[name] = int(rest.split()[0])
    return sums["Rss"] / 1024, sums["Private_Dirty"] / 1024


def work(tiles: RandomTiles, first: int, answers) -> None:
    """What a worker does: draw tiles; then say how much memory it has and needed."""
    before = memory()[1]
    for number in range(first, 4000, 2):
        tiles[Draw(0, number)]
    answers.put((os.getpid(), *memory(), memory()[1] - before))


def main() -> None:
    """Print all figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--series", type=int, default=10_000)
    parser.add_argument("--frames", type=int, default=100)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        measure(given.series, given.frames, Path(folder))


def measure(series: int, frames: int, folder: Path) -> None:
    """Index, start again, and draw with two workers."""
    index = folder / "positions.npy"

    def start() -> tuple[list[Recording], list[Block], Survey]:
        stacks = [Drawn(number, frames, Path(__file__)) for number in range(series)]
        recordings = [Recording(stack, stack) for stack in stacks]
        blocks = [Block(number, 0, frames, "train") for number in range(series)]
        return recordings, blocks, survey(recordings, blocks, READER, index)

    timed(f"first look at {series} x {frames} masks", start)
    recordings, blocks, found = timed("start with the index kept", start)
    print(f"{'index on disk':<58}{index.stat().st_size / MIB:8.1f} MiB")

    def tiles() -> RandomTiles:
        normalisation = Normalisation("dtype")
        return RandomTiles(recordings, blocks, normalisation, READER, (16, 16), None, 0, found.positions, 0.5)

    made = timed("random tiles with a share of foreground", tiles)
    timed("1000 tiles", lambda: [made[Draw(0, number)] for number in range(1000)])
    print("memory of this process, MiB: resident {:.0f}, its own {:.0f}".format(*memory()))
    context = get_context("fork")
    answers = context.Queue()
    workers = [context.Process(target=work, args=(made, first, answers)) for first in range(2)]
    for worker in workers:
        worker.start()
    for _ in workers:
        process, resident, own, more = answers.get()
        print(f"worker {process}, MiB: resident {resident:.0f}, its own {own:.0f}, of drawing {more:.0f}")
    for worker in workers:
        worker.join()


if __name__ == "__main__":
    main()
