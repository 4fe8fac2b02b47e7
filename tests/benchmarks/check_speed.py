"""How long a check of 200 labelled frames of 1024x1024 takes against reading every byte of them once.

    python tests/benchmarks/check_speed.py [--repeats 5]

The frames are cells drawn small and enlarged, with photon noise, as uint16 and uint8 masks, ten deflated
stacks of 20. Both sides run in turn, each in a process of its own. What is compared is the work: from the
first file that is opened to the last that is written, without the start of Python and its imports (of
PyTorch, above all), which take the same few seconds whatever the data. The whole process is printed too.
Reading is ``tifffile.imread`` of all files, which decodes one page's segments in as many threads as tifffile
chooses.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import numpy as np
import tifffile

from hela_seg.data.synthetic.render import draw

SERIES, FRAMES, SIZE, ENLARGED = 10, 20, 1024, 4

READ = """
import sys, time
from pathlib import Path
import tifffile
began = time.perf_counter()
for path in sorted(Path(sys.argv[1]).rglob("*.tif")):
    tifffile.imread(path)
print(time.perf_counter() - began)
"""

CHECK = """
import sys, time
from hydra import compose, initialize_config_dir
from hela_seg.check import check
from hela_seg.cli import CONFIG
overrides = ["data=folder", f"data.root={sys.argv[1]}", "data.classes=[background,round,spread]"]
with initialize_config_dir(str(CONFIG), version_base="1.3"):
    config = compose("check", [*overrides, f"output_dir={sys.argv[1]}/found"])
began = time.perf_counter()
check(config)
print(time.perf_counter() - began)
"""


def write(root: Path) -> None:
    """Draw and write all series."""
    random = np.random.default_rng(0)
    for folder in ("images", "masks"):
        (root / folder).mkdir(parents=True)
    for number in range(SERIES):
        images, labels = draw(FRAMES, SIZE // ENLARGED, SIZE // ENLARGED, seed=number)
        light = images.mean(axis=-1).repeat(ENLARGED, axis=1).repeat(ENLARGED, axis=2)
        masks = labels.repeat(ENLARGED, axis=1).repeat(ENLARGED, axis=2)
        for folder, stack in (("images", random.poisson(20 * light).astype(np.uint16)), ("masks", masks)):
            path = root / folder / f"culture {number}.tif"
            tifffile.imwrite(
                path, stack, compression="zlib", photometric="minisblack", metadata={"axes": "TYX"}
            )


def run(code: str, root: Path) -> tuple[float, float]:
    """Seconds of the work, and of the whole process."""
    began = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", code, str(root)], capture_output=True, text=True, check=True)
    return float(done.stdout.splitlines()[-1]), time.perf_counter() - began


def main() -> None:
    """Print both times of each repeat and their ratio."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--repeats", type=int, default=5)
    repeats = parser.parse_args().repeats
    ratios = []
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch) / "cells"
        write(root)
        run(READ, root)  # into the page cache, so that the first to read has no disadvantage
        for _ in range(repeats):
            (reading, read_process), (checking, check_process) = run(READ, root), run(CHECK, root)
            ratios.append(checking / reading)
            print(
                f"tifffile.imread {reading:.2f} s (process {read_process:.2f} s), check {checking:.2f} s "
                f"(process {check_process:.2f} s), ratio {ratios[-1]:.2f}"
            )
    missed = "" if median(ratios) <= 2 else " MISSED"
    print(f"ratio: median {median(ratios):.2f}, most {max(ratios):.2f} (reach 2 at most){missed}")


if __name__ == "__main__":
    main()
