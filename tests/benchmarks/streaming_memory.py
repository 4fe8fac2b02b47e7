"""Memory of a process that streams 2,000 windows of a contiguous recording, of 20 frames and of 200.

    python tests/benchmarks/streaming_memory.py [--frames 20 200] [--windows 2000] [--folder DIR]

Each recording is read by a process of its own, which looks at itself after its imports and after the last
window. Pages of the mapped file count as resident but the kernel drops them at need, so they are told apart:
``Pss_File`` holds them, ``Pss_Anon`` and ``Private_Dirty`` what the process has for itself. Linux only.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import tifffile

SIZE, WINDOW = 2048, 512
LIMIT = 300.0
"""MiB that the process may have for itself after streaming, above what it had after its imports."""


def memory() -> dict[str, float]:
    """MiB by kind, as the kernel counts them for this process."""
    lines = Path("/proc/self/smaps_rollup").read_text().splitlines()[1:]
    sizes = {line.split(":")[0]: int(line.split()[1]) / 1024 for line in lines}
    return {key: sizes[key] for key in ("Rss", "Pss_Anon", "Pss_File", "Private_Dirty")}


def stream(path: Path, windows: int) -> None:
    """Read random windows and print what memory grew by, each kind after the other."""
    from hela_seg.data.normalise import Normalisation
    from hela_seg.data.stacks import open_series

    before = memory()
    series, normalisation = open_series(path), Normalisation("percentile", (850.0,), (1400.0,))
    limits = [series.shape[0], SIZE - WINDOW + 1, SIZE - WINDOW + 1]
    for t, row, column in np.random.default_rng(1).integers(0, limits, (windows, 3)):
        window = series.read(int(t), slice(row, row + WINDOW), slice(column, column + WINDOW))
        normalisation.apply(window)
    print(*(f"{after - before[key]:.1f}" for key, after in memory().items()))


def write(path: Path, frames: int) -> None:
    """A contiguous stack of uint16 noise."""
    noise = np.random.default_rng(0).integers(800, 1500, (SIZE, SIZE), np.uint16)
    stack = (np.roll(noise, t, axis=1) for t in range(frames))
    tifffile.imwrite(
        path,
        stack,
        shape=(frames, SIZE, SIZE),
        dtype=np.uint16,
        photometric="minisblack",
        metadata={"axes": "TYX"},
        bigtiff=True,
    )
    # what is not yet on disk cannot be dropped, and would count as changed by the process that maps it
    with path.open("rb") as file:
        os.fsync(file.fileno())


def main() -> None:
    """One line a recording."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--frames", type=int, nargs="+", default=[20, 200])
    parser.add_argument("--windows", type=int, default=2000)
    parser.add_argument("--folder", type=Path, default=None, help="where the files are written, then deleted")
    parser.add_argument("--stream", type=Path, default=None, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.stream is not None:
        stream(given.stream, given.windows)
        return
    print(f"MiB more than after imports, {given.windows} windows of {WINDOW} x {WINDOW}")
    print("frames  resident  anonymous  mapped file  private and changed")
    for frames in given.frames:
        with tempfile.TemporaryDirectory(dir=given.folder) as folder:
            path = Path(folder) / "recording.tif"
            write(path, frames)
            command = [sys.executable, __file__, "--stream", str(path), "--windows", str(given.windows)]
            output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        resident, anonymous, mapped, private = map(float, output.split())
        verdict = "" if max(anonymous, private) <= LIMIT else f"  MISSED {LIMIT:.0f}"
        print(f"{frames:6}  {resident:8.1f}  {anonymous:9.1f}  {mapped:11.1f}  {private:19.1f}{verdict}")


if __name__ == "__main__":
    main()
