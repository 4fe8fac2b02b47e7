"""How often different fields are called alike, and copies of a field missed, by the check's near-duplicates.

    python tests/benchmarks/near_duplicates.py [FIELDS]

Fields are drawn: many cells in phase contrast, one cell or two, weak cells under strong vignetting, and
those of data=synthetic. All pairs of different fields are compared, with noise and without. Copies have
noise, whose deviation is a share of the frame's whole range, its illumination included; a shift; or a
gamma.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from hela_seg.data.checks.looks import FrameLook, look_at
from hela_seg.data.checks.near_duplicates import least_similarity, similarity
from hela_seg.data.synthetic.render import draw

SIDE = 256


Field = NDArray[np.float64]


def phase(
    seed: int, count: int = 40, contrast: float = 0.08, vignetting: float = 0.4, size: float = 4
) -> Field:
    """(H, W) cells with a halo each, under a parabola of light."""
    random = np.random.default_rng(seed)
    spots = np.zeros((SIDE, SIDE))
    spots[tuple(random.integers(SIDE // 8, SIDE - SIDE // 8, (2, count)))] = random.uniform(0.5, 1, count)
    cells = ndimage.gaussian_filter(spots, size) - 0.5 * ndimage.gaussian_filter(spots, 1.75 * size)
    across = np.linspace(-1, 1, SIDE)
    light = 1 - vignetting * (across[:, None] ** 2 + across**2)
    field: Field = 1000 * light * (1 + contrast * cells / cells.max())
    return field


FIELDS: dict[str, Callable[[int], Field]] = {
    "many cells": phase,
    "one cell or two": lambda seed: phase(seed, 1 + seed % 2, size=8),
    "weak cells, strong vignetting": lambda seed: phase(seed, contrast=0.03, vignetting=0.45),
    "drawn, 128 pixels": lambda seed: draw(1, 128, 128, seed)[0][0, ..., 0].astype(float),
    "drawn, 192 pixels": lambda seed: draw(1, 192, 192, seed)[0][0, ..., 0].astype(float),
}


def noisy(field: Field, seed: int, share: float = 0.1) -> Field:
    changed: Field = field + np.random.default_rng(1000 + seed).normal(0, share * np.ptp(field), field.shape)
    return changed


def curved(field: Field, gamma: float) -> Field:
    changed: Field = ((field - field.min()) / np.ptp(field)) ** gamma
    return changed


COPIES: dict[str, Callable[[Field, int], Field]] = {
    "noise of 1 %": lambda field, seed: noisy(field, seed, 0.01),
    "noise of 3 %": lambda field, seed: noisy(field, seed, 0.03),
    "noise of 10 %": noisy,
    "shift of 8 and 6 pixels": lambda field, seed: np.roll(field, (8, -6), (0, 1)),
    "gamma 0.5": lambda field, seed: curved(field, 0.5),
    "gamma 2": lambda field, seed: curved(field, 2),
}


def look(field: Field) -> FrameLook:
    return look_at(0, 0, field[None], None)


def main(count: int) -> None:
    for name, draw_field in FIELDS.items():
        drawn = [draw_field(seed) for seed in range(count)]
        fields = [field for field in drawn if np.ptp(field) > 0]  # a small drawn field may hold no cell
        for noise in (0, 0.01, 0.03, 0.1):
            looks = [look(noisy(field, 100 + seed, noise)) for seed, field in enumerate(fields)]
            print(
                f"{name}, noise of {noise:.0%}: different {_counted([*combinations(looks, 2)], alarms=True)}"
            )
        looks = [look(field) for field in fields]
        for how, change in COPIES.items():
            changed = [look(change(field, seed)) for seed, field in enumerate(fields)]
            print(
                f"  {how}: copies {_counted([*zip(looks, changed, strict=True)], alarms=False)}", flush=True
            )


def _counted(pairs: Sequence[tuple[FrameLook, FrameLook]], *, alarms: bool) -> str:
    values = [similarity(*pair) for pair in pairs]
    alike = [value >= least_similarity(*pair) for value, pair in zip(values, pairs, strict=True)]
    if alarms:
        return f"{sum(alike)} of {len(pairs)} alike (at most {max(values):.2f})"
    return f"{len(pairs) - sum(alike)} of {len(pairs)} missed (least {min(values):.2f})"


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 24)
