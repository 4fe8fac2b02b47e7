"""Mended frames saved as images and masks, and training on them in a process of its own, with its log."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hela_seg.cli import setting
from hela_seg.data.classes import IGNORE_INDEX, Classes
from hela_seg.data.stacks import Series, is_image, name_of, open_series, write_tiff
from hela_seg.napari.frames import LazyFrames
from hela_seg.runs import run_folder
from hela_seg.runs.checkpoint import read_content, read_info
from hela_seg.system.errors import InputError, join_names

IMAGES, MASKS = "images", "masks"
"""Folders of `conf/data/folder.yaml`."""

WRITTEN = ("uint8", "uint16", "float32")
"""Types of grey values that `write_tiff` writes; others become float32."""

VALIDATION_SHARE = 0.2
WAIT_S = 0.5
"""Seconds between two looks at the log."""


@dataclass(frozen=True)
class Epoch:
    """One row of a training's log.

    Attributes:
        number: of the epoch, from 1.
        epochs: how many there will be.
        loss: of the training tiles.
        miou: of the validation frames; None where there are none.
    """

    number: int
    epochs: int
    loss: float
    miou: float | None

    def __str__(self) -> str:
        scores = "" if self.miou is None else f"  m-IoU {self.miou:.3f}"
        return f"epoch {self.number}/{self.epochs}  loss {self.loss:.4f}{scores}"


def save_masks(
    folder: Path, series: Series, maps: LazyFrames, frames: Sequence[int], *, overwrite: bool = False
) -> list[Path]:
    """Write frames as pairs of single images: ``images/dish_t0012.tif`` and ``masks/dish_t0012.tif``.

    A mask holds the number of each pixel's class, 255 where it counts nowhere. A frame that is a file of its
    own in ``images`` already gets a mask of its own name there.

    Args:
        folder: the later ``data.root``.
        series: the recording (T, C, H, W) as the net sees it.
        maps: its class maps (T, H, W).
        frames: which ones.
        overwrite: whether masks that are there are replaced.

    Returns:
        The masks.

    Raises:
        InputError: class maps of another size than the recording, a file that is there already, or a folder
            that cannot be written. Unless the disk is full, nothing is written then.
    """
    size = (series.shape[0], *series.shape[2:])
    if maps.shape != size:
        raise InputError(
            f"the class maps have the shape {maps.shape}, expected {size} as their image {series.name} has: "
            "choose the image that they were predicted from"
        )
    names = {t: _name(folder, series, t) for t in frames}
    masks = _files_by_name(folder / MASKS)
    there = [masks[name].name for name in names.values() if name in masks]
    if there and not overwrite:
        raise InputError(
            f"{folder / MASKS} holds {join_names(there)} already: tick 'replace' to overwrite, or choose "
            "another folder"
        )
    images = _files_by_name(folder / IMAGES)
    for t, name in names.items():
        if name in images and not _is_frame(images[name], series.frame(t)):
            raise InputError(
                f"{images[name]} is there and differs from frame {t} of {series.name}: choose another folder"
            )
    written = []
    for t, name in names.items():
        if name not in images:
            frame = _writable(series.frame(t))
            axes, pixels = ("YX", frame[0]) if len(frame) == 1 else ("CYX", frame)
            write_tiff(folder / IMAGES / f"{name}.tif", pixels, axes, pixel_size=series.pixel_size)
        mask = masks.get(name, folder / MASKS / f"{name}.tif")
        if mask.suffix not in (".tif", ".tiff"):
            raise InputError(f"{mask} is no TIFF, expected one to replace: move it away")
        write_tiff(mask, maps.frame(t), "YX", pixel_size=series.pixel_size)
        written.append(mask)
    return written


def count_masks(folder: Path) -> int:
    """How many masks a folder has, with an image of the same name."""
    return len(_files_by_name(folder / MASKS).keys() & _files_by_name(folder / IMAGES).keys())


def _name(folder: Path, series: Series, t: int) -> str:
    """What a frame's files are called: as its own file in the folder of images is, else by its number."""
    source = series.path_of(t)
    single = len(series.paths) == series.shape[0]
    inside = source.absolute().parent == (folder / IMAGES).absolute()
    if single and inside and _is_frame(source, series.frame(t)):
        return name_of(source)
    return f"{series.name}_t{t:04d}"


def _files_by_name(folder: Path) -> dict[str, Path]:
    found = sorted(folder.iterdir()) if folder.is_dir() else []
    return {name_of(path): path for path in found if is_image(path) and not path.name.startswith(".")}


def _is_frame(path: Path, frame: NDArray[Any]) -> bool:
    """Whether a file holds one frame (C, H, W) alone."""
    held = open_series(path, assumed_axes="YX" if len(frame) == 1 else "CYX")
    return held.shape == (1, *frame.shape) and np.array_equal(held.frame(0), _writable(frame))


def _writable(frame: NDArray[Any]) -> NDArray[Any]:
    return frame if frame.dtype.name in WRITTEN else frame.astype(np.float32)


def command(checkpoint: Path, folder: Path, run: Path, epochs: int) -> list[str]:
    """The command that trains on all masks of a folder.

    Every fifth frame, at least one, is for validation where there are two or more; none is for testing.

    Args:
        checkpoint: of the net that it starts from.
        folder: with the images and masks, see `save_masks`.
        run: where the run goes.
        epochs: how many.

    Raises:
        InputError: no checkpoint, or a folder without masks.
    """
    masks = count_masks(folder)
    if not masks:
        raise InputError(
            f"{folder} has no image and mask of one name in {IMAGES} and {MASKS}, expected one or more: mend "
            "frames and save them first"
        )
    info = read_info(checkpoint, read_content(checkpoint))
    data = info.config.get("data", {})
    kept = {key: data[key] for key in ("tile", "batch_size", "normalise", "context") if key in data}
    classes = [{"name": entry.name, "colour": entry.colour} for entry in Classes(info.classes)]
    held_out = max(1, round(VALIDATION_SHARE * masks)) if masks > 1 else 0
    settings: dict[str, Any] = {
        "data": "folder",
        "data.root": str(folder),
        "data.classes": classes,
        "data.labels.sparse": True,
        "data.labels.ignore_value": IGNORE_INDEX,
        "data.split.validation": held_out,
        "data.split.test": 0,
        **{f"data.{key}": value for key, value in kept.items()},
        "start_from": str(checkpoint),
        "trainer.max_epochs": epochs,
        "report": False,
        "logger": "csv",
        "hydra.run.dir": str(run),
    }
    typed = [setting(key, value) for key, value in settings.items()]
    return [sys.executable, "-m", "hela_seg.train", *typed]


def train(
    checkpoint: Path, folder: Path, epochs: int, stopped: Callable[[], bool]
) -> Iterator[Epoch | Path | None]:
    """Train on all masks of a folder, in a process of its own.

    Its output goes to a file beside the run. A training that is stopped is told to end, and ends in order.

    Args:
        checkpoint: of the net that it starts from.
        folder: with the images and masks.
        epochs: how many.
        stopped: asked twice a second whether to end.

    Yields:
        Each epoch when it is logged, None while nothing happens, and at the end the best checkpoint.

    Raises:
        InputError: what the training says where it cannot begin or go on.
    """
    run = folder / "runs" / f"{time.strftime('%Y-%m-%d_%H-%M-%S')}_{os.getpid()}"
    typed = command(checkpoint, folder, run, epochs)
    run.parent.mkdir(parents=True, exist_ok=True)
    log = run.with_suffix(".log")
    told, shown = False, 0
    with log.open("w", encoding="utf-8") as output:
        # a session of its own, so that it outlives napari
        process = subprocess.Popen(typed, stdout=output, stderr=subprocess.STDOUT, start_new_session=True)
    while (status := process.poll()) is None:
        if stopped() and not told:
            process.terminate()
            told = True
        rows = _epochs(run, epochs)
        yield from rows[shown:]
        shown = len(rows)
        yield None
        time.sleep(WAIT_S)
    yield from _epochs(run, epochs)[shown:]
    checkpoints = run / run_folder.CHECKPOINTS
    written = [checkpoints / name for name in (run_folder.BEST_CHECKPOINT, run_folder.LAST_CHECKPOINT)]
    there = [path for path in written if path.exists()]  # without validation frames, none is best
    if (status == 0 or told) and there:
        yield there[0]
    elif not told:
        lines = [line for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line]
        raise InputError(lines[-1].removeprefix("error: ") if lines else f"the training ended with {status}")


def _epochs(run: Path, last: int) -> list[Epoch]:
    """The epochs whose training loss is logged, in their order."""
    # here, because Matplotlib takes time and the window waits
    from hela_seg.report.run.figures import read_log

    try:
        log = read_log(run / run_folder.LOGS / run_folder.METRICS_TABLE)
    except InputError:
        return []  # it is not there yet, or a row is being written
    loss, miou = (
        dict(zip(of.epochs.tolist(), of.values.tolist(), strict=True)) if (of := log.get(name)) else {}
        for name in ("loss/train", "m-IoU/validation")
    )
    return [Epoch(number, last, value, miou.get(number)) for number, value in loss.items()]
