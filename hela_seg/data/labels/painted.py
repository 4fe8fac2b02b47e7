"""Masks put together from several files: one a cell, or one a class."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from hela_seg.data.stacks import Series
from hela_seg.data.stacks.segments import cache, version_of
from hela_seg.data.stacks.series import Pixels, refuse_unlike


class Layer(NamedTuple):
    """A mask file, and the value that its foreground gets; None for the values that it holds itself."""

    mask: Series
    value: int | None


class PaintedSeries(Series):
    """Layers painted over each other, the later over the earlier; 0 where none has foreground.

    Foreground is what is not 0, or not below the threshold. A frame is painted as a whole and kept for a
    while, for its windows are read one after another.

    Args:
        layers: at least one, alike in frames and size.
        background: value where no layer has foreground.
        threshold: least value of foreground, of soft masks; None for 1.
        dtype: holds all values that are painted; where layers keep their own, the one that holds these too.

    Raises:
        InputError: layers of different sizes.

    Example:
        ``[0 9 9]`` with the value 1 and then ``[0 0 9]`` with the value 2 make ``[0 1 2]``.
    """

    def __init__(
        self,
        layers: Sequence[Layer],
        background: int = 0,
        threshold: float | None = None,
        dtype: npt.DTypeLike = np.uint8,
    ) -> None:
        first = layers[0].mask
        masks = [layer.mask for layer in layers]
        kinds = [(mask.shape[0], mask.shape[2:]) for mask in masks]
        refuse_unlike(masks, kinds, "masks of one image must be alike in frames and size")
        self._layers, self._background, self._threshold = tuple(layers), background, threshold
        self.state_as(first)
        self.shape, self.position = (first.shape[0], 1, *first.shape[2:]), None
        self.dtype = np.result_type(dtype, *(layer.mask.dtype for layer in layers if layer.value is None))
        files = tuple((str(path), version_of(path)) for path in self.paths)
        self._key = (files, tuple(layer.value for layer in layers), background, threshold, self.dtype.str)

    @property
    def paths(self) -> tuple[Path, ...]:
        """The files of all layers."""
        return tuple(path for layer in self._layers for path in layer.mask.paths)

    def read(self, t: int, rows: slice, columns: slice) -> Pixels:
        """Read one window of frame t as (1, h, w)."""
        whole = cache.get((self._key, t), lambda: self._paint(t))
        return whole[:, rows, columns].copy()

    def _paint(self, t: int) -> Pixels:
        """The whole frame t as (1, H, W)."""
        painted = np.full(self.shape[2:], self._background, self.dtype)
        for mask, value in self._layers:
            pixels = mask.frame(t).max(axis=0)  # of masks saved in colours
            inside: npt.NDArray[np.bool_] = (
                pixels >= self._threshold if self._threshold is not None else pixels > 0
            )
            painted[inside] = pixels[inside] if value is None else value
        return painted[np.newaxis]
