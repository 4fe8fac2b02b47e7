"""Windows a second through Series.read and Normalisation.apply, beside the shortest code that reads them.

    python tests/benchmarks/reading.py [--frames 200] [--windows 400] [--folder DIR]

Writes a recording of 2048 x 2048 uint16 pixels twice, contiguous (1.6 GB for 200 frames) and in deflated
tiles of 256 x 256, and reads the same random windows of 512 x 512 as float32 tensors in one process. All ways
of reading take turns, a few windows each, so that what else the machine does touches all of them. The cache
of decoded segments is emptied before each turn, and the windows of a turn share next to no tiles: it is
decoding that is timed, not the cache.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import imagecodecs
import numpy as np
import tifffile
import torch

from hela_seg.data.normalise import Normalisation
from hela_seg.data.stacks import Series, open_series
from hela_seg.data.stacks.segments import cache

SIZE, WINDOW, TILE = 2048, 512, 256
TURN = 10
"""Windows that one way of reading reads in a row."""

Place = tuple[int, int, int]
Reader = Callable[[Place], torch.Tensor]


def frames(count: int) -> Iterator[np.ndarray]:
    """Frames that deflate as micrographs do: a smooth background with 6 bits of noise."""
    random = np.random.default_rng(0)
    rows = np.linspace(0, 6, SIZE)
    background = 900 + 300 * np.sin(rows)[:, None] * np.cos(rows)
    for _ in range(count):
        yield (background + random.normal(0, 16, (SIZE, SIZE))).astype(np.uint16)


def write(folder: Path, count: int) -> tuple[Path, Path]:
    """The same frames, contiguous and in deflated tiles."""
    contiguous, tiled = folder / "contiguous.tif", folder / "tiled.tif"
    options = {"shape": (count, SIZE, SIZE), "dtype": np.uint16, "photometric": "minisblack"}
    options["metadata"] = {"axes": "TYX"}
    tifffile.imwrite(contiguous, frames(count), **options, bigtiff=True)
    tiles = (
        frame[row : row + TILE, column : column + TILE]
        for frame in frames(count)
        for row in range(0, SIZE, TILE)
        for column in range(0, SIZE, TILE)
    )
    tifffile.imwrite(tiled, tiles, **options, tile=(TILE, TILE), compression="zlib", maxworkers=1)
    return contiguous, tiled


def ours(series: Series, normalisation: Normalisation, place: Place) -> torch.Tensor:
    """As hela_seg.data.frames reads a window that lies inside of its frame."""
    t, row, column = place
    window = series.read(t, slice(row, row + WINDOW), slice(column, column + WINDOW))
    return torch.from_numpy(normalisation.apply(window))


def memmap(mapped: np.ndarray, place: Place) -> torch.Tensor:
    """A slice of the mapped file."""
    t, row, column = place
    return torch.from_numpy(mapped[t, row : row + WINDOW, column : column + WINDOW].astype(np.float32))


def covering_tiles(file: tifffile.TiffFile, place: Place) -> torch.Tensor:
    """Each tile that the window touches, decoded by imagecodecs' fastest codec for it, libdeflate."""
    t, row, column = place
    page = file.pages[t]
    across = SIZE // TILE
    first_row, first_column = row // TILE, column // TILE
    last_row, last_column = (row + WINDOW - 1) // TILE, (column + WINDOW - 1) // TILE
    height, width = last_row - first_row + 1, last_column - first_column + 1
    block = np.empty((height * TILE, width * TILE), np.uint16)
    for i in range(height):
        for j in range(width):
            number = (first_row + i) * across + first_column + j
            file.filehandle.seek(page.dataoffsets[number])
            encoded = file.filehandle.read(page.databytecounts[number])
            tile = np.frombuffer(imagecodecs.deflate_decode(encoded, out=2 * TILE * TILE), np.uint16)
            block[i * TILE : (i + 1) * TILE, j * TILE : (j + 1) * TILE] = tile.reshape(TILE, TILE)
    top, left = row - first_row * TILE, column - first_column * TILE
    return torch.from_numpy(block[top : top + WINDOW, left : left + WINDOW].astype(np.float32))


def whole_frame(path: Path, place: Place) -> torch.Tensor:
    """tifffile's own reader, then cropping."""
    t, row, column = place
    frame = tifffile.imread(path, key=t)
    return torch.from_numpy(frame[row : row + WINDOW, column : column + WINDOW].astype(np.float32))


def rates(readers: dict[str, Reader], places: list[Place]) -> dict[str, float]:
    """Windows a second by each reader; the first turn warms up and is not counted."""
    seconds = dict.fromkeys(readers, 0.0)
    turns = [places[start : start + TURN] for start in range(0, len(places), TURN)]
    for number, turn in enumerate(turns):
        names = list(readers)
        # who comes after another finds pixels in the processor's cache: each comes first as often
        for name in names[number % len(names) :] + names[: number % len(names)]:
            cache.clear()
            began = time.perf_counter()
            for place in turn:
                readers[name](place)
            seconds[name] += (time.perf_counter() - began) * (number > 0)
    return {name: TURN * (len(turns) - 1) / spent for name, spent in seconds.items()}


def report(title: str, rate: dict[str, float], goals: list[tuple[str, str, float]]) -> None:
    """A line a reader, and a line a goal."""
    print(title)
    for name, value in rate.items():
        print(f"  {name:34} {value:9.1f} windows/s")
    for name, against, goal in goals:
        ratio = rate[name] / rate[against]
        print(f"  {name} / {against}: {ratio:.2f} (reach {goal}) {'' if ratio >= goal else 'MISSED'}")


def main() -> None:
    """Write, read, report."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--frames", type=int, default=200)
    parser.add_argument("--windows", type=int, default=400)
    parser.add_argument("--folder", type=Path, default=None, help="where the files are written, then deleted")
    given = parser.parse_args()
    random = np.random.default_rng(1)
    positions = random.integers(0, [given.frames, SIZE - WINDOW + 1, SIZE - WINDOW + 1], (given.windows, 3))
    places: list[Place] = [(int(t), int(row), int(column)) for t, row, column in positions]
    kinds = {
        "dtype": Normalisation("dtype"),
        "percentile": Normalisation("percentile", (850.0,), (1400.0,)),
    }
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory(dir=given.folder) as folder:
        contiguous, tiled = write(Path(folder), given.frames)
        mapped = tifffile.memmap(contiguous, mode="r")
        readers: dict[str, Reader] = {
            kind: partial(ours, open_series(contiguous), kinds[kind]) for kind in kinds
        }
        readers["memmap"] = partial(memmap, mapped)
        assert torch.allclose(readers["dtype"](places[0]) * 65535, readers["memmap"](places[0]))
        report(
            "contiguous", rates(readers, places), [("dtype", "memmap", 0.8), ("percentile", "memmap", 0.8)]
        )
        with tifffile.TiffFile(tiled) as file:
            readers = {"percentile": partial(ours, open_series(tiled), kinds["percentile"])}
            readers["covering tiles"] = partial(covering_tiles, file)
            readers["imread and crop"] = partial(whole_frame, tiled)
            assert torch.equal(readers["covering tiles"](places[0]), readers["imread and crop"](places[0]))
            goals = [("percentile", "covering tiles", 0.7), ("percentile", "imread and crop", 3.0)]
            report("deflated tiles", rates(readers, places), goals)


if __name__ == "__main__":
    main()
