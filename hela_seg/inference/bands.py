"""From frames to predicted bands: reading ahead, the nets, and joining tiles, side by side."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, islice
from operator import attrgetter
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hela_seg.data.frames import NormalisedFrames
from hela_seg.data.tiles import Array, Size, Tile
from hela_seg.inference.batches import Batches
from hela_seg.inference.ensemble import Ensemble
from hela_seg.inference.prefetch import prefetch
from hela_seg.inference.stitch import CropStitcher, GaussianStitcher, Plan, plan
from hela_seg.inference.tiling import Tiling
from hela_seg.scores.metrics import predicted_classes
from hela_seg.system.errors import InputError


class Band(NamedTuple):
    """A full-width part of one frame's prediction; those of a frame come from top to bottom.

    Attributes:
        t: the frame.
        labels: (h, W) uint8 class indices.
        probabilities: (K, h, W) float32, where they were asked for.
    """

    t: int
    labels: NDArray[np.uint8]
    probabilities: NDArray[np.float32] | None = None


class Unreadable(NamedTuple):
    """A frame that cannot be read; bands of it that came before are to be forgotten."""

    t: int
    error: InputError


@dataclass(eq=False)
class Frame:
    """A frame to predict.

    Attributes:
        t: the number under which its bands come out.
        images: where its pixels come from, once for each normalisation and context that the nets ask for.
        at: its number there.
        stitchers: join its tiles, one for each kind of result, once it is on its way through the nets.
        dropped: whether it cannot be read.
    """

    t: int
    images: Sequence[NormalisedFrames]
    at: int
    stitchers: Sequence[CropStitcher | GaussianStitcher] = ()
    dropped: bool = False

    def push(self, cut: Plan, results: Sequence[Array]) -> list[Array] | None:
        """Join the next tile's results, each to those of its kind; gives a band when it is final."""
        self.stitchers = self.stitchers or [cut.stitcher() for _ in results]
        bands = [stitcher.push(result) for stitcher, result in zip(self.stitchers, results, strict=True)]
        return None if bands[0] is None else [band for band in bands if band is not None]


class _Batch(NamedTuple):
    cut: Plan
    tiles: list[tuple[Frame, Tile]]
    images: list[Tensor]
    failures: list[tuple[Frame, InputError]]


class BandMaker:
    """Sends frames through nets.

    Args:
        ensemble: the nets.
        tiling: how frames are cut and joined.
        channels: of the images, once for each normalisation and context.
    """

    def __init__(self, ensemble: Ensemble, tiling: Tiling, channels: Sequence[int]) -> None:
        self._ensemble, self._tiling, self._channels = ensemble, tiling, channels
        self._on_gpu = ensemble.device.type == "cuda"
        self._batch_sizes: dict[Size, int] = {}
        device, size = ensemble.device, tiling.batch_size
        self._classes = Batches(ensemble.classes, device, size)
        self._probabilities = Batches(ensemble.probabilities, device, size)
        self._both = Batches(ensemble.classes_and_probabilities, device, size)

    def group_size(self, size: Size) -> int:
        """How many frames of one size fill a batch; 1 where a frame makes one batch or more."""
        cut = plan(size, self._tiling, self._ensemble.stride)
        return max(1, self._batch_size(cut) // len(cut.tiles))

    def bands(
        self, groups: Iterable[Sequence[Frame]], *, probabilities: bool = False, skip_unreadable: bool = False
    ) -> Iterator[Band | Unreadable]:
        """Bands of all frames, in the order of these.

        Args:
            groups: frames of one size each. A batch never reaches over a group, so what is predicted of a
                frame depends on its group alone.
            probabilities: whether bands bring them.
            skip_unreadable: say so instead of ending where a frame cannot be read.

        Raises:
            InputError: a frame that cannot be read.
        """
        batches = (batch for group in groups if group for batch in self._cut(group))
        for batch, results in self._through_nets(prefetch(self._read, batches), probabilities):
            for frame, error in batch.failures:
                if not skip_unreadable:
                    raise error
                if not frame.dropped:
                    yield Unreadable(frame.t, error)
                frame.dropped = True
            for (frame, _), *found in zip(batch.tiles, *results, strict=True):
                band = None if frame.dropped else frame.push(batch.cut, found)
                if band is not None:
                    yield _band(frame.t, batch.cut, band, probabilities)

    def _batch_size(self, cut: Plan) -> int:
        tile = cut.tiles[0].read
        size = (tile.height, tile.width)
        if size not in self._batch_sizes:
            self._batch_sizes[size] = self._classes.size(self._channels, size)
        return self._batch_sizes[size]

    def _cut(self, group: Sequence[Frame]) -> Iterator[tuple[Plan, list[tuple[Frame, Tile]]]]:
        """The tiles of a group's frames, a batch at a time."""
        cut = plan(group[0].images[0].size, self._tiling, self._ensemble.stride)
        size = self._batch_size(cut)
        tiles = ((frame, tile) for frame in group for tile in cut.tiles)
        while batch := list(islice(tiles, size)):
            yield cut, batch

    def _read(self, batch: tuple[Plan, Sequence[tuple[Frame, Tile]]]) -> _Batch:
        """Read a batch, outside of the caller's thread."""
        kept, pixels, failures = [], [], []
        for frame, tile in batch[1]:
            try:
                pixels.append([images.read(frame.at, tile.read) for images in frame.images])
            except InputError as error:
                # a reader that was asked for some pixels may not have known the frame
                name, said = f"frame {frame.at}", str(error)
                failures.append((frame, error if name in said else InputError(f"{name} of {said}")))
            else:
                kept.append((frame, tile))
        images = [torch.from_numpy(np.stack(of_one_kind)) for of_one_kind in zip(*pixels, strict=True)]
        images = [image.pin_memory() for image in images] if self._on_gpu else images
        return _Batch(batch[0], kept, images, failures)

    def _through_nets(
        self, batches: Iterable[_Batch], probabilities: bool
    ) -> Iterator[tuple[_Batch, list[Array]]]:
        """What the nets find; a GPU has the next batch under way while one is fetched and joined."""
        under_way: deque[tuple[_Batch, Sequence[Tensor]]] = deque()
        for batch in batches:
            under_way.append((batch, self._run(batch, probabilities)))
            if len(under_way) > self._on_gpu:
                yield _fetched(*under_way.popleft())
        while under_way:
            yield _fetched(*under_way.popleft())

    def _run(self, batch: _Batch, probabilities: bool) -> Sequence[Tensor]:
        if not batch.tiles:
            return ()
        if batch.cut.blend == "gaussian":
            return self._probabilities.run(batch.images)
        return (self._both if probabilities else self._classes).run(batch.images)


def whole_frames(bands: Iterable[Band | Unreadable]) -> Iterator[Band]:
    """Bands joined to whole frames; of these, memory holds one."""
    for t, parts in groupby(bands, attrgetter("t")):
        of_frame = [band for band in parts if isinstance(band, Band)]
        if len(of_frame) == 1:
            yield of_frame[0]
            continue
        probabilities = [band.probabilities for band in of_frame if band.probabilities is not None]
        yield Band(
            t,
            np.concatenate([band.labels for band in of_frame]),
            np.concatenate(probabilities, axis=1) if probabilities else None,
        )


def _band(t: int, cut: Plan, found: Sequence[Array], probabilities: bool) -> Band:
    if cut.blend == "gaussian":
        mean = found[0]
        labels = predicted_classes(torch.from_numpy(mean)[None])[0].to(torch.uint8).numpy()
        return Band(t, labels, mean if probabilities else None)
    return Band(t, found[0], found[1] if probabilities else None)


def _fetched(batch: _Batch, results: Sequence[Tensor]) -> tuple[_Batch, list[Array]]:
    return batch, [result.cpu().numpy() for result in results]
