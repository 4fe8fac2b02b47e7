"""The numbered cells of a recording's frames, kept on disk until the results are written.

Which cells are one through time is known after the last frame only, while a long recording's maps would not
fit into memory.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hela_seg.cells import Columns
from hela_seg.cells.polygons import OutlinedCell, cell_polygons
from hela_seg.data.classes import Classes
from hela_seg.data.stacks import EncodedFrame
from hela_seg.system.errors import InputError

Numbers = NDArray[np.uint32]


class CellMaps:
    """Maps (H, W) of cell numbers, frame by frame.

    Args:
        path: the file that keeps them, encoded; what it held before is lost.
        size: (H, W).
        classes: of the cells.
    """

    def __init__(self, path: Path, size: tuple[int, int], classes: Classes) -> None:
        self._path, self._size, self._classes = path, size, classes
        self._lengths: list[list[int]] = []
        self._class_of: list[dict[int, str]] = []
        self._track_of: list[dict[int, int]] = []
        self._path.unlink(missing_ok=True)

    def add(self, cells: NDArray[np.int32], rows: Columns) -> None:
        """Take the next frame.

        Args:
            cells: (H, W), 0 for no cell.
            rows: of these cells, as `hela_seg.cells.measure_cells` gives them.

        Raises:
            InputError: the disk is full.
        """
        segments = self._encoded(cells.astype(np.uint32))
        try:
            with self._path.open("ab") as file:
                file.writelines(segments)
        except OSError as error:
            raise InputError(f"cannot write {self._path}: {error.strerror}; make space there") from error
        self._lengths.append([len(segment) for segment in segments])
        self._class_of.append(dict(zip(rows["label"].tolist(), rows["class"].tolist(), strict=True)))

    def follow(self, tracks: Sequence[Columns]) -> None:
        """Number cells by their tracks from now on.

        Args:
            tracks: of each frame the columns ``label`` and ``track``.
        """
        self._track_of = [
            dict(zip(rows["label"].tolist(), rows["track"].tolist(), strict=True)) for rows in tracks
        ]

    def segments(self) -> Iterator[Sequence[bytes]]:
        """Of each frame its encoded segments, as `hela_seg.data.stacks.write_ome_tiff` takes them."""
        yield from map(self._encoded, self.frames()) if self._track_of else self._stored()

    def frames(self) -> Iterator[Numbers]:
        """Of each frame its cell numbers (H, W), 0 for no cell."""
        for t, segments in enumerate(self._stored()):
            labels = self._decoded(segments)
            track_of = self._track_of[t] if self._track_of else {}
            if not track_of:
                yield labels
                continue
            number = np.zeros(max(track_of) + 1, np.uint32)
            number[list(track_of)] = list(track_of.values())
            yield number[labels]

    def labels(self) -> Iterator[Numbers]:
        """Of each frame its cell numbers (H, W) as they were found, without tracks."""
        yield from map(self._decoded, self._stored())

    def outlined(self) -> Iterator[OutlinedCell]:
        """The cells of all frames as polygons, frame by frame."""
        by_name = {entry.name: entry for entry in self._classes}
        for t, segments in enumerate(self._stored()):
            for label, polygons in cell_polygons(self._decoded(segments).astype(np.int64)):
                number = self._track_of[t][label] if self._track_of else label
                yield OutlinedCell(t, number, by_name[self._class_of[t][label]], polygons)

    def _stored(self) -> Iterator[list[bytes]]:
        with self._path.open("rb") as file:
            for lengths in self._lengths:
                yield [file.read(length) for length in lengths]

    def _encoded(self, numbers: Numbers) -> list[bytes]:
        frame = EncodedFrame(self._size, dtype=np.uint32)
        frame.push(numbers)
        return frame.segments

    def _decoded(self, segments: Sequence[bytes]) -> Numbers:
        # strips, for frames that are large enough for tiles are not taken apart into cells
        pixels = b"".join(map(zlib.decompress, segments))
        return np.frombuffer(pixels, np.uint32).reshape(self._size)
