"""A trained net applied to whole frames: a checkpoint and a recording -> class maps, frame by frame."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from hela_seg.classes import Classes
from hela_seg.data.frames import LabelFrames, NormalisedFrames
from hela_seg.data.labels import LabelReader
from hela_seg.data.layouts import Recording
from hela_seg.data.normalise import Normalisation
from hela_seg.data.splits import Block
from hela_seg.data.stacks import ArraySeries, Series, Z, open_series
from hela_seg.data.tiles import Size, Tile, crop_tiles, padded_size
from hela_seg.errors import InputError
from hela_seg.metrics import confusion_matrix, predicted_classes
from hela_seg.models import build
from hela_seg.runs import ModelInfo, read_checkpoint

WHOLE_FRAME_PIXELS = 1536 * 1536
"""Frames of up to so many pixels go through the net in one piece."""

TILE = (1024, 1024)
"""Rows and columns of the pieces of larger frames, halo included."""

HALO = 128
"""Context around the part of a piece that is kept, in pixels."""


class Predictor:
    """Predicts class maps with one net.

    Args:
        net: (N, C, H, W) float32 -> logits (N, K, H, W); has an attribute ``stride``.
        info: what its checkpoint says about it.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:1``.

    Raises:
        InputError: there is no such device.
    """

    def __init__(self, net: nn.Module, info: ModelInfo, device: str = "auto") -> None:
        self.info = info
        self.classes = Classes(info.classes)
        self.normalisation = Normalisation.from_plain(info.normalisation)
        self.device = _device(device)
        self._net = net.eval().to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._stride: int = net.stride  # type: ignore[assignment]

    @classmethod
    def from_checkpoint(cls, path: Path | str, device: str = "auto") -> Predictor:
        """Load a checkpoint; nothing in it is executed.

        Raises:
            InputError: see `hela_seg.runs.read_checkpoint` and `hela_seg.models.build`; or weights that do
                not fit the net that the checkpoint names.
        """
        info, weights = read_checkpoint(path)
        net = build(info.net)
        try:
            net.load_state_dict(weights)
        except RuntimeError as error:
            reason = " ".join(str(error).split())[:200]
            raise InputError(
                f"{path} holds weights of another net than it names ({reason}): "
                "expected a file written by hela_seg.train"
            ) from None
        return cls(net, info, device)

    def predict(self, source: NDArray[Any] | Path | str, axes: str | None = None) -> NDArray[np.uint8]:
        """Class maps (T, H, W) uint8 of a recording, all at once in memory.

        Args:
            source: a TIFF or PNG file, or an array of grey values.
            axes: order of the axes where a file does not state it, or of an array, e.g. ``TYX``. By default
                that of the training data for files; for arrays (T, H, W) or (H, W) when the net takes one
                channel, else (T, C, H, W), (C, H, W), or the same with the channels last.

        Raises:
            InputError: a file that cannot be read, or another number of channels than the net was trained on.
        """
        return np.stack(list(self.frames(self.open(source, axes))))

    def open(self, source: NDArray[Any] | Path | str, axes: str | None = None, z: Z = None) -> Series:
        """A recording as the net can take it; see `predict`.

        Args:
            source: see `predict`.
            axes: see `predict`.
            z: what is seen of a Z-stack: a plane, ``max`` or ``mean``; by default as in training.
        """
        if isinstance(source, np.ndarray):
            series: Series = ArraySeries(source, axes, self.info.channels)
        else:
            z = self.info.config.get("data", {}).get("z") if z is None else z
            series = open_series(source, axes, assumed_axes=self.info.axes, z=z)
        if series.shape[1] != self.info.channels:
            raise InputError(
                f"{series.path} has {series.shape[1]} channel(s), expected {self.info.channels} as the net "
                "was trained on: pick or merge channels first, or set axes= if they are frames"
            )
        return series

    def frames(self, series: Series) -> Iterator[NDArray[np.uint8]]:
        """Class maps (H, W) uint8 of a series, in order of time, each as soon as it is done."""
        images = NormalisedFrames(series, self.normalisation)
        for t in range(series.shape[0]):
            yield self._frame(images, t, series.shape[2:])

    def frame(self, series: Series, t: int) -> NDArray[np.uint8]:
        """Class map (H, W) uint8 of one frame."""
        return self._frame(NormalisedFrames(series, self.normalisation), t, series.shape[2:])

    def _frame(self, images: NormalisedFrames, t: int, size: Size) -> NDArray[np.uint8]:
        labels = np.empty(size, np.uint8)
        for tile in self._tiles(size):
            image = torch.from_numpy(images.read(t, tile.read))[np.newaxis]
            found = predicted_classes(self._logits(image))[0].to(torch.uint8).cpu().numpy()
            labels[tile.keep.slices] = found[tile.inner]
        return labels

    def _tiles(self, size: Size) -> list[Tile]:
        padded: Size = (padded_size(size[0], self._stride), padded_size(size[1], self._stride))
        whole = padded[0] * padded[1] <= WHOLE_FRAME_PIXELS
        return crop_tiles(size, padded if whole else TILE, HALO, self._stride)

    @torch.inference_mode()
    def _logits(self, image: Tensor) -> Tensor:
        image = image.to(self.device, memory_format=torch.channels_last, non_blocking=True)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.device.type == "cuda"):
            logits: Tensor = self._net(image)
        return logits


def count_pixels(
    predictor: Predictor, recordings: Sequence[Recording], blocks: Sequence[Block], reader: LabelReader
) -> NDArray[np.int64]:
    """Confusion matrix (K, K) of whole predicted frames against masks, pooled over all frames given."""
    matrix = torch.zeros(len(predictor.classes), len(predictor.classes), dtype=torch.int64)
    for block in blocks:
        recording = recordings[block.series]
        masks = LabelFrames(recording.mask, reader)
        for t in range(block.start, block.stop):
            prediction = torch.from_numpy(predictor.frame(recording.image, t).astype(np.int64))
            truth = torch.from_numpy(masks.whole(t).astype(np.int64))
            matrix += confusion_matrix(prediction, truth, len(predictor.classes))
    counts: NDArray[np.int64] = matrix.numpy()
    return counts


def _device(name: str) -> torch.device:
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError):
        raise InputError(
            f"device is '{name}', which is not on this machine: choose auto, cpu or cuda"
        ) from None
    return device
