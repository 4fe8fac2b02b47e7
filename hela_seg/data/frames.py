"""Windows of a recording as a net takes them: normalised images, labels as class indices."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hela_seg.data.classes import IGNORE_INDEX
from hela_seg.data.context import neighbours, own_channels
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
        context: how many frames before and after each are shown with it, see `hela_seg.data.context`.
        parts: ranges of frames that are not shown together with those of others; by default all are one.
        skip_unreadable: where a neighbour cannot be read, show the nearest that can be, instead of ending.
    """

    def __init__(
        self,
        series: Series,
        normalisation: Normalisation,
        context: int = 0,
        parts: Sequence[range] | None = None,
        *,
        skip_unreadable: bool = False,
    ) -> None:
        self._series, self._normalisation = series, normalisation
        self._whole, self._numbers = series.whole()
        self._context, self._skip = context, skip_unreadable
        self._parts = [range(series.shape[0])] if parts is None else list(parts)
        self._maps: dict[int, AffineMap] = {}

    @property
    def size(self) -> Size:
        """Rows and columns of a frame."""
        return self._series.shape[2:]

    @property
    def own_channels(self) -> slice:
        """The channels of frame t itself in what `read` gives."""
        return own_channels(self._series.shape[1], self._context)

    def read(self, t: int, window: Window) -> NDArray[np.float32]:
        """A window of frame t and its neighbours as ((2 context + 1) C, h, w) float32.

        The frames follow each other in time, each with its C channels; the window may stick out of them.

        Raises:
            InputError: the file is damaged there.
        """
        number, lost = self._numbers[t], set[int]()
        if not self._context:
            return self._read(number, window)
        while True:
            there = self._shown_with(t)
            seen = neighbours(number, self._context, [n for n in there if n not in lost] if lost else there)
            pixels: dict[int, NDArray[np.float32]] = {}
            for other in dict.fromkeys(seen):
                try:
                    pixels[other] = self._read(other, window)
                except InputError as error:
                    if other == number:
                        raise
                    if not self._skip:
                        raise InputError(f"frame {t} is shown with frame {other}: {error}") from None
                    lost.add(other)
            if len(pixels) == len(set(seen)):
                return np.concatenate([pixels[other] for other in seen])

    def _read(self, number: int, window: Window) -> NDArray[np.float32]:
        """A window of one frame of the whole recording."""
        pixels = read_padded(partial(self._whole.read, number), self.size, window)
        return self._map_of(number).apply(pixels)

    def _shown_with(self, t: int) -> range:
        """Numbers, in the whole recording, of the frames that may be shown with frame t."""
        part = next((part for part in self._parts if t in part), range(t, t + 1))
        start = self._numbers[part.start - 1] + 1 if part.start else 0
        stop = self._numbers[part.stop] if part.stop < len(self._numbers) else self._whole.shape[0]
        return range(start, stop)

    def _map_of(self, number: int) -> AffineMap:
        """The map of grey values for a frame, made once: of its own by kind ``frame``, else one for all."""
        by_frame = self._normalisation.kind == "frame"
        key = number if by_frame else 0
        if key not in self._maps:
            channels, dtype = self._series.shape[1], self._series.dtype
            statistics = self._normalisation.statistics(self._whole.frame(number)) if by_frame else None
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
