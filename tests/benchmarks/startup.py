"""How much longer a prediction takes on the command line than importing torch and lightning.

    python tests/benchmarks/startup.py CHECKPOINT [--rounds 5]

The prediction is of one frame of 512x512 pixels, with all its default results. Both take turns, each in a
process of its own, and the medians are compared. Asked for: at most 3 s more.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import numpy as np
import tifffile
from scipy.ndimage import gaussian_filter


def seconds(*arguments: str) -> float:
    """How long a Python process takes."""
    began = time.perf_counter()
    subprocess.run([sys.executable, *arguments], check=True, capture_output=True)
    return time.perf_counter() - began


def main() -> None:
    """Print both medians and their difference."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("checkpoint", type=Path, help="of a net that takes one channel")
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    libraries, prediction = [], []
    with tempfile.TemporaryDirectory() as folder:
        frame, output = Path(folder) / "frame.tif", Path(folder) / "output"
        noise = gaussian_filter(np.random.default_rng(0).random((512, 512)), 8)
        tifffile.imwrite(frame, ((noise - noise.min()) / np.ptp(noise) * 255).astype(np.uint8))
        typed = [str(given.checkpoint), str(frame), "-o", str(output)]
        for _ in range(given.rounds):
            libraries.append(seconds("-c", "import torch, pytorch_lightning"))
            prediction.append(seconds("-m", "hela_seg.predict", *typed))
            shutil.rmtree(output)
    more = median(prediction) - median(libraries)
    print(f"libraries {median(libraries):.2f} s, prediction {median(prediction):.2f} s, {more:.2f} s more")


if __name__ == "__main__":
    main()
