"""How often different fields are called alike, and copies of a field missed, by the check's near-duplicates.

    python tests/benchmarks/near_duplicates.py [FIELDS]

Fields are drawn: many cells in phase contrast, one cell or two, weak cells under strong vignetting, and those
of data=synthetic. All pairs of different fields are compared; copies have noise of a tenth of their range, a
shift of 8 pixels with half of that noise, or a gamma of 0.5 or 2.
"""

from __future__ import annotations

import sys
from itertools import combinations

import numpy as np
from scipy import ndimage

from hela_seg.data.checks.near_duplicates import FrameLook, are_alike, look_at, similarity
from hela_seg.data.synthetic.render import draw

SIDE = 256


def phase(seed: int, count: int = 40, contrast: float = 0.08, vignetting: float = 0.4, size: float = 4):
    """(H, W) cells with a halo each, under a parabola of light."""
    random = np.random.default_rng(seed)
    spots = np.zeros((SIDE, SIDE))
    spots[tuple(random.integers(SIDE // 8, SIDE - SIDE // 8, (2, count)))] = random.uniform(0.5, 1, count)
    cells = ndimage.gaussian_filter(spots, size) - 0.5 * ndimage.gaussian_filter(spots, 1.75 * size)
    across = np.linspace(-1, 1, SIDE)
    light = 1 - vignetting * (across[:, None] ** 2 + across**2)
    return 1000 * light * (1 + contrast * cells / cells.max())


FIELDS = {
    "many cells": phase,
    "one cell or two": lambda seed: phase(seed, 1 + seed % 2, size=8),
    "weak cells, strong vignetting": lambda seed: phase(seed, contrast=0.03, vignetting=0.45),
    "drawn, 128 pixels": lambda seed: draw(1, 128, 128, seed)[0][0, ..., 0].astype(float),
    "drawn, 192 pixels": lambda seed: draw(1, 192, 192, seed)[0][0, ..., 0].astype(float),
}


def noisy(field: np.ndarray, seed: int, share: float = 0.1) -> np.ndarray:
    return field + np.random.default_rng(1000 + seed).normal(0, share * np.ptp(field), field.shape)


def curved(field: np.ndarray, gamma: float) -> np.ndarray:
    return ((field - field.min()) / np.ptp(field)) ** gamma


COPIES = {
    "noise": noisy,
    "shift": lambda field, seed: noisy(np.roll(field, (8, -6), (0, 1)), seed, 0.05),
    "gamma 0.5": lambda field, seed: curved(field, 0.5),
    "gamma 2": lambda field, seed: curved(field, 2),
}


def look(field: np.ndarray) -> FrameLook:
    return look_at(0, 0, field[None], None)


def main(count: int) -> None:
    for name, draw_field in FIELDS.items():
        fields = [draw_field(seed) for seed in range(count)]
        looks = [look(field) for field in fields]
        pairs = list(combinations(looks, 2))
        alarms, most = sum(are_alike(*pair) for pair in pairs), max(similarity(*pair) for pair in pairs)
        print(f"{name}: {alarms} of {len(pairs)} different pairs alike (at most {most:.2f});", end=" ")
        for how, change in COPIES.items():
            copies = [(own, look(change(field, seed))) for seed, (own, field) in enumerate(zip(looks, fields))]
            missed, least = sum(not are_alike(*pair) for pair in copies), min(similarity(*p) for p in copies)
            print(f"{how}: {missed} of {count} missed (least {least:.2f})", end="; ")
        print(flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 24)
