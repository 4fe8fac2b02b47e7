"""Windows of a recording as a net takes them: normalised images, labels as class indices."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hela_seg.data.classes import IGNORE_INDEX
from hela_seg.data.labels.readers import InstanceLabels, LabelReader
from hela_seg.data.normalise import AffineMap, Normalisation
from hela_seg.data.stacks import Series
from hela_seg.data.tiles import Size, Window, read_padded
from hela_seg.system.errors import InputError


class NormalisedFrames:
    """Reads windows of a series as float32, mirrored at the frame's edges.

    Args:
        series: the images.
        normalisation: maps grey values; fitted.
    """

    def __init__(self, series: Series, normalisation: Normalisation) -> None:
        self._series, self._normalisation = series, normalisation
        self._maps: dict[int, AffineMap] = {}

    @property
    def size(self) -> Size:
        """Rows and columns of a frame."""
        return self._series.shape[2:]

    def read(self, t: int, window: Window) -> NDArray[np.float32]:
        """A window of frame t as (C, h, w) float32; it may stick out of the frame.

        Raises:
            InputError: the file is damaged there.
        """
        size: Size = self._series.shape[2:]
        pixels = read_padded(partial(self._series.read, t), size, window)
        return self._map_of(t).apply(pixels)

    def _map_of(self, t: int) -> AffineMap:
        """The map of grey values for frame t, made once: of its own by kind ``frame``, else one for all."""
        by_frame = self._normalisation.kind == "frame"
        key = t if by_frame else 0
        if key not in self._maps:
            channels, dtype = self._series.shape[1], self._series.dtype
            statistics = self._normalisation.statistics(self._series.frame(t)) if by_frame else None
            self._maps[key] = self._normalisation.map_of(channels, dtype, statistics)
        return self._maps[key]


class LabelFrames:
    """Reads windows of a mask series as class indices; pixels outside of the frame are ignored ones.

    Args:
        series: the masks, of one channel or RGB.
        reader: turns mask values into class indices.
    """

    def __init__(self, series: Series, reader: LabelReader) -> None:
        self._series, self._reader = series, reader

    def read(self, t: int, window: Window) -> NDArray[np.uint8]:
        """A window of frame t as (h, w) uint8; it may stick out of the frame.

        Raises:
            InputError: values that stand for no class; the message names file and frame. Or a damaged file.
        """
        size: Size = self._series.shape[2:]
        return read_padded(partial(self._inside, t), size, window, fill=IGNORE_INDEX)

    def whole(self, t: int) -> NDArray[np.uint8]:
        """Frame t as (H, W) uint8."""
        height, width = self._series.shape[2:]
        return self.read(t, Window(0, 0, height, width))

    def instances(self, t: int, labels: NDArray[np.uint8]) -> NDArray[np.integer[Any]] | None:
        """The cells of frame t as the masks number them.

        Args:
            t: the frame.
            labels: `whole` of it.

        Returns:
            Ids (H, W), 0 where there is no cell and where pixels are ignored; None where masks hold no ids.
        """
        if not isinstance(self._reader, InstanceLabels):
            return None
        ids: NDArray[np.integer[Any]] = self._series.frame(t)[0]
        return np.where((labels == 0) | (labels == IGNORE_INDEX), 0, ids).astype(np.int64)

    def _inside(self, t: int, rows: slice, columns: slice) -> NDArray[np.uint8]:
        """Labels as in the whole frame, for which the reader may need to see some pixels around."""
        height, width = self._series.shape[2:]
        margin = self._reader.margin
        top, left = max(rows.start - margin, 0), max(columns.start - margin, 0)
        bottom, right = min(rows.stop + margin, height), min(columns.stop + margin, width)
        raw = self._series.read(t, slice(top, bottom), slice(left, right))
        try:
            labels = self._reader.convert(raw[0] if len(raw) == 1 else raw)
        except InputError as error:
            raise InputError(f"{self._series.where(t)}: {error}") from None
        return labels[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left]
