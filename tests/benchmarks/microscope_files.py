"""Random windows of ND2, CZI and LIF, beside their libraries' own read of the plane that holds each window.

    python tests/benchmarks/microscope_files.py [--frames 40] [--windows 400] [--side 2048] [--folder DIR]

Writes a recording of uint16 pixels (335 MB for 40 frames of 2048 x 2048), not compressed, in each format and
reads the same random windows of 512 x 512 in one process, ours and the library's in turns. The library reads
the whole plane: ``ND2File.read_frame``, a subblock's ``data`` and ``LifImage.frame``. The first maps it,
so that it is timed a second time with the window copied alone. Of the turns the median counts.
Memory is what the process holds for itself (RssAnon), before the first of our windows and after the last.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "data" / "stacks"))

from microscope_samples import write_czi, write_lif, write_nd2

from hela_seg.data.stacks import open_series

WINDOW, TURN = 512, 10

Place = tuple[int, slice, slice]
Read = Callable[[Place], np.ndarray]


def write(folder: Path, frames: int, side: int) -> dict[str, Path]:
    """The same frames in each format."""
    array = np.random.default_rng(0).integers(100, 4000, (frames, side, side), np.uint16)
    tiles = [({"T": t, "Y": 0, "X": 0}, array[t]) for t in range(frames)]
    return {
        "ND2": write_nd2(folder / "a.nd2", array, "TYX"),
        "CZI": write_czi(folder / "a.czi", tiles),
        "LIF": write_lif(folder / "a.lif", [{"name": "a", "array": array, "axes": "TYX"}]),
    }


def libraries(files: dict[str, Path]) -> dict[str, Read]:
    """How each library reads the plane of a window, its file being open."""
    import czifile
    import liffile
    import nd2

    nikon = nd2.ND2File(files["ND2"])
    zeiss = czifile.CziFile(files["CZI"])
    blocks = list(zeiss.subblocks())
    leica = liffile.LifFile(files["LIF"]).images[0]
    return {
        "ND2": lambda place: np.array(nikon.read_frame(place[0]))[place[1:]],
        "ND2 (mapped, window copied)": lambda place: nikon.read_frame(place[0])[place[1:]].copy(),
        "CZI": lambda place: np.squeeze(blocks[place[0]].data())[place[1:]],
        "LIF": lambda place: leica.frame(T=place[0])[place[1:]],
    }


def own_memory() -> float:
    """MiB that the process holds for itself, files that are mapped left out."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("RssAnon")) / 1024


def seconds(read: Read, places: list[Place]) -> float:
    began = time.perf_counter()
    for place in places:
        read(place)
    return (time.perf_counter() - began) / len(places)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--frames", type=int, default=40)
    parser.add_argument("--windows", type=int, default=400)
    parser.add_argument("--side", type=int, default=2048)
    parser.add_argument("--folder", type=Path, default=None)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        files = write(Path(folder), options.frames, options.side)
        theirs = libraries(files)
        for name, read in theirs.items():
            compare(name, files[name[:3]], read, options.windows, options.side)


def compare(name: str, path: Path, theirs: Read, windows: int, side: int) -> None:
    series = open_series(path)
    places = []
    for _ in range(windows):
        row, column = (random.randrange(side - WINDOW + 1) for _ in range(2))
        t = random.randrange(series.shape[0])
        places.append((t, slice(row, row + WINDOW), slice(column, column + WINDOW)))
    np.testing.assert_array_equal(series.read(*places[0])[0], theirs(places[0]))
    turns = [places[start : start + TURN] for start in range(0, windows, TURN)]
    times: dict[str, list[float]] = {"ours": [], "theirs": []}
    before = own_memory()
    for place in places:
        series.read(*place)
    grown = own_memory() - before
    for turn in turns:
        times["ours"].append(seconds(lambda place: series.read(*place), turn))
        times["theirs"].append(seconds(theirs, turn))
    ours, other = (median(times[kind]) for kind in ("ours", "theirs"))
    print(
        f"{name}: ours {1 / ours:.0f} windows a second, the library {1 / other:.0f}, "
        f"ratio {other / ours:.2f}; own memory grew by {grown:.1f} MiB over {windows} windows"
    )


if __name__ == "__main__":
    main()
