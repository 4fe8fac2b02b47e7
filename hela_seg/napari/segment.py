"""Predicts the frames of a layer of napari, and chooses those to label next."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import entr

from hela_seg.data.checks.perceptual_hash import perceptual_hash
from hela_seg.data.classes import IGNORE_INDEX, Classes
from hela_seg.data.stacks import Series
from hela_seg.napari.frames import LazyFrames
from hela_seg.system.errors import InputError

if TYPE_CHECKING:
    from hela_seg.inference import Predictor

TO_LABEL = 10
"""Most frames that are suggested for labelling."""


@dataclass(frozen=True)
class Prediction:
    """What a net says of a recording.

    Attributes:
        series: the recording (T, C, H, W) as the net sees it.
        maps: class maps (T, H, W) uint8; frames that were not predicted are `IGNORE_INDEX` all over.
        classes: of the net.
        to_label: numbers of the frames to label next, the first to label in front.
        frames: how many frames were predicted.
        note: what may be wrong with the recording for this net, in one line; None for nothing.
    """

    series: Series
    maps: LazyFrames
    classes: Classes
    to_label: list[int]
    frames: int
    note: str | None = None


@dataclass(frozen=True)
class Shown:
    """What a layer of type image shows.

    Attributes:
        series: the recording, where this package's reader has opened it.
        path: its file, where another reader has.
        pixels: an array of numpy, or one that numpy can read.
        axes: of the pixels.
    """

    series: Series | None
    path: Path | None
    pixels: Any
    axes: str

    def seen_by(self, predictor: Predictor) -> Series:
        """The recording as a net sees it: from its file where that holds the same frames, else the pixels.

        Raises:
            InputError: other channels than the net was trained on, or axes that no recording has.
        """
        if self.series is not None:
            return predictor.as_trained(self.series)
        if self.path is not None and self.path.exists():
            series, shape = predictor.open(self.path), dict(zip(self.axes, self.pixels.shape, strict=True))
            if (shape.get("T", 1), shape["Y"], shape["X"]) == (series.shape[0], *series.shape[2:]):
                return series
        if "?" in self.axes:
            raise InputError(
                f"the layer has the shape {tuple(self.pixels.shape)}, expected frames of T, Y and X: split "
                "its channels into layers, or take a maximum over Z"
            )
        return predictor.open(np.asarray(self.pixels), self.axes)


def axes_of(ndim: int, rgb: bool) -> str:
    """The axes of an image layer's pixels; those that are not known are ``?``.

    Example:
        ``axes_of(3, rgb=False) == "TYX"`` and ``axes_of(3, rgb=True) == "YXC"``.
    """
    places = ndim - rgb
    axes = "TYX"[-places:] if places <= 3 else "?" * (places - 3) + "TYX"
    return axes + "C" * rgb


def predict(
    checkpoint: Path, shown: Shown, stopped: Callable[[], bool]
) -> Iterator[tuple[int, int] | Prediction]:
    """Predict all frames of a recording; class maps lie in a temporary file.

    Args:
        checkpoint: of the net.
        shown: the layer.
        stopped: asked after each frame whether to end.

    Yields:
        How many frames are done, and of how many, after each frame; at the end the prediction.

    Raises:
        InputError: the checkpoint cannot be used, or not for this recording.
    """
    # Triton brings an LLVM of its own, which ends the process where a driver of Mesa has loaded another one
    # for the window. Prediction does not need it, and torch does without, as where there is no GPU.
    sys.modules.setdefault("triton", None)  # type: ignore[arg-type]
    from hela_seg.inference import Predictor  # here, because torch takes seconds and the window is to open
    from hela_seg.inference.bands import Unreadable
    from hela_seg.prediction.ranking import Candidate, rank

    predictor = Predictor.from_checkpoint(checkpoint)
    series = shown.seen_by(predictor)
    frames, _, height, width = series.shape
    with tempfile.TemporaryFile() as file:  # it goes when its array does
        maps = np.memmap(file, np.uint8, "w+", shape=(frames, height, width))
    candidates: list[Candidate] = []
    undecided, row, done = 0.0, 0, 0
    for band in predictor.bands(series, predictor.groups(series), probabilities=True):
        if isinstance(band, Unreadable):
            raise band.error
        if band.probabilities is None:
            raise ValueError("the band has no probabilities")
        maps[band.t, row : row + len(band.labels)] = band.labels
        undecided += float(entr(band.probabilities).sum(dtype=np.float64))
        row += len(band.labels)
        if row < height:
            continue
        looks = perceptual_hash(series.frame(band.t))
        if looks is not None:
            candidates.append(Candidate(0, band.t, undecided / (height * width), looks))
        undecided, row, done = 0.0, 0, done + 1
        yield done, frames
        if stopped():
            break
    maps[done:] = IGNORE_INDEX
    chosen = [choice.candidate.t for choice in rank(candidates, TO_LABEL)]
    yield Prediction(
        series,
        LazyFrames(lambda t: np.array(maps[t]), (frames, height, width)),
        predictor.classes,
        chosen,
        done,
        predictor.intensity_mismatch(series),
    )
