"""Predicting a recording against MONAI's sliding window on the same net, and against the net alone.

    python tests/benchmarks/prediction_speed.py CHECKPOINT [--recording TIFF] [--frames 20] [--rounds 3]

Ours is what ``python -m hela_seg.predict`` does, from opening the files to the last table, with its defaults
(class maps, cells, overlay), and then with tiles of 256 that overlap by a quarter. MONAI, which must be
installed, gets normalised frames in memory and the same net in PyTorch's own memory format, takes the best
of three batch sizes, and writes class maps with ``tifffile.imwrite``. The net alone, channels-last, gets the
tensors that it gets in ours. All take turns in this process, after a frame each to warm up; medians count.
The command has the process keep memory that it frees, which would hasten the others too: before each of
these, glibc's thresholds are put where they come to by themselves.

Asked for: with defaults at least 2.0 times MONAI's rate, in at most 1.05 of the net's own time, and 99.9 % of
the labels equal to those of whole frames; with overlapping tiles at least 1.25 times MONAI's rate.
"""

from __future__ import annotations

import argparse
import copy
import ctypes
import io
import platform
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path
from statistics import median

import numpy as np
import tifffile
import torch
from monai.inferers import sliding_window_inference
from torch import Tensor

from hela_seg.cli import main as command
from hela_seg.data.frames import NormalisedFrames
from hela_seg.data.normalise import Normalisation
from hela_seg.data.stacks import open_series
from hela_seg.data.tiles import Window
from hela_seg.inference import Tiling, TrainedNet
from hela_seg.inference.batches import CPU_PIXELS
from hela_seg.inference.stitch import plan

RECORDING = Path(__file__).parents[3] / "shared" / "data" / "hela-h2b-timelapse" / "images.tif"
TILE, OVERLAP = 256, 0.25
TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3  # as malloc.h numbers them
DEFAULTS = Tiling()
TILED = Tiling(tile=(TILE, TILE), blend="gaussian", overlap=OVERLAP)
TYPED = {DEFAULTS: [], TILED: [f"inference.tile=[{TILE},{TILE}]", "blend=gaussian"]}


class Contest:
    """Ways to predict the first frames of a recording.

    Args:
        checkpoint: of the net.
        recording: a TIFF file.
        frames: how many.
        folder: for what is written.
    """

    def __init__(self, checkpoint: Path, recording: Path, frames: int, folder: Path) -> None:
        self.checkpoint, self.recording, self.folder = checkpoint, folder / "recording.tif", folder
        images = tifffile.imread(recording)[:frames]
        tifffile.imwrite(self.recording, images, photometric="minisblack", metadata={"axes": "TYX"})
        trained = TrainedNet.from_checkpoint(checkpoint)
        normalisation = Normalisation.from_plain(trained.info.normalisation)
        self.reader = NormalisedFrames(open_series(self.recording), normalisation)
        self.count, self.plain = len(images), trained.net.eval()
        self.channels_last = copy.deepcopy(trained.net).to(memory_format=torch.channels_last)

    def ours(self, tiling: Tiling) -> np.ndarray:
        """The whole command; gives the class maps (T, H, W) that it wrote."""
        output = self.folder / "ours"
        shutil.rmtree(output, ignore_errors=True)
        typed = [str(self.checkpoint), str(self.recording), "-o", str(output), *TYPED[tiling]]
        with redirect_stdout(io.StringIO()):
            if command("predict", typed):
                sys.exit("the prediction failed")
        return tifffile.imread(output / "recording.labels.ome.tif")

    def inputs(self, tiling: Tiling) -> list[Tensor]:
        """The tensors that go through the net in ours."""
        tiles = [tile.read for tile in plan(self.reader.size, tiling, self.plain.stride).tiles]
        images = [self.reader.read(t, window) for t in range(self.count) for window in tiles]
        size = max(1, CPU_PIXELS // images[0][0].size)
        batches = [np.stack(images[start : start + size]) for start in range(0, len(images), size)]
        return [torch.from_numpy(b).contiguous(memory_format=torch.channels_last) for b in batches]

    @torch.inference_mode()
    def net_alone(self, inputs: list[Tensor]) -> None:
        """Nothing but the net."""
        for images in inputs:
            self.channels_last(images)

    @torch.inference_mode()
    def whole_frames(self) -> np.ndarray:
        """Class maps (T, H, W) by the net in PyTorch's own memory format, a frame at a time."""
        height, width = self.reader.size
        window = plan(self.reader.size, DEFAULTS, self.plain.stride).tiles[0].read
        images = (torch.from_numpy(self.reader.read(t, window)[None]) for t in range(self.count))
        return np.stack([self.plain(image)[0].argmax(0).numpy()[:height, :width] for image in images])

    @torch.inference_mode()
    def monai(self, batch: int, frames: int | None = None) -> None:
        """Class maps written as one TIFF."""
        height, width = self.reader.size
        found = []
        for t in range(frames or self.count):
            image = torch.from_numpy(self.reader.read(t, Window(0, 0, height, width))[None])
            scores = sliding_window_inference(
                image, (TILE, TILE), batch, self.plain, overlap=OVERLAP, mode="gaussian"
            )
            found.append(scores[0].argmax(0).numpy().astype(np.uint8))
        tifffile.imwrite(self.folder / "monai.tif", np.stack(found))


def as_by_itself(action: Callable[[], object]) -> Callable[[], object]:
    """The action with memory handed back as glibc comes to do by itself: from 32 and 64 MiB on."""

    def run() -> object:
        if platform.libc_ver()[0] == "glibc":
            for option, threshold in ((MMAP_THRESHOLD, 2**25), (TRIM_THRESHOLD, 2**26)):
                ctypes.CDLL(None).mallopt(option, threshold)
        return action()

    return run


def seconds(action: Callable[[], object]) -> float:
    """How long an action takes."""
    began = time.perf_counter()
    action()
    return time.perf_counter() - began


def line(name: str, *figures: str) -> None:
    """One row of the table."""
    print(f"{name:<26}" + "".join(f"{figure:>13}" for figure in figures), flush=True)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--recording", type=Path, default=RECORDING)
    parser.add_argument("--frames", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        contest = Contest(given.checkpoint, given.recording, given.frames, Path(folder))
        contest.monai(1, frames=1)
        batch = min((1, 4, 8), key=lambda size: seconds(as_by_itself(lambda: contest.monai(size, frames=4))))
        inputs = {tiling: contest.inputs(tiling) for tiling in TYPED}
        labels = {tiling: contest.ours(tiling) for tiling in TYPED}  # a first time, in which caches fill
        ways: dict[str, Callable[[], object]] = {
            "MONAI": as_by_itself(lambda: contest.monai(batch)),
            "defaults": lambda: contest.ours(DEFAULTS),
            "net alone": as_by_itself(lambda: contest.net_alone(inputs[DEFAULTS])),
            "tiles": lambda: contest.ours(TILED),
            "net alone, tiles": as_by_itself(lambda: contest.net_alone(inputs[TILED])),
        }
        times: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(given.rounds):
            for name, way in ways.items():
                times[name].append(seconds(way))
        medians = {name: median(taken) for name, taken in times.items()}
        whole = contest.whole_frames()
    print(
        f"{given.frames} frames, {given.rounds} rounds, {torch.get_num_threads()} threads; MONAI by {batch}"
    )
    line("", "s a frame", "x MONAI", "x net alone", "like whole")
    line("MONAI", f"{medians['MONAI'] / given.frames:.2f}", "1.00")
    for name, tiling, alone in (("defaults", DEFAULTS, "net alone"), ("tiles", TILED, "net alone, tiles")):
        line(
            alone, f"{medians[alone] / given.frames:.2f}", f"{medians['MONAI'] / medians[alone]:.2f}", "1.00"
        )
        line(
            f"ours, {name}",
            f"{medians[name] / given.frames:.2f}",
            f"{medians['MONAI'] / medians[name]:.2f}",
            f"{medians[name] / medians[alone]:.3f}",
            f"{np.mean(labels[tiling] == whole):.3%}",
        )


if __name__ == "__main__":
    main()
