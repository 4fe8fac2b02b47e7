"""Pieces of a prediction that a later start can go on from: frames in encoded tiles, and files of a few.

A part is a TIFF of tiles, whose encoded bytes `hela_seg.data.stacks.tiff.ome_tiff.write_ome_tiff` copies as
they are. Each of several samples (probabilities, one a class) is a plane with tiles of its own, for the same
reason.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path
from typing import BinaryIO

import imagecodecs
import numpy as np
import tifffile
from numpy.typing import NDArray

from hela_seg.data.stacks.damage import damage_is_reported
from hela_seg.data.stacks.segments import assemble
from hela_seg.data.stacks.series import Pixels
from hela_seg.system.files import whole_file

TILE = 256
"""Rows and columns of a tile; at the far edges tiles are filled up with zeros, as TIFF has it."""

DEFLATE_LEVEL = 4
"""A million pixels of labels take 4 to 5 ms; level 6 takes 1.5 times as long and saves a quarter."""


class EncodedFrame:
    """A frame as deflated tiles, made from bands of it, so that it is never in memory whole.

    Args:
        size: (H, W).
        samples: values a pixel, K for the probabilities of K classes.

    Example:
        ``frame = EncodedFrame((300, 300))``, then ``frame.push(labels[:200])`` and
        ``frame.push(labels[200:])`` give ``len(frame.tiles) == 4``.
    """

    def __init__(self, size: tuple[int, int], samples: int = 1) -> None:
        self.size, self.samples = size, samples
        self._row = np.zeros((TILE, tile_grid(size)[1] * TILE, samples), np.uint8)
        self._pushed = 0
        self._planes: list[list[bytes]] = [[] for _ in range(samples)]

    def push(self, band: Pixels) -> None:
        """Take the next rows, top to bottom: (h, W) uint8, or (h, W, S) where there are several samples.

        Memory holds the tiles encoded so far and at most one row of raw ones.

        Raises:
            ValueError: more rows than the frame has, or a band of another width, number of samples or dtype.
        """
        height, width = self.size
        expected = (len(band), width) if self.samples == 1 else (len(band), width, self.samples)
        if band.shape != expected or band.dtype != np.uint8 or self._pushed + len(band) > height:
            raise ValueError(
                f"after {self._pushed} rows the band is {band.shape} {band.dtype}, expected {expected} uint8 "
                f"within {height} rows"
            )
        band = band.reshape(len(band), width, self.samples)
        while len(band):
            start = self._pushed % TILE
            piece, band = band[: TILE - start], band[TILE - start :]
            self._row[start : start + len(piece), :width] = piece
            self._pushed += len(piece)
            if self._pushed % TILE == 0 or self._pushed == height:
                self._encode_row()

    @property
    def tiles(self) -> list[bytes]:
        """The encoded tiles, sample by sample, each row by row from the top left.

        Raises:
            ValueError: the frame is not complete.
        """
        if self._pushed < self.size[0]:
            raise ValueError(f"the frame has {self._pushed} rows, expected {self.size[0]}")
        return [tile for plane in self._planes for tile in plane]

    def _encode_row(self) -> None:
        self._row[(self._pushed - 1) % TILE + 1 :] = 0
        for sample, plane in enumerate(self._planes):
            for left in range(0, self._row.shape[1], TILE):
                tile = self._row[:, left : left + TILE, sample].tobytes()
                plane.append(bytes(imagecodecs.deflate_encode(tile, DEFLATE_LEVEL)))


@dataclass(frozen=True, eq=False)
class Part:
    """Some frames on disk, as `write_part` left them.

    Attributes:
        path: the file.
        size: (H, W).
        samples: values a pixel.
        offsets: (T, tiles) int64, where in the file each encoded tile begins.
        lengths: (T, tiles) int64, bytes of each.
    """

    path: Path
    size: tuple[int, int]
    samples: int
    offsets: NDArray[np.int64]
    lengths: NDArray[np.int64]

    @property
    def frames(self) -> int:
        """T, how many frames there are."""
        return len(self.offsets)

    def tiles(self, i: int) -> Iterator[bytes]:
        """The encoded tiles of frame i, in the order of `EncodedFrame.tiles`, read one by one."""
        with self.path.open("rb") as file:
            for number in range(self.offsets.shape[1]):
                yield self._encoded(file, i, number)

    def frame(self, i: int) -> Pixels:
        """Frame i decoded: (H, W) uint8, or (H, W, S) where there are several samples.

        Raises:
            InputError: the file was damaged since it was opened.
        """
        return self.rows(i, slice(0, self.size[0]))

    def rows(self, i: int, rows: slice) -> Pixels:
        """Some rows of frame i, (h, W) or (h, W, S) uint8; only the tiles that they touch are decoded.

        Raises:
            InputError: the file was damaged since it was opened.
        """
        window = (rows, slice(None))
        with damage_is_reported(self.path), self.path.open("rb") as file:
            planes = [
                assemble(
                    window,
                    self.size,
                    (TILE, TILE),
                    np.dtype(np.uint8),
                    partial(self._tile, file, i, sample),
                )
                for sample in range(self.samples)
            ]
        return planes[0] if self.samples == 1 else np.stack(planes, axis=-1)

    def _tile(self, file: BinaryIO, i: int, sample: int, place: tuple[int, ...]) -> Pixels:
        number = int(np.ravel_multi_index((sample, *place), (self.samples, *tile_grid(self.size))))
        decoded = zlib.decompress(self._encoded(file, i, number))
        return np.frombuffer(decoded, np.uint8).reshape(TILE, TILE)

    def _encoded(self, file: BinaryIO, i: int, number: int) -> bytes:
        file.seek(self.offsets[i, number])
        return file.read(self.lengths[i, number])


def tile_grid(size: tuple[int, int]) -> tuple[int, int]:
    """How many tiles cover (H, W), down and across; ``tile_grid((300, 256)) == (2, 1)``."""
    return -(-size[0] // TILE), -(-size[1] // TILE)


def needs_bigtiff(shape: Sequence[int]) -> bool:
    """Whether uint8 pages of a shape (..., H, W) could need more than the 4 GiB of a classic TIFF.

    The rule counts tiles as if deflate saved nothing, so it is known before anything is written; a file that
    compresses well may become a BigTIFF that could have been a classic one.
    """
    *outer, height, width = shape
    pages = math.prod(outer)
    down, across = tile_grid((height, width))
    a_tile = TILE * TILE + 128  # what deflate adds to noise, and the tile's place and length
    return pages * (down * across * a_tile + 4096) + 2**20 > 2**32


def write_part(path: Path, frames: Sequence[EncodedFrame]) -> None:
    """Write complete frames of one size as a TIFF for `read_part`; the same frames give the same bytes.

    Raises:
        InputError: the disk is full or the folder cannot be written; the file is then as it was before.
        ValueError: no frame, one that is not complete, or frames that differ in size or samples.
    """
    kinds = {(frame.size, frame.samples) for frame in frames}
    if len(kinds) != 1:
        raise ValueError(f"the frames are of sizes and samples {sorted(kinds)}, expected one kind")
    ((size, samples),) = kinds
    planes = () if samples == 1 else (samples,)
    encoded = [tile for frame in frames for tile in frame.tiles]
    with whole_file(path) as beside:
        tifffile.imwrite(
            beside,
            iter(encoded),
            shape=(len(frames), *planes, *size),
            dtype=np.uint8,
            bigtiff=needs_bigtiff((len(frames), samples, *size)),
            photometric="minisblack",
            planarconfig="separate" if planes else None,
            tile=(TILE, TILE),
            compression="zlib",
            description=_checksum((len(frames), samples, *size), encoded),
            metadata=None,
        )


def read_part(path: Path) -> Part:
    """Open a part and check all of it, once, against the checksum that it was written with.

    Raises:
        InputError: it is not there, cut short, damaged or no part: compute it anew.
    """
    with damage_is_reported(path, "part of a prediction"), tifffile.TiffFile(path) as file:
        first = file.pages.first
        samples, height, width = first.shape if first.ndim == 3 else (1, *first.shape)
        part = Part(
            path,
            (height, width),
            samples,
            np.array([page.dataoffsets for page in file.pages], np.int64),
            np.array([page.databytecounts for page in file.pages], np.int64),
        )
        tiles = chain.from_iterable(map(part.tiles, range(part.frames)))
        found = _checksum((part.frames, samples, height, width), tiles)
        if first.description != found:
            raise ValueError(f"it has the checksum {found}, expected {first.description[:20]!r}")
    return part


def _checksum(shape: tuple[int, ...], tiles: Iterable[bytes]) -> str:
    value = zlib.crc32(repr(shape).encode())
    for tile in tiles:
        value = zlib.crc32(tile, value)
    return f"crc32 {value:08x}"
