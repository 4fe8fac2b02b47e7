"""Windows a second through NormalisedFrames, beside the shortest code that reads them.

    python tests/benchmarks/reading.py [--frames 200] [--windows 400] [--repeats 5] [--folder DIR]

Writes a recording of 2048 x 2048 uint16 pixels twice, contiguous (1.6 GB for 200 frames) and in deflated
tiles of 256 x 256, and reads the same random windows of 512 x 512 as float32 tensors in one process. Of the
contiguous one ours are read with their grey values as they are, and normalised as nets take them, which is
one pass (by dtype) or two (by percentiles) over the pixels that a memory map and astype do not make; beside
them stands a memory map with the same two. A repeat maps the files anew and reads other windows.
In it all ways of reading take turns, a few windows each, so that what else the machine does touches all of
them; who comes first is drawn by lot, for the next one finds pixels in the processor's cache. Of a repeat the
median turn counts, and of the repeats the median and the least of the ratios are printed.

The cache of decoded segments is emptied before each turn, and the windows of a turn share next to no tiles:
it is decoding that is timed, not the cache.
"""

from __future__ import annotations

import argparse
import os
import random
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from statistics import median

import imagecodecs
import numpy as np
import tifffile
import torch

from hela_seg.data.frames import NormalisedFrames
from hela_seg.data.normalise import Normalisation
from hela_seg.data.stacks import open_series
from hela_seg.data.stacks.segments import cache
from hela_seg.data.stacks.tiff.mapped import map_bytes
from hela_seg.data.tiles import Window

SIZE, WINDOW, TILE = 2048, 512, 256
TURN = 10
"""Windows that one way of reading reads in a row."""

KINDS = {
    "dtype": Normalisation("dtype"),
    "percentile": Normalisation("percentile", (850.0,), (1400.0,)),
}

Place = tuple[int, int, int]
Reader = Callable[[Place], torch.Tensor]


def frames(count: int) -> Iterator[np.ndarray]:
    """Frames that deflate as micrographs do: a smooth background with 6 bits of noise."""
    noise = np.random.default_rng(0)
    rows = np.linspace(0, 6, SIZE)
    background = 900 + 300 * np.sin(rows)[:, None] * np.cos(rows)
    for _ in range(count):
        yield (background + noise.normal(0, 16, (SIZE, SIZE))).astype(np.uint16)


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
    os.sync()  # else the disk is at work while windows are timed
    return contiguous, tiled


def ours(path: Path, kind: str) -> Reader:
    """As training and prediction read."""
    windows = NormalisedFrames(open_series(path), KINDS[kind])
    return lambda place: torch.from_numpy(windows.read(place[0], Window(*place[1:], WINDOW, WINDOW)))


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


def seconds(readers: dict[str, Reader], places: list[Place]) -> dict[str, float]:
    """Of the median turn of each reader; the first turn warms up and is not counted."""
    spent: dict[str, list[float]] = {name: [] for name in readers}
    turns = [places[start : start + TURN] for start in range(0, len(places), TURN)]
    for turn in turns:
        for name in random.sample(list(readers), len(readers)):
            cache.clear()
            began = time.perf_counter()
            for place in turn:
                readers[name](place)
            spent[name].append(time.perf_counter() - began)
    return {name: median(values[1:]) for name, values in spent.items()}


def report(title: str, repeats: list[dict[str, float]], goals: list[tuple[str, str, float]]) -> None:
    """A line a reader, and a line a goal."""
    print(title)
    for name in repeats[0]:
        print(f"  {name:17} {TURN / median(spent[name] for spent in repeats):8.1f} windows/s")
    for name, against, goal in goals:
        ratios = [spent[against] / spent[name] for spent in repeats]
        found = f"median {median(ratios):.2f}, least {min(ratios):.2f}"
        missed = "" if median(ratios) >= goal else " MISSED"
        print(f"  {name} / {against}: {found} (reach {goal}){missed}")


def unchanged(path: Path) -> Reader:
    """Ours, with the grey values as they are."""
    series = open_series(path)

    def read(place: Place) -> torch.Tensor:
        t, row, column = place
        window = series.read(t, slice(row, row + WINDOW), slice(column, column + WINDOW))
        return torch.from_numpy(window.astype(np.float32))

    return read


def memmap_normalised(mapped: np.ndarray, place: Place) -> torch.Tensor:
    """A slice of the mapped file, by the percentiles of `KINDS`."""
    return memmap(mapped, place).sub_(850).mul_(1 / 550)


def contiguous_seconds(path: Path, name: str, places: list[Place]) -> dict[str, float]:
    """One of ours and memory maps, of a file that neither has mapped yet."""
    map_bytes.cache_clear()
    mapped = tifffile.memmap(path, mode="r")
    readers = {
        name: ours(path, name) if name in KINDS else unchanged(path),
        "memmap": partial(memmap, mapped),
    }
    if name == "percentile":
        readers["memmap normalised"] = partial(memmap_normalised, mapped)
    low, high = {"as it is": (0, 1), "dtype": (0, 65535), "percentile": (850, 1400)}[name]
    expected = (readers["memmap"](places[0]) - low) / (high - low)
    assert torch.allclose(readers[name](places[0])[0], expected)
    return seconds(readers, places)


def main() -> None:
    """Write, read, report."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--frames", type=int, default=200)
    parser.add_argument("--windows", type=int, default=400)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--folder", type=Path, default=None, help="where the files are written, then deleted")
    given = parser.parse_args()
    draw = np.random.default_rng(1)
    bounds = [given.frames, SIZE - WINDOW + 1, SIZE - WINDOW + 1]
    places: list[list[Place]] = [
        [(int(t), int(row), int(column)) for t, row, column in draw.integers(0, bounds, (given.windows, 3))]
        for _ in range(given.repeats)
    ]
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory(dir=given.folder) as folder:
        contiguous, tiled = write(Path(folder), given.frames)
        for name in ("as it is", *KINDS):
            repeats = [contiguous_seconds(contiguous, name, windows) for windows in places]
            goals = [(name, against, 0.8) for against in repeats[0] if against != name]
            report(f"contiguous, {name}", repeats, goals)
        with tifffile.TiffFile(tiled) as file:
            readers = {"percentile": ours(tiled, "percentile")}
            readers["covering tiles"] = partial(covering_tiles, file)
            readers["imread and crop"] = partial(whole_frame, tiled)
            first = places[0][0]
            assert torch.equal(readers["covering tiles"](first), readers["imread and crop"](first))
            goals = [("percentile", "covering tiles", 0.7), ("percentile", "imread and crop", 3.0)]
            report("deflated tiles", [seconds(readers, windows) for windows in places], goals)


if __name__ == "__main__":
    main()
