"""Pictures of the same few validation frames every few epochs: image, truth and prediction side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from numpy.typing import NDArray
from pytorch_lightning.loggers import Logger, MLFlowLogger, TensorBoardLogger, WandbLogger

from hela_seg.data.classes import Classes
from hela_seg.data.context import parts_of_time
from hela_seg.data.datamodule import TimelapseData
from hela_seg.data.frames import LabelFrames, NormalisedFrames
from hela_seg.data.splits.split import Block
from hela_seg.data.tiles import Size, Window
from hela_seg.report.pictures.blending import Picture, blend, fit_panel
from hela_seg.runs.logs import CsvLog
from hela_seg.scores.metrics import predicted_classes
from hela_seg.system.settings import Count, NonNegative

LARGEST = 512
"""Rows and columns that are shown of a frame, from its middle."""

GAP = 8
"""White pixels between panels."""


class ValidationPictures(pl.Callback):
    """Logs pictures of validation frames to every logger that accepts them; beside a CSV as PNG files.

    Args:
        frames: how many, evenly spread over all validation frames.
        every_epochs: shown after the first epoch, and then after every so many.

    Raises:
        InputError: a number that is not whole, or too low.
    """

    def __init__(self, frames: NonNegative = 3, every_epochs: Count = 5) -> None:
        self._frames, self._every = frames, every_epochs

    def on_validation_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Log the frames, when they are due."""
        due = trainer.current_epoch % self._every == 0 and not trainer.sanity_checking
        if not due or not trainer.is_global_zero:
            return
        data: Any = trainer.datamodule  # type: ignore[attr-defined]
        for series, t in spread(data.blocks_of("validation"), self._frames):
            name = f"{data.recordings[series].name} t{t}".replace("/", "_")
            picture = _picture(data, series, t, trainer, pl_module)
            for logger in trainer.loggers:
                show(logger, name, picture, trainer.current_epoch + 1, trainer.global_step)


def spread(blocks: Sequence[Block], count: int) -> list[tuple[int, int]]:
    """Series and frame of ``count`` frames, evenly spread over blocks; of all frames if there are fewer.

    Example:
        Of one block of 10 frames, two are frame 2 and frame 7.
    """
    places = [(block.series, t) for block in blocks for t in range(block.start, block.stop)]
    count = min(count, len(places))
    return [places[(2 * number + 1) * len(places) // (2 * count)] for number in range(count)]


def show(logger: Logger, name: str, picture: Picture, epoch: int, step: int) -> None:
    """Log a picture; a logger that accepts no pictures is skipped.

    Args:
        logger: any.
        name: of what is shown.
        picture: (H, W, 3) uint8.
        epoch: counted from 1.
        step: of the optimiser.
    """
    if isinstance(logger, CsvLog):
        logger.log_picture(name, picture, epoch)
    elif isinstance(logger, TensorBoardLogger):
        logger.experiment.add_image(f"validation/{name}", picture, step, dataformats="HWC")
    elif isinstance(logger, MLFlowLogger):
        logger.experiment.log_image(logger.run_id, picture, f"validation/{name}/epoch_{epoch:03}.png")
    elif isinstance(logger, WandbLogger):
        logger.log_image(f"validation/{name}", [picture], step=step)


def panels(
    image: NDArray[np.float32], truth: NDArray[np.uint8], prediction: NDArray[np.uint8], classes: Classes
) -> Picture:
    """An image, and its true and predicted classes drawn over it, side by side.

    Args:
        image: (C, H, W).
        truth: (H, W) class indices.
        prediction: (H, W) class indices.
        classes: the K classes.

    Returns:
        (h, 3 w + 2 `GAP`, 3) uint8; small images are enlarged.
    """
    drawn = (np.zeros_like(truth), truth, prediction)
    shown = [blend(*fit_panel(image, labels, LARGEST), classes) for labels in drawn]
    gap = np.full((len(shown[0]), GAP, 3), 255, np.uint8)
    return np.concatenate([shown[0], gap, shown[1], gap, shown[2]], axis=1)


def _picture(
    data: TimelapseData, series: int, t: int, trainer: pl.Trainer, task: pl.LightningModule
) -> Picture:
    recording = data.recordings[series]
    parts = parts_of_time(data.blocks).get((series, "validation"))
    frames = NormalisedFrames(recording.image, data.normalisation, data.context, parts)
    window = _middle(frames.size, getattr(task.net, "stride", 1))
    image = frames.read(t, window)
    truth = LabelFrames(recording.mask, data.labels).read(t, window)
    eager = torch.compiler.set_stance("force_eager")  # other sizes than those that were compiled for
    with torch.no_grad(), trainer.precision_plugin.forward_context(), eager:
        logits = task(torch.from_numpy(image[None]).to(task.device))
    prediction = predicted_classes(logits)[0].cpu().numpy().astype(np.uint8)
    rows, columns = _inside(window, frames.size)
    shown = image[frames.own_channels, rows, columns]
    return panels(shown, truth[rows, columns], prediction[rows, columns], data.classes)


def _middle(size: Size, stride: int) -> Window:
    """The middle of a frame, whose sides the net takes; it sticks out of a small one."""
    height, width = (min(LARGEST // stride * stride, -(-side // stride) * stride) for side in size)
    return Window((size[0] - height) // 2, (size[1] - width) // 2, height, width)


def _inside(window: Window, size: Size) -> tuple[slice, slice]:
    """The part of a window that lies in the frame, as slices of the window."""
    ends = zip((window.row, window.column), (window.height, window.width), size, strict=True)
    rows, columns = (slice(max(0, -start), min(length, side - start)) for start, length, side in ends)
    return rows, columns
