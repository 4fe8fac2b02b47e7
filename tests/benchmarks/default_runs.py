"""Seconds from the command line to the end table, for each net on the synthetic recording.

    python tests/benchmarks/default_runs.py [NET ...]

Runs ``python -m hela_seg.train model=NET`` as a user would, in an empty folder, and prints a line a net.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

NETS = ("resnet34_unet", "inception_unet", "vgg19_unet", "unet")


def main(nets: list[str]) -> None:
    """Time each net once."""
    with tempfile.TemporaryDirectory() as folder:
        for net in nets or NETS:
            began = time.perf_counter()
            command = [sys.executable, "-m", "hela_seg.train", f"model={net}", f"hydra.run.dir={net}"]
            subprocess.run(command, cwd=folder, check=True, capture_output=True)
            seconds = time.perf_counter() - began
            scores = json.loads((Path(folder) / net / "scores.json").read_text())
            print(f"{net:15} {seconds:6.1f} s   test m-IoU {scores['mean']['iou']:.4f}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
