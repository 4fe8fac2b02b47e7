"""Learning rates that depend on how much of a training is over: warm-up, then a fall to nothing."""

from __future__ import annotations

import math


def cosine(progress: float, warm_up: float = 0.05) -> float:
    """The share of the learning rate after a linear warm-up and along a cosine (Loshchilov and Hutter, 2017).

    Args:
        progress: the share of all steps that are done, 0 to 1.
        warm_up: the share of all steps over which the rate rises from near nothing.

    Example:
        With a warm-up of 0.1 it is 1 at 0.1, 0.5 at 0.55 and 0 at 1.
    """
    return _rise(progress, warm_up) * (1 + math.cos(math.pi * _fallen(progress, warm_up))) / 2


def polynomial(progress: float, warm_up: float = 0.0, power: float = 0.9) -> float:
    """The share of the learning rate after a linear warm-up and along (1 - x) ** power, as nnU-Net has it.

    Args:
        progress: the share of all steps that are done, 0 to 1.
        warm_up: the share of all steps over which the rate rises from near nothing.
        power: 1 is a straight line.
    """
    return _rise(progress, warm_up) * math.pow(1 - _fallen(progress, warm_up), power)


def _rise(progress: float, warm_up: float) -> float:
    return 1.0 if progress >= warm_up else max(progress / warm_up, 0.01)


def _fallen(progress: float, warm_up: float) -> float:
    """How much of the fall is over, 0 to 1."""
    return min(max(progress - warm_up, 0.0) / (1 - warm_up), 1.0)
