"""Geometry alone: cutting frames of H x W pixels into windows, and which pixels of each window count.

Two ways of cutting, for two purposes:

- :func:`grid` and :func:`cores` for validation, where every pixel of a frame counts once in pooled scores;
- :func:`crop_tiles` for prediction, where a halo of context around each tile makes the stitched result equal
  to the prediction of the whole frame.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise, product
from typing import Any

import numpy as np
import numpy.typing as npt

Size = tuple[int, int]
"""Rows and columns, in pixels."""

LARGEST_TILE = 256
"""Most rows and columns of a training tile, unless they are set: frames of up to so many are shown whole."""

STEP_PIXELS = LARGEST_TILE**2
"""Pixels of all tiles of a training step together, unless their size or number is set."""

TILE_MULTIPLE = 32
"""The largest factor by which a net shrinks its input; tile sides that are multiples of it suit all nets."""

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Window:
    """A rectangle of pixels; it may stick out of the frame, and then starts below 0 or ends beyond it."""

    row: int
    column: int
    height: int
    width: int

    @property
    def slices(self) -> tuple[slice, slice]:
        """Rows and columns as slices, for windows that start inside the frame."""
        return slice(self.row, self.row + self.height), slice(self.column, self.column + self.width)


@dataclass(frozen=True)
class Tile:
    """A window that goes through a net, and the part of its result that is kept."""

    read: Window
    keep: Window

    @property
    def inner(self) -> tuple[slice, slice]:
        """The kept part as slices of the tile's own result, whose pixel (0, 0) is the corner of ``read``."""
        row, column = self.keep.row - self.read.row, self.keep.column - self.read.column
        return Window(row, column, self.keep.height, self.keep.width).slices


def padded_size(size: int, stride: int) -> int:
    """The smallest multiple of ``stride`` that holds ``size`` pixels; ``padded_size(37, 16) == 48``."""
    return -(-size // stride) * stride


def tile_of_frames(sizes: Iterable[Size], *, alone: bool) -> Size:
    """The size of training tiles for frames (H, W): that of the largest ones, or what suits larger frames.

    Args:
        sizes: rows and columns of each frame.
        alone: each frame is normalised by itself. Then nets do so too, and need tiles about as large as what
            they predict: `LARGEST_TILE` where frames are larger. Elsewhere such frames are cut into tiles of
            half of these rows and columns: a step then has four of them, and batch normalisation sees several
            frames at a time.

    Example:
        Frames of 40 x 70 and 90 x 30 pixels have tiles of 96 x 96, and those of 512 x 200 of 256 x 224 if
        each is normalised by itself, else of 128 x 128.
    """
    rows, columns = (padded_size(max(sides), TILE_MULTIPLE) for sides in zip(*sizes, strict=True))
    most = LARGEST_TILE if alone or max(rows, columns) <= LARGEST_TILE else LARGEST_TILE // 2
    return min(rows, most), min(columns, most)


def tiles_of_step(tile: Size, processes: int, *, alone: bool) -> int:
    """As many tiles as have `STEP_PIXELS`, one at least, and alike for all processes.

    Args:
        tile: its size.
        processes: that share a step; their number divides that of the tiles.
        alone: each frame is normalised by itself. Then a step has twice as many, so that its gradient is that
            of two images at least.

    Example:
        Of tiles of 256 x 256 there are 2 a step for single images, and of 128 x 128 4 for a recording.
    """
    pixels = 2 * STEP_PIXELS if alone else STEP_PIXELS
    return padded_size(max(pixels // math.prod(tile), 1), processes)


def least_tile(length: int, size: int, overlap: int, stride: int = 1) -> int:
    """The side of the smallest tiles that cover ``length`` with no more tiles than those of ``size`` pixels.

    Evenly spread tiles of ``size`` overlap by more than they need, and a net computes that for nothing.
    ``least_tile(2048, 1024, 256, 32) == 864``: three tiles in either case.

    Args:
        length: side of the frame, a multiple of ``stride``.
        size: side of a tile, a multiple of ``stride``.
        overlap: least number of pixels that neighbours share, a multiple of ``stride``.
        stride: the side that is returned is a multiple of it.
    """
    if length <= size or overlap >= size:
        return size
    count = _count(length, size, overlap)
    return padded_size(-(-(length + (count - 1) * overlap) // count), stride)


def grid(frame: Size, tile: Size, overlap: int | Size = 0, stride: int = 1) -> list[Window]:
    """Windows of one size that cover a frame, row by row.

    Windows are spread evenly, so that the last ones end with the frame and neighbours share ``overlap``
    pixels or more. Along an axis where the frame is smaller than the tile there is one window, which starts
    at 0 and sticks out. ``grid((4, 10), (4, 4))`` starts at columns 0, 3 and 6.

    Args:
        frame: size of the frame.
        tile: size of every window.
        overlap: least number of pixels that neighbours share, one for both axes or one each.
        stride: windows start at multiples of it; then the last ones may end beyond the frame.

    Raises:
        ValueError: the overlap is negative or leaves nothing of a tile.
    """
    overlaps = (overlap, overlap) if isinstance(overlap, int) else overlap
    axes = (
        _cover(padded_size(length, stride), size, shared, stride)
        for length, size, shared in zip(frame, tile, overlaps, strict=True)
    )
    return [_window(rows, columns) for rows, columns in product(*axes)]


def cores(frame: Size, tile: Size, overlap: int = 0) -> list[Window]:
    """The part of each window of :func:`grid`, in the same order, that is its own.

    The cores partition the frame: each pixel lies in exactly one. Where windows overlap the border runs
    through the middle, so that each pixel belongs to the window that shows most of its surroundings.
    """
    axes = (_shares(_cover(n, size, overlap), n) for n, size in zip(frame, tile, strict=True))
    return [_window(rows, columns) for rows, columns in product(*axes)]


def crop_tiles(frame: Size, tile: Size, halo: int, stride: int) -> list[Tile]:
    """Tiles whose kept parts partition a frame, each with context enough to equal the whole-frame prediction.

    The frame counts as padded at the bottom and on the right to a multiple of ``stride``. All windows to read
    have one size, a multiple of ``stride`` that is no larger than it takes, see `least_tile`, and start at
    multiples of it, so that the pooling grids of a net lie as they do in the whole frame. Around the kept
    part there are ``halo`` pixels or more on every side that is no side of the padded frame. So a net whose
    receptive field reaches at most ``halo`` pixels gives the same result as on the whole padded frame. Along
    an axis where the padded frame is no longer than a tile, one window spans it.

    Args:
        frame: size of the frame.
        tile: largest size of the windows to read, halo included; rounded up to multiples of ``stride``.
        halo: context in pixels; rounded up to a multiple of ``stride``.
        stride: the factor by which the net's deepest feature map is smaller than its input.

    Raises:
        ValueError: two halos leave nothing of a tile that is smaller than the frame.
    """
    overlap = 2 * padded_size(halo, stride)
    reads, keeps = [], []
    for length, size in zip(frame, tile, strict=True):
        padded = padded_size(length, stride)
        side = least_tile(padded, min(padded_size(size, stride), padded), overlap, stride)
        reads.append(_cover(padded, side, overlap, stride))
        keeps.append(_shares(reads[-1], length))
    windows = zip(product(*reads), product(*keeps), strict=True)
    return [Tile(_window(*read), _window(*keep)) for read, keep in windows]


def read_padded(
    read: Callable[[slice, slice], Array], frame: Size, window: Window, fill: int | None = None
) -> Array:
    """A window's pixels, those outside the frame made up.

    Without ``fill`` the frame is mirrored at its outermost pixels, as often as it takes, like ``numpy.pad``
    with ``mode="reflect"`` does with the whole frame: row -1 is row 1. What comes out depends on the frame
    alone, not on how much of it the window shows.

    Args:
        read: gives rows and columns of the frame as (..., h, w); asked once, for slices inside the frame.
        frame: size of the frame.
        window: the pixels to read; they may lie anywhere.
        fill: value of the pixels outside, for labels ``IGNORE_INDEX``.

    Returns:
        (..., h, w) of the window's size, in the dtype of ``read``.
    """
    rows, columns = window.slices
    if rows.start >= 0 and rows.stop <= frame[0] and columns.start >= 0 and columns.stop <= frame[1]:
        return read(rows, columns)
    spans = [range(rows.start, rows.stop), range(columns.start, columns.stop)]
    sources = [_mirrored(span, length) for span, length in zip(spans, frame, strict=True)]
    top, left = (int(source.min()) for source in sources)
    part = read(slice(top, int(sources[0].max()) + 1), slice(left, int(sources[1].max()) + 1))
    pixels = part[..., (sources[0] - top)[:, None], sources[1] - left]
    if fill is not None:
        inside = [(np.array(span) >= 0) & (np.array(span) < n) for span, n in zip(spans, frame, strict=True)]
        pixels[..., ~(inside[0][:, None] & inside[1])] = fill
    return pixels


def _cover(length: int, size: int, overlap: int, stride: int = 1) -> list[range]:
    """Spans of ``size`` pixels over ``length``, evenly spread over multiples of ``stride``."""
    if length <= size:
        return [range(size)]
    if overlap < 0 or overlap >= size:
        raise ValueError(f"an overlap of {overlap} pixels leaves nothing of a tile of {size}")
    count = _count(length, size, overlap)
    strides = (length - size) // stride
    starts = [index * strides // (count - 1) * stride for index in range(count)]
    return [range(start, start + size) for start in starts]


def _count(length: int, size: int, overlap: int) -> int:
    """How many tiles of ``size`` cover a ``length`` above it."""
    return 1 + -(-(length - size) // (size - overlap))


def _shares(spans: Sequence[range], length: int) -> list[range]:
    """Each span's own part of ``length``: neighbours part in the middle of what they share."""
    cuts = [(left.stop + right.start) // 2 for left, right in pairwise(spans)]
    return [range(start, stop) for start, stop in pairwise([0, *cuts, length])]


def _window(rows: range, columns: range) -> Window:
    return Window(rows.start, columns.start, len(rows), len(columns))


def _mirrored(span: range, length: int) -> npt.NDArray[np.intp]:
    """For each position of a span the position inside 0 .. length - 1 that a mirrored axis shows there."""
    bounce = max(length - 1, 1)
    position = np.abs(np.arange(span.start, span.stop)) % (2 * bounce)
    inside: npt.NDArray[np.intp] = np.minimum(np.minimum(position, 2 * bounce - position), length - 1)
    return inside
