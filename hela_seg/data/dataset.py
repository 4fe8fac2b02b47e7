"""One tile at a time: drawn at random for training, on a grid for validation."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import TypedDict

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from hela_seg.data.augment import Augmentation
from hela_seg.data.classes import IGNORE_INDEX
from hela_seg.data.context import parts_of_time
from hela_seg.data.frames import LabelFrames, NormalisedFrames
from hela_seg.data.labels.positions import ClassPositions, ForegroundPixels, labelled_frames
from hela_seg.data.labels.readers import LabelReader
from hela_seg.data.layouts import Recording
from hela_seg.data.normalise import Normalisation
from hela_seg.data.sampler import Draw
from hela_seg.data.splits.split import Block
from hela_seg.data.tiles import Size, Tile, Window, cores, grid
from hela_seg.system.errors import InputError


class Sample(TypedDict):
    """One tile, or a batch of them with N before each shape.

    Attributes:
        image: (C, h, w) float32, normalised; with context C is that of all frames, see `NormalisedFrames`.
        label: (h, w) int64 class indices, or ``IGNORE_INDEX``.
        origin: (4,) int64: series, frame, row and column of the tile's corner.
    """

    image: Tensor
    label: Tensor
    origin: Tensor


class Tiles(Dataset[Sample]):
    """Tiles of the frames of some blocks; a subclass says which. Files are opened at the first read.

    Args:
        recordings: images and masks.
        blocks: the frames.
        normalisation: how the grey values of the images are normalised.
        reader: reads the class indices of the masks.
        tile: (h, w) of a tile.
        context: how many frames before and after each one are shown with it; only frames of the blocks are.
    """

    def __init__(
        self,
        recordings: Sequence[Recording],
        blocks: Sequence[Block],
        normalisation: Normalisation,
        reader: LabelReader,
        tile: Size,
        context: int = 0,
    ) -> None:
        parts: list[list[range]] = [[] for _ in recordings]
        for (series, _), ranges in parts_of_time(blocks).items():
            parts[series] += ranges
        self._images = [
            NormalisedFrames(recording.image, normalisation, context, shown_together)
            for recording, shown_together in zip(recordings, parts, strict=True)
        ]
        self._labels = [LabelFrames(recording.mask, reader) for recording in recordings]
        self._blocks, self._tile = list(blocks), tile
        frames = [block.stop - block.start for block in blocks]
        self._ends = np.multiply(frames, self._per_frame()).cumsum()

    def _per_frame(self) -> list[int]:
        """How many tiles are numbered in each frame of a block, block by block."""
        return [1] * len(self._blocks)

    def _find(self, number: int) -> tuple[int, int]:
        """The place of a block among all, and that of a tile in the block, by the tile's number."""
        place = int(np.searchsorted(self._ends, number, side="right"))
        return place, number - (int(self._ends[place - 1]) if place else 0)

    def _read(self, series: int, t: int, window: Window) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
        """Image (C, h, w) and labels (h, w) of a window of frame t."""
        return self._images[series].read(t, window), self._labels[series].read(t, window)


class RandomTiles(Tiles):
    """Tiles at random places of random frames; indexed by `Draw`.

    What a draw gives depends on the seed, the epoch and the draw's number alone. Along an axis where a frame
    is smaller than the tile, the tile shows all of it: beyond its end the image is mirrored and the label
    ignored.

    Of any n draws with consecutive numbers, ``floor(n * foreground_share)`` or more show a pixel of a
    foreground class, drawn as `hela_seg.data.labels.positions.ForegroundPixels` says, at a random place in
    the tile (before augmentation). With a share of 1/3 these are the draws 2, 5, 8 and so on. In the others
    every tile is equally likely, of frames with labels and of frames that `hela_seg.data.labels.survey` did
    not look at.

    Args:
        recordings, blocks, normalisation, reader, tile, context: see `Tiles`.
        augment: changes each tile at random, or None; where a frame is too small to rotate a tile in, it
            stays upright.
        seed: another seed draws other tiles.
        positions: where the classes lie; None draws from all frames alike, whether they have labels or not.
        foreground_share: from 0 to 1; needs ``positions``.

    Raises:
        InputError: the blocks hold no foreground to show, or no labels.
        ValueError: a share without positions.
    """

    def __init__(
        self,
        recordings: Sequence[Recording],
        blocks: Sequence[Block],
        normalisation: Normalisation,
        reader: LabelReader,
        tile: Size,
        augment: Augmentation | None,
        seed: int,
        positions: ClassPositions | None = None,
        foreground_share: float = 0.0,
        context: int = 0,
    ) -> None:
        super().__init__(recordings, blocks, normalisation, reader, tile, context)
        self._augment, self._seed = augment or Augmentation(), seed
        self._labelled = _labelled(positions, blocks)
        # 0.29 as a float is a little less, and would lack its 29th of 100 draws
        self._share = Fraction(foreground_share).limit_denominator(10_000)
        self._foreground = _foreground(positions, blocks) if self._share else None

    def __getitem__(self, draw: Draw) -> Sample:
        seed = (self._seed, *draw)
        random = np.random.default_rng(seed)
        if self._foreground is not None and self._shows_foreground(draw.number):
            series, t, window = self._around_foreground(self._foreground, random)
        else:
            series, t, window = self._anywhere(random)
        rotation = self._augment.rotations(seed) if self._augment.rotations else None
        wide = rotation.window(window, self._images[series].size) if rotation else None
        image, label = self._read(series, t, wide or window)
        if rotation is not None and wide is not None:
            image, label = rotation.cut(image, label, self._tile)
        image, label = self._augment(image, label, seed)
        return _sample(image, label, series, t, window)

    def _shows_foreground(self, number: int) -> bool:
        """Whether the share, summed up over the numbers, passes a whole number with this one."""
        return (number + 1) * self._share // 1 > number * self._share // 1

    def _anywhere(self, random: np.random.Generator) -> tuple[int, int, Window]:
        frames = int(self._ends[-1]) if self._labelled is None else len(self._labelled)
        number = int(random.integers(frames))
        place, frame = self._find(number if self._labelled is None else int(self._labelled[number]))
        block = self._blocks[place]
        sizes = zip(self._images[block.series].size, self._tile, strict=True)
        row, column = (int(random.integers(max(length - size, 0) + 1)) for length, size in sizes)
        return block.series, block.start + frame, Window(row, column, *self._tile)

    def _around_foreground(
        self, foreground: ForegroundPixels, random: np.random.Generator
    ) -> tuple[int, int, Window]:
        place = foreground.draw(random)
        frame = self._images[place.series].size
        pixel = divmod(place.pixel, frame[1])
        row, column = (_start_around(random, *axis) for axis in zip(pixel, self._tile, frame, strict=True))
        return place.series, place.t, Window(row, column, *self._tile)


def _start_around(random: np.random.Generator, pixel: int, tile: int, frame: int) -> int:
    """A start, all equally likely, of a tile that shows a pixel and does not stick out of the frame."""
    return int(random.integers(max(pixel - tile + 1, 0), max(min(pixel, frame - tile), 0) + 1))


def _labelled(positions: ClassPositions | None, blocks: Sequence[Block]) -> NDArray[np.int64] | None:
    if positions is None:
        return None
    frames = labelled_frames(positions, blocks)
    if not len(frames):
        raise InputError(
            "all pixels of the training frames are ignored ones, expected labels: look at the masks, and at "
            "data.labels.ignore_value"
        )
    return frames


def _foreground(positions: ClassPositions | None, blocks: Sequence[Block]) -> ForegroundPixels:
    if positions is None:
        raise ValueError("foreground_share needs the positions of the classes")
    try:
        return ForegroundPixels(positions, blocks)
    except ValueError:
        raise InputError(
            "the masks of the training series hold background alone, expected other classes: look at the "
            "masks, or set data.foreground_share=0"
        ) from None


class GridTiles(Tiles):
    """All tiles that cover the frames of some blocks; each pixel's label counts in one tile alone.

    Where neighbouring tiles overlap, because the frame is no multiple of the tile, the label is
    ``IGNORE_INDEX`` in all but one of them, so that pooled scores count each pixel once.
    """

    def _per_frame(self) -> list[int]:
        sizes = [self._images[block.series].size for block in self._blocks]
        # one list for all frames of a size, however many series there are
        tiles = {
            size: [Tile(*both) for both in zip(grid(size, self._tile), cores(size, self._tile), strict=True)]
            for size in set(sizes)
        }
        self._tiles = [tiles[size] for size in sizes]
        return list(map(len, self._tiles))

    def __len__(self) -> int:
        return int(self._ends[-1])

    def __getitem__(self, index: int) -> Sample:
        place, number = self._find(index)
        block, tiles = self._blocks[place], self._tiles[place]
        frame, number = divmod(number, len(tiles))
        t, tile = block.start + frame, tiles[number]
        image, label = self._read(block.series, t, tile.read)
        kept = np.full_like(label, IGNORE_INDEX)
        kept[tile.inner] = label[tile.inner]
        return _sample(image, kept, block.series, t, tile.read)


class Uncounted(Dataset[Sample]):
    """A tile of which no pixel counts, for a process that has none to validate.

    Args:
        tiles: the first of which is shown.
    """

    def __init__(self, tiles: GridTiles) -> None:
        self._tiles = tiles

    def __len__(self) -> int:
        return 1

    def __getitem__(self, index: int) -> Sample:
        tile = self._tiles[index]
        tile["label"].fill_(IGNORE_INDEX)
        return tile


def _sample(
    image: NDArray[np.float32], label: NDArray[np.uint8], series: int, t: int, window: Window
) -> Sample:
    return Sample(
        image=torch.from_numpy(np.ascontiguousarray(image)),
        label=torch.from_numpy(label.astype(np.int64)),
        origin=torch.tensor((series, t, window.row, window.column)),
    )
