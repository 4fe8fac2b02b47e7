"""How long 10,000 series of 100 frames take to start from, and what two workers hold in memory.

Run by hand: ``python tests/benchmarks/indexing.py``. It writes 20,000 small TIFF files (2 GB) into a folder
of its own and removes them. Asked for: a start within 20 s, an index below 200 MiB, shared by the workers.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import tifffile

from hela_seg.data.checks.looks import look_at_frames
from hela_seg.data.checks.near_duplicates import find_near_duplicates
from hela_seg.data.datamodule import TimelapseData
from hela_seg.data.dataset import RandomTiles
from hela_seg.data.labels.survey import MOST_FRAMES
from hela_seg.data.sampler import Draw

SIZE = 32
MIB = 2**20


def write(root: Path, series: int, frames: int) -> None:
    """Series with one cell of either class in each frame, and their masks."""
    noise = np.random.default_rng(0).integers(0, 40, (frames, SIZE, SIZE)).astype(np.uint8)
    for folder in ("images", "masks"):
        (root / folder).mkdir()
    for number in range(series):
        masks = np.zeros_like(noise)
        for t in range(frames):
            row = (number + t) % (SIZE - 8)
            masks[t, row : row + 6, :6], masks[t, row : row + 3, 8:14] = 1, 2
        for folder, stack in (("images", 80 * masks + np.roll(noise, number)), ("masks", masks)):
            path = root / folder / f"dish {number:05}.tif"
            tifffile.imwrite(path, stack, photometric="minisblack", metadata={"axes": "TYX"})


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
    parser.add_argument("--most", type=int, default=MOST_FRAMES, help="masks that are read")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder), given.series, given.frames)
        measure(Path(folder), given.most)


def start(root: Path, index: Path, most: int) -> TimelapseData:
    """What training does before its first step, as far as it depends on the data."""
    classes = ["background", "round", "spread"]
    data = TimelapseData("timelapse", root, classes, foreground_share=0.33, most_indexed=most)
    timed("  files found, opened and split", data.open)
    timed("  masks indexed, normalisation fitted", lambda: data.prepare(index))
    timed(
        "  leaks looked for",
        lambda: find_near_duplicates(look_at_frames(data.recordings, data.blocks, data.labels)),
    )
    return data


def measure(root: Path, most: int) -> None:
    """Index, start again, and draw with two workers."""
    index = root / "positions.npy"
    timed("first start, all of it", lambda: start(root, index, most))
    data = timed("start with the index kept, all of it", lambda: start(root, index, most))
    print(f"{'index on disk':<58}{index.stat().st_size / MIB:8.1f} MiB")
    made: RandomTiles = timed("random tiles with a share of foreground", data.train_dataloader).dataset
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
