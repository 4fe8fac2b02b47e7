"""Results of tiles joined to bands: full-width parts of a frame, handed out from top to bottom.

A band is handed out as soon as no later tile can change it, so memory holds a row of tiles, not a frame.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hela_seg.data.tiles import Array, Size, Tile, Window, crop_tiles, grid, least_tile, padded_size
from hela_seg.inference.tiling import CROP_TILE, GAUSSIAN_TILE, WHOLE_FRAME_PIXELS, Tiling
from hela_seg.system.errors import InputError


@dataclass(frozen=True)
class Plan:
    """How frames of one size are cut and joined.

    Attributes:
        frame: size of the frame.
        tiles: in the order in which they go through the net, row by row.
        blend: see `Tiling`.
    """

    frame: Size
    tiles: Sequence[Tile]
    blend: str

    def stitcher(self) -> CropStitcher | GaussianStitcher:
        """What joins the tiles of one frame."""
        return CropStitcher(self) if self.blend == "crop" else GaussianStitcher(self)


def plan(frame: Size, tiling: Tiling, stride: int) -> Plan:
    """Cut a frame for a net of a stride.

    Raises:
        InputError: the halo leaves nothing of a tile.

    Example:
        A frame of 700 x 1100 pixels and a net of stride 32 make one tile of 704 x 1120. One of 2048 x 2048
        makes nine of 864 x 864, of which the inner 608 x 608 count.
    """
    padded: Size = (padded_size(frame[0], stride), padded_size(frame[1], stride))
    if tiling.tile == "auto" and padded[0] * padded[1] <= WHOLE_FRAME_PIXELS:
        return Plan(frame, crop_tiles(frame, padded, 0, stride), "crop")
    if tiling.blend == "crop":
        tile = _sides(tiling, CROP_TILE)
        try:
            return Plan(frame, crop_tiles(frame, tile, tiling.halo, stride), "crop")
        except ValueError:
            raise InputError(
                f"inference.tile is {tile[0]} x {tile[1]} pixels, of which a halo of {tiling.halo} on each "
                f"side leaves nothing, expected more than {2 * padded_size(tiling.halo, stride)} rows and "
                "columns: set a larger inference.tile or a smaller inference.halo"
            ) from None
    shared, sides = [], []
    for length, wish in zip(padded, _sides(tiling, GAUSSIAN_TILE), strict=True):
        side = min(padded_size(wish, stride), length)
        shared.append(min(padded_size(math.ceil(side * tiling.overlap), stride), side - stride))
        sides.append(least_tile(length, side, shared[-1], stride))
    windows = grid(frame, (sides[0], sides[1]), (shared[0], shared[1]), stride)
    return Plan(frame, [Tile(window, window) for window in windows], "gaussian")


def gaussian_window(tile: Size) -> NDArray[np.float32]:
    """Weights (h, w) of a tile's pixels: a Gaussian whose standard deviation is an eighth of each side.

    That deviation is nnU-Net's (Isensee et al. 2021). It is 1 in the middle and nowhere below 0.001, so that
    pixels that only a tile's corner covers are defined.
    """
    sides = (np.exp(-0.5 * ((np.arange(n) - (n - 1) / 2) / (n / 8)) ** 2) for n in tile)
    weights: NDArray[np.float32] = np.maximum(np.outer(*sides), 1e-3).astype(np.float32)
    return weights


class CropStitcher:
    """Keeps the inner part of each tile; results may be class indices or probabilities."""

    def __init__(self, plan: Plan) -> None:
        self._tiles, self._width = iter(plan.tiles), plan.frame[1]
        self._band: Array | None = None

    def push(self, result: Array) -> Array | None:
        """Take the next tile's result (..., h, w); gives the next band (..., rows, W) when it is final."""
        tile = next(self._tiles)
        kept, end = result[(..., *tile.inner)], tile.keep.column + tile.keep.width
        if tile.keep.width == self._width:
            return kept
        if self._band is None:
            self._band = np.empty((*kept.shape[:-1], self._width), kept.dtype)
        self._band[..., tile.keep.column : end] = kept
        if end < self._width:
            return None
        band, self._band = self._band, None
        return band


class GaussianStitcher:
    """Averages probabilities (K, h, w) where tiles overlap, weighted by `gaussian_window`."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._count = 0
        self._top = 0
        self._weights = gaussian_window((plan.tiles[0].read.height, plan.tiles[0].read.width))
        self._sum: NDArray[np.float32] | None = None
        self._weight = np.zeros((len(self._weights), plan.frame[1]), np.float32)

    def push(self, result: Array) -> Array | None:
        """See `CropStitcher.push`."""
        window = self._plan.tiles[self._count].read
        self._count += 1
        height, width = self._plan.frame
        inside = (slice(0, height - window.row), slice(0, width - window.column))
        weights = self._weights[inside]
        if self._sum is None:
            self._sum = np.zeros((len(result), *self._weight.shape), np.float32)
        top = window.row - self._top
        place = (slice(top, top + weights.shape[0]), slice(window.column, window.column + weights.shape[1]))
        self._sum[(..., *place)] += weights * result[(..., *inside)]
        self._weight[place] += weights
        return self._final(self._sum, window)

    def _final(self, total: NDArray[np.float32], window: Window) -> Array | None:
        """The rows that lie above all later tiles."""
        tiles, height = self._plan.tiles, self._plan.frame[0]
        below = tiles[self._count].read.row if self._count < len(tiles) else height
        rows = below - self._top
        if below == window.row or rows == 0:
            return None
        band = total[:, :rows] / self._weight[:rows]
        for buffer in (total, self._weight):
            buffer[..., : buffer.shape[-2] - rows, :] = buffer[..., rows:, :].copy()
            buffer[..., max(buffer.shape[-2] - rows, 0) :, :] = 0
        self._top = below
        return band


def _sides(tiling: Tiling, side: int) -> Size:
    return (side, side) if isinstance(tiling.tile, str) else tiling.tile
