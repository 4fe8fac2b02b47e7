"""Most memory that a prediction takes: of many frames against few, and of one very large frame.

    python tests/benchmarks/prediction_memory.py [--frames 50 1000] [--only frames|large] [--folder DIR]

The first part predicts recordings of 1024 x 1024 pixels with a small net, with all default results. Asked
for: the same within 5 %. The second predicts one frame of 16,384 x 16,384 with the small net, and a band of
2,048 rows of such a frame with ``resnet34_unet``, which would take ten minutes for all of it; cells are not
sought, as in all frames of more than 8192 x 8192. Asked for: at most 2 GiB above the loaded net.

Each prediction is the command, in a process of its own, watched from here every few milliseconds. Pages of a
mapped recording are the kernel's to drop, so what counts is the memory that the process has for itself
(``RssAnon`` of Linux).
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import tifffile
import torch

from hela_seg.models import build
from hela_seg.runs.checkpoint import CHECKPOINT_KEY, ModelInfo

SIDE, BAND = 16384, 2048
MOST_MIB, MOST_RATIO = 2048, 1.05
SMALL = {"_target_": "hela_seg.models.unet.UNet", "in_channels": 1, "classes": 3, "width": 4}
FULL = {"_target_": "hela_seg.models.resnet34_unet.ResNet34UNet", "in_channels": 1, "classes": 3}
LOAD = "import sys; from hela_seg.inference import Predictor; net = Predictor.from_checkpoint(sys.argv[1])"


def checkpoint(path: Path, net: dict[str, object]) -> Path:
    """A net with random weights, which finds one class everywhere: the last layer's bias decides."""
    torch.manual_seed(0)
    made = build(net)
    classes = [{"name": name} for name in ("background", "dim", "bright")]
    levels = {"kind": "dtype", "low": None, "high": None, "percentiles": [1.0, 99.8]}
    info = ModelInfo(net, classes, levels, 1, "TYX", [], {}, {})
    weights = {f"net.{name}": value for name, value in made.state_dict().items()}
    last = [name for name in weights if name.endswith(".bias")][-1]
    weights[last][0] = 1e4
    torch.save({"state_dict": weights, CHECKPOINT_KEY: info.to_plain()}, path)
    return path


def recording(path: Path, frames: int, height: int, width: int) -> Path:
    """A TIFF of noise, written frame by frame."""
    noise = np.random.default_rng(0).integers(0, 200, (height, width), np.uint8)
    tifffile.imwrite(
        path,
        (np.roll(noise, t, axis=1) for t in range(frames)),
        shape=(frames, height, width),
        dtype=np.uint8,
        photometric="minisblack",
        metadata={"axes": "TYX"},
        bigtiff=True,
    )
    return path


def peak(*arguments: str) -> float:
    """Most MiB that a Python process had for itself, and at its end at the latest."""
    process = subprocess.Popen([sys.executable, *arguments], stdout=subprocess.DEVNULL)
    status, highest = Path(f"/proc/{process.pid}/status"), 0
    while process.poll() is None:
        for line in status.read_text().splitlines():
            if line.startswith("RssAnon:"):
                highest = max(highest, int(line.split()[1]))
        time.sleep(0.005)
    if process.returncode:
        sys.exit(f"{' '.join(arguments)} ended with {process.returncode}")
    return highest / 1024


def predicted(net: Path, images: Path, *settings: str) -> float:
    """Most MiB of a prediction; its results and its input are gone afterwards."""
    output = images.with_suffix(".out")
    most = peak("-m", "hela_seg.predict", str(net), str(images), "-o", str(output), *settings)
    images.unlink()
    return most


def many_frames(net: Path, counts: list[int], folder: Path) -> None:
    """Print a line for each number of frames, and their ratio."""
    found = []
    for frames in counts:
        began = time.perf_counter()
        found.append(predicted(net, recording(folder / f"{frames}.tif", frames, 1024, 1024)))
        seconds = time.perf_counter() - began
        print(f"{frames:5} frames of 1024 x 1024: {found[-1]:7.0f} MiB, {seconds:.0f} s", flush=True)
    ratio = found[-1] / found[0]
    print(f"{ratio:.3f} times as much{'' if ratio <= MOST_RATIO else f'  MISSED {MOST_RATIO}'}")


def large_frame(net: Path, height: int, folder: Path) -> None:
    """Print what a frame takes above the loaded net."""
    loaded, began = peak("-c", LOAD, str(net)), time.perf_counter()
    above = predicted(net, recording(folder / f"{net.stem}.tif", 1, height, SIDE), "cells=none") - loaded
    verdict = "" if above <= MOST_MIB else f"  MISSED {MOST_MIB}"
    print(
        f"{net.stem:>5} net, {height} x {SIDE}: {above:7.0f} MiB above the loaded net's {loaded:.0f}"
        f"{verdict}, {time.perf_counter() - began:.0f} s",
        flush=True,
    )


def main() -> None:
    """Print a line for each prediction."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--only", choices=["frames", "large"], help="one of the two parts")
    parser.add_argument("--frames", type=int, nargs="+", default=[50, 1000])
    parser.add_argument("--folder", type=Path, default=None, help="where files are written, then deleted")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=given.folder) as name:
        folder = Path(name)
        small, full = checkpoint(folder / "small.ckpt", SMALL), checkpoint(folder / "full.ckpt", FULL)
        if given.only != "large":
            many_frames(small, given.frames, folder)
        if given.only != "frames":
            large_frame(small, SIDE, folder)
            large_frame(full, BAND, folder)


if __name__ == "__main__":
    main()
