"""Small predictions to look at from all sides."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from small_checkpoints import INFO
from torch import Tensor, nn

from hela_seg.data.stacks import ArraySeries, write_tiff
from hela_seg.inference import Predictor, Tiling, TrainedNet
from hela_seg.prediction.folder import ResultFolder
from hela_seg.prediction.job import Job, Shard, Wanted, make_job
from hela_seg.prediction.recording import PredictedRecording
from hela_seg.prediction.result_files import result_paths
from hela_seg.prediction.run import run
from hela_seg.runs.checkpoint import ModelInfo
from hela_seg.system.files import digest

CLASSES = [{"name": "background"}, {"name": "dim"}, {"name": "bright"}]


class Levels(nn.Module):
    """Background below a third, dim below two thirds, else bright; needs no context."""

    stride = 16

    def forward(self, image: Tensor) -> Tensor:
        return nn.functional.one_hot((image[:, 0] * 2.999).long(), 3).permute(0, 3, 1, 2) * 3.0


def levels(**settings: Any) -> Predictor:
    info = ModelInfo(**(INFO.to_plain() | {"classes": CLASSES}))
    return Predictor([TrainedNet(Levels(), info)], Tiling(**settings))


def film(frames: int, size: tuple[int, int] = (40, 50), seed: int = 0) -> NDArray[np.uint8]:
    """Two cells that drift to the right, dim and bright, over (T, H, W)."""
    rows, columns = np.mgrid[: size[0], : size[1]]
    images = np.full((frames, *size), 20, np.uint8)
    for t in range(frames):
        for row, column, grey in ((12, 12, 120), (27, 20, 230)):
            images[t][(rows - row) ** 2 + (columns - column - t) ** 2 <= 36] = grey
    return images + np.random.default_rng(seed).integers(0, 9, images.shape, dtype=np.uint8)


def classes_of(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """What `Levels` finds."""
    return (images.astype(np.float32) / 255 * 2.999).astype(np.uint8)


class NamedArray(ArraySeries):
    """An array with a file of its own."""

    def __init__(self, path: Path, images: NDArray[np.uint8]) -> None:
        write_tiff(path, images, "TYX")
        super().__init__(images, "TYX", 1)
        self.path, self.name = path, path.stem


def job(folder: Path, predictor: Predictor, *films: NDArray[np.uint8], **wanted: Any) -> Job:
    (folder / "net.ckpt").write_bytes(b"weights")
    series = [NamedArray(folder / f"film{index}.tif", images) for index, images in enumerate(films)]
    checkpoints = [("net.ckpt", digest([folder / "net.ckpt"]))]
    return make_job(predictor, series, Wanted(**wanted), checkpoints, {"tile": "auto"})


def done(
    job: Job, predictor: Predictor, folder: Path, shard: Shard | None = None
) -> list[PredictedRecording] | None:
    """Predict a job, or a shard of it, in a folder."""
    shard, results = shard or Shard(), ResultFolder(folder)
    with results.taken_by(shard):
        results.begin(job, result_paths(job, folder), overwrite=False)
        return run(predictor, job, results, shard, announce=lambda _: None)
