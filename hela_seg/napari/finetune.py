"""Fine-tuning in a process of its own, which goes on when napari is closed, and what it logs."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hela_seg.cli import setting
from hela_seg.data.classes import IGNORE_INDEX, Classes
from hela_seg.napari.masks import IMAGES, MASKS, count_masks
from hela_seg.runs import run_folder
from hela_seg.runs.checkpoint import read_content, read_info
from hela_seg.system.errors import InputError

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


def command(checkpoint: Path, folder: Path, run: Path, epochs: int) -> list[str]:
    """The command that trains on all masks of a folder.

    Every fifth frame, at least one, is for validation where there are two or more; none is for testing.

    Args:
        checkpoint: of the net that it starts from.
        folder: with the images and masks, see `hela_seg.napari.masks.save_masks`.
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
    from hela_seg.report.run.figures import (
        read_log,  # here, because Matplotlib takes time and the window waits
    )

    try:
        log = read_log(run / run_folder.LOGS / run_folder.METRICS_TABLE)
    except InputError:
        return []  # it is not there yet, or a row is being written
    loss, miou = (
        dict(zip(of.epochs.tolist(), of.values.tolist(), strict=True)) if (of := log.get(name)) else {}
        for name in ("loss/train", "m-IoU/validation")
    )
    return [Epoch(number, last, value, miou.get(number)) for number, value in loss.items()]
