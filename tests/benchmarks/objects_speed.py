"""How long the cells of a frame take, found and measured, against scikit-image measuring them alone.

    python tests/benchmarks/objects_speed.py

The frame has 2048x2048 pixels and 2,000 elliptic cells, some of which touch, and an image of one channel.
One side splits the class map into cells and measures them; the other gives the split cells to
`regionprops_table` for the same columns. Both take turns in this process, and the medians are compared.
Asked for: at most 1.5 times.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from statistics import median

import numpy as np
from skimage.measure import regionprops_table

from hela_seg.cells import measure_cells, split_cells
from hela_seg.data.classes import Classes

SIZE, CELLS, ROUNDS = 2048, 2000, 7
CLASSES = Classes(["background", "round", "spread"])
COLUMNS = ("label", "area", "perimeter", "eccentricity", "solidity", "centroid", "intensity_mean", "bbox")
"""What `measure_cells` gives, but for the class; the bounding box says whether a cell touches the border."""


def draw(seed: int) -> np.ndarray:
    """A class map (H, W) of ellipses of two classes, scattered about the points of a grid."""
    random = np.random.default_rng(seed)
    class_map = np.zeros((SIZE, SIZE), np.uint8)
    side = int(np.ceil(np.sqrt(CELLS)))
    step = SIZE / side
    rows, columns = np.mgrid[:SIZE, :SIZE].astype(np.float32)
    for number in range(CELLS):
        row, column = (np.array(divmod(number, side)) + 0.5) * step + random.uniform(-4, 4, 2)
        long, short, angle = random.uniform(16, 26), random.uniform(12, 18), random.uniform(0, np.pi)
        near = tuple(slice(max(0, int(at) - 30), int(at) + 31) for at in (row, column))
        y, x = rows[near] - row, columns[near] - column
        along, across = y * np.cos(angle) + x * np.sin(angle), x * np.cos(angle) - y * np.sin(angle)
        class_map[near][(along / long) ** 2 + (across / short) ** 2 <= 1] = 1 + number % 2
    return class_map


def seconds(action: Callable[[], object]) -> float:
    """How long an action takes."""
    began = time.perf_counter()
    action()
    return time.perf_counter() - began


def main() -> None:
    """Print the medians and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    rounds = parser.parse_args().rounds
    class_map = draw(0)
    image = np.random.default_rng(1).poisson(100, class_map.shape).astype(np.uint16)
    labels = split_cells(class_map)
    actions = {
        "split_cells": lambda: split_cells(class_map),
        "measure_cells": lambda: measure_cells(labels, class_map, CLASSES, image[None]),
        "regionprops_table": lambda: regionprops_table(labels, image, COLUMNS),
    }
    times = {name: [] for name in actions}
    for _ in range(rounds):
        for name, action in actions.items():
            times[name].append(seconds(action))
    medians = {name: median(taken) for name, taken in times.items()}
    ratio = (medians["split_cells"] + medians["measure_cells"]) / medians["regionprops_table"]
    print(f"{labels.max()} cells found; " + ", ".join(f"{n} {t:.2f} s" for n, t in medians.items()))
    print(f"split and measured in {ratio:.2f} of regionprops_table's time")


if __name__ == "__main__":
    main()
