"""How long a check of 200 labelled frames of 1024x1024 takes against reading every byte of them once.

    python tests/benchmarks/check_speed.py

The frames are cells drawn small and enlarged, with photon noise, as uint16 and uint8 masks, ten deflated
stacks of 20; both sides run in this process, one after the other, and the ratio is that of one run.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import numpy as np
import tifffile
from hydra import compose, initialize_config_dir

from hela_seg.check import check
from hela_seg.cli import CONFIG
from hela_seg.data.synthetic import draw

SERIES, FRAMES, SIZE, ENLARGED = 10, 20, 1024, 4


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


def main() -> None:
    """Print both times and their ratio."""
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch) / "cells"
        write(root)
        files = sorted(root.rglob("*.tif"))
        for path in files:
            path.read_bytes()  # into the page cache, so that the first to read has no disadvantage
        began = time.perf_counter()
        for path in files:
            tifffile.imread(path)
        reading = time.perf_counter() - began
        overrides = ["data=folder", f"data.root={root}", "data.classes=[background,round,spread]"]
        with initialize_config_dir(str(CONFIG), version_base="1.3"):
            config = compose("check", [*overrides, f"output_dir={scratch}/found"])
        began = time.perf_counter()
        check(config)
        checking = time.perf_counter() - began
    print(f"tifffile.imread {reading:.1f} s, check {checking:.1f} s, ratio {checking / reading:.2f}")


if __name__ == "__main__":
    main()
