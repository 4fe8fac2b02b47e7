"""One tile at a time: drawn at random for training, on a grid for validation."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, TypedDict

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset, Sampler

from hela_seg.classes import IGNORE_INDEX
from hela_seg.data.frames import LabelFrames, NormalisedFrames
from hela_seg.data.labels import LabelReader
from hela_seg.data.layouts import Recording
from hela_seg.data.normalise import Normalisation
from hela_seg.data.splits import Block
from hela_seg.data.tiles import Size, Window, cores, grid

Augment = Callable[
    [NDArray[np.float32], NDArray[np.uint8], tuple[int, int, int]],
    tuple[NDArray[np.float32], NDArray[np.uint8]],
]
"""Changes an image (C, h, w) and its labels (h, w) alike, as (seed, epoch, number of the draw) decide."""


class Sample(TypedDict):
    """One tile, or a batch of them with N before each shape.

    Attributes:
        image: (C, h, w) float32, normalised.
        label: (h, w) int64 class indices, or ``IGNORE_INDEX``.
        origin: (4,) int64: series, frame, row and column of the tile's corner.
    """

    image: Tensor
    label: Tensor
    origin: Tensor


class Draw(NamedTuple):
    """Which sample of which epoch; with the seed it decides everything that is random about it."""

    epoch: int
    number: int


class EpochSampler(Sampler[Draw]):
    """Counts through the samples of an epoch, and says which epoch it is.

    The trainer calls `set_epoch`. Because the epoch travels with each number, workers that live on from epoch
    to epoch draw new tiles all the same.

    Args:
        length: samples in an epoch.
    """

    def __init__(self, length: int) -> None:
        self._length, self._epoch = length, 0

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[Draw]:
        return (Draw(self._epoch, number) for number in range(self._length))

    def set_epoch(self, epoch: int) -> None:
        """Say which epoch the next pass belongs to."""
        self._epoch = epoch


class _Tiles:
    """Reads tiles of recordings, opened at the first read."""

    def __init__(
        self, recordings: Sequence[Recording], normalisation: Normalisation, reader: LabelReader
    ) -> None:
        self._images = [NormalisedFrames(recording.image, normalisation) for recording in recordings]
        self._labels = [LabelFrames(recording.mask, reader) for recording in recordings]

    def read(self, series: int, t: int, window: Window) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
        return self._images[series].read(t, window), self._labels[series].read(t, window)


class RandomTiles(Dataset[Sample]):
    """Tiles at random places of random frames, all pixels alike likely; indexed by `Draw`.

    What a draw gives depends on the seed, the epoch and the draw's number alone. Along an axis where a frame
    is smaller than the tile, the tile shows all of it: beyond its end the image is mirrored and the label
    ignored.

    Args:
        recordings: images and masks.
        blocks: the frames to draw from.
        normalisation: of the images.
        reader: of the masks.
        tile: (h, w) of a tile.
        augment: changes each tile at random, or None.
        seed: another seed draws other tiles.
    """

    def __init__(
        self,
        recordings: Sequence[Recording],
        blocks: Sequence[Block],
        normalisation: Normalisation,
        reader: LabelReader,
        tile: Size,
        augment: Augment | None,
        seed: int,
    ) -> None:
        self._tiles = _Tiles(recordings, normalisation, reader)
        self._sizes = [recording.image.shape[2:] for recording in recordings]
        self._blocks, self._tile, self._augment, self._seed = list(blocks), tile, augment, seed
        self._ends = np.cumsum([block.stop - block.start for block in blocks])

    def __getitem__(self, draw: Draw) -> Sample:
        random = np.random.default_rng((self._seed, *draw))
        frame = int(random.integers(self._ends[-1]))
        position = int(np.searchsorted(self._ends, frame, side="right"))
        block = self._blocks[position]
        t = block.stop - (int(self._ends[position]) - frame)
        sizes = zip(self._sizes[block.series], self._tile, strict=True)
        row, column = (int(random.integers(max(length - size, 0) + 1)) for length, size in sizes)
        window = Window(row, column, *self._tile)
        image, label = self._tiles.read(block.series, t, window)
        if self._augment is not None:
            image, label = self._augment(image, label, (self._seed, *draw))
        return _sample(image, label, (block.series, t, row, column))


class GridTiles(Dataset[Sample]):
    """All tiles that cover the frames of some blocks; each pixel's label counts in one tile alone.

    Where neighbouring tiles overlap, because the frame is no multiple of the tile, the label is
    ``IGNORE_INDEX`` in all but one of them, so that pooled scores count each pixel once.

    Args:
        recordings: images and masks.
        blocks: the frames to cover.
        normalisation: of the images.
        reader: of the masks.
        tile: (h, w) of a tile.
    """

    def __init__(
        self,
        recordings: Sequence[Recording],
        blocks: Sequence[Block],
        normalisation: Normalisation,
        reader: LabelReader,
        tile: Size,
    ) -> None:
        self._tiles = _Tiles(recordings, normalisation, reader)
        self._blocks = list(blocks)
        sizes = [recordings[block.series].image.shape[2:] for block in blocks]
        self._windows = [list(zip(grid(size, tile), cores(size, tile), strict=True)) for size in sizes]
        frames = [block.stop - block.start for block in blocks]
        self._ends = np.cumsum([count * len(w) for count, w in zip(frames, self._windows, strict=True)])

    def __len__(self) -> int:
        return int(self._ends[-1])

    def __getitem__(self, index: int) -> Sample:
        position = int(np.searchsorted(self._ends, index, side="right"))
        block, windows = self._blocks[position], self._windows[position]
        begin = int(self._ends[position]) - (block.stop - block.start) * len(windows)
        frame, number = divmod(index - begin, len(windows))
        window, core = windows[number]
        image, label = self._tiles.read(block.series, block.start + frame, window)
        kept = np.full_like(label, IGNORE_INDEX)
        inner = Window(core.row - window.row, core.column - window.column, core.height, core.width).slices
        kept[inner] = label[inner]
        return _sample(image, kept, (block.series, block.start + frame, window.row, window.column))


def _sample(
    image: NDArray[np.float32], label: NDArray[np.uint8], origin: tuple[int, int, int, int]
) -> Sample:
    return Sample(
        image=torch.from_numpy(np.ascontiguousarray(image)),
        label=torch.from_numpy(label.astype(np.int64)),
        origin=torch.tensor(origin),
    )
