"""Pieces of a prediction that a later start can go on from: encoded frames, and files of a few of them.

A frame is encoded in segments: strips of whole rows, which every program reads (ImageJ 1.x reads no tiles),
or tiles where it is very large, so that a viewer need not decode all of its width to show a corner. A part is
a TIFF of such segments, whose bytes `hela_seg.data.stacks.tiff.ome_tiff.write_ome_tiff` copies as they are.
Each of several samples (probabilities, one a class) is a plane with segments of its own, for the same reason.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO

import imagecodecs
import numpy as np
import tifffile
from numpy.typing import NDArray

from hela_seg.data.stacks.damage import damage_is_reported
from hela_seg.data.stacks.segments import assemble
from hela_seg.data.stacks.series import Pixels
from hela_seg.system.files import whole_file

LARGEST_STRIPPED = 8192 * 8192
"""Frames of more pixels are encoded in tiles, all others in strips."""

STRIP = 256 * 1024
"""Pixels of a strip at most, of frames that are no wider; a frame's last strip may have fewer."""

TILE = 256
"""Rows and columns of a tile; at the far edges tiles are filled up with zeros, as TIFF has it."""

DEFLATE_LEVEL = 4
"""A million pixels of labels take 4 to 5 ms; level 6 takes 1.5 times as long and saves a quarter."""


class EncodedFrame:
    """A frame as deflated segments, made from bands of it, so that it is never in memory whole.

    Args:
        size: (H, W).
        samples: values a pixel, K for the probabilities of K classes.
        dtype: of the pixels.

    Example:
        ``frame = EncodedFrame((600, 1024))``, then ``frame.push(labels[:200])`` and
        ``frame.push(labels[200:])`` give ``len(frame.segments) == 3``, strips of 256, 256 and 88 rows.
    """

    def __init__(
        self, size: tuple[int, int], samples: int = 1, dtype: type[np.unsignedinteger[Any]] = np.uint8
    ) -> None:
        self.size, self.samples, self.dtype = size, samples, np.dtype(dtype)
        self._segment = segment_shape(size)
        width = segment_grid(size)[1] * self._segment[1]
        self._row = np.zeros((self._segment[0], width, samples), dtype)
        self._pushed = 0
        self._planes: list[list[bytes]] = [[] for _ in range(samples)]

    def push(self, band: Pixels) -> None:
        """Take the next rows, top to bottom: (h, W), or (h, W, S) where there are several samples.

        Memory holds the segments encoded so far and at most one row of raw ones.

        Raises:
            ValueError: more rows than the frame has, or a band of another width, number of samples or dtype.
        """
        height, width = self.size
        expected = (len(band), width) if self.samples == 1 else (len(band), width, self.samples)
        if band.shape != expected or band.dtype != self.dtype or self._pushed + len(band) > height:
            raise ValueError(
                f"after {self._pushed} rows the band is {band.shape} {band.dtype}, expected {expected} "
                f"{self.dtype} within {height} rows"
            )
        band = band.reshape(len(band), width, self.samples)
        rows = self._segment[0]
        while len(band):
            start = self._pushed % rows
            piece, band = band[: rows - start], band[rows - start :]
            self._row[start : start + len(piece), :width] = piece
            self._pushed += len(piece)
            if self._pushed % rows == 0 or self._pushed == height:
                self._encode_row()

    @property
    def segments(self) -> list[bytes]:
        """The encoded segments, sample by sample, each row by row from the top left.

        Raises:
            ValueError: the frame is not complete.
        """
        if self._pushed < self.size[0]:
            raise ValueError(f"the frame has {self._pushed} rows, expected {self.size[0]}")
        return [segment for plane in self._planes for segment in plane]

    def _encode_row(self) -> None:
        rows, columns = self._segment
        filled = (self._pushed - 1) % rows + 1
        if is_tiled(self.size):
            self._row[filled:], filled = 0, rows
        for sample, plane in enumerate(self._planes):
            for left in range(0, self._row.shape[1], columns):
                segment = self._row[:filled, left : left + columns, sample].tobytes()
                plane.append(bytes(imagecodecs.deflate_encode(segment, DEFLATE_LEVEL)))


@dataclass(frozen=True, eq=False)
class Part:
    """Some frames on disk, as `write_part` left them.

    Attributes:
        path: the file.
        size: (H, W).
        samples: values a pixel.
        offsets: (T, segments) int64, where in the file each encoded segment begins.
        lengths: (T, segments) int64, bytes of each.
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

    def segments(self, i: int) -> Iterator[bytes]:
        """The encoded segments of frame i, in the order of `EncodedFrame.segments`, read one by one."""
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
        """Some rows of frame i, (h, W) or (h, W, S) uint8; only the segments that they touch are decoded.

        Raises:
            InputError: the file was damaged since it was opened.
        """
        window = (rows, slice(None))
        with damage_is_reported(self.path), self.path.open("rb") as file:
            planes = [
                assemble(
                    window,
                    self.size,
                    segment_shape(self.size),
                    np.dtype(np.uint8),
                    partial(self._segment, file, i, sample),
                )
                for sample in range(self.samples)
            ]
        return planes[0] if self.samples == 1 else np.stack(planes, axis=-1)

    def _segment(self, file: BinaryIO, i: int, sample: int, place: tuple[int, ...]) -> Pixels:
        grid, columns = segment_grid(self.size), segment_shape(self.size)[1]
        number = int(np.ravel_multi_index((sample, *place), (self.samples, *grid)))
        decoded = zlib.decompress(self._encoded(file, i, number))
        return np.frombuffer(decoded, np.uint8).reshape(-1, columns)

    def _encoded(self, file: BinaryIO, i: int, number: int) -> bytes:
        file.seek(self.offsets[i, number])
        return file.read(self.lengths[i, number])


def is_tiled(size: tuple[int, int]) -> bool:
    """Whether frames (H, W) are encoded in tiles, and not in strips."""
    return size[0] * size[1] > LARGEST_STRIPPED


def segment_shape(size: tuple[int, int]) -> tuple[int, int]:
    """Rows and columns of the segments of frames (H, W); ``segment_shape((600, 1024)) == (256, 1024)``."""
    height, width = size
    return (TILE, TILE) if is_tiled(size) else (min(height, max(1, STRIP // width)), width)


def segment_grid(size: tuple[int, int]) -> tuple[int, int]:
    """How many segments cover (H, W), down and across; ``segment_grid((600, 1024)) == (3, 1)``."""
    rows, columns = segment_shape(size)
    return -(-size[0] // rows), -(-size[1] // columns)


def layout_of(size: tuple[int, int]) -> dict[str, Any]:
    """What tifffile is told about the segments of frames (H, W)."""
    rows, columns = segment_shape(size)
    return {"compression": "zlib"} | ({"tile": (rows, columns)} if is_tiled(size) else {"rowsperstrip": rows})


def needs_bigtiff(shape: Sequence[int], itemsize: int = 1) -> bool:
    """Whether pages of a shape (..., H, W) could need more than the 4 GiB of a classic TIFF.

    The rule counts segments as if deflate saved nothing, so it is known before anything is written; a file
    that compresses well may become a BigTIFF that could have been a classic one.

    Args:
        shape: of all pages.
        itemsize: bytes of a pixel.
    """
    *outer, height, width = shape
    pages = math.prod(outer)
    (down, across), (rows, columns) = segment_grid((height, width)), segment_shape((height, width))
    raw = rows * columns * itemsize
    a_segment = raw + raw // 1024 + 128  # what deflate adds to noise, and the segment's place and length
    return pages * (down * across * a_segment + 4096) + 2**20 > 2**32


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
    encoded = [segment for frame in frames for segment in frame.segments]
    with whole_file(path) as beside:
        tifffile.imwrite(
            beside,
            iter(encoded),
            shape=(len(frames), *planes, *size),
            dtype=np.uint8,
            bigtiff=needs_bigtiff((len(frames), samples, *size)),
            photometric="minisblack",
            planarconfig="separate" if planes else None,
            description=_checksum((len(frames), samples, *size), encoded),
            metadata=None,
            **layout_of(size),
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
        segments = chain.from_iterable(map(part.segments, range(part.frames)))
        found = _checksum((part.frames, samples, height, width), segments)
        if first.description != found:
            raise ValueError(f"it has the checksum {found}, expected {first.description[:20]!r}")
    return part


def _checksum(shape: tuple[int, ...], segments: Iterable[bytes]) -> str:
    value = zlib.crc32(repr((*shape, segment_shape((shape[-2], shape[-1])))).encode())
    for segment in segments:
        value = zlib.crc32(segment, value)
    return f"crc32 {value:08x}"
