"""Times of making a batch: reading its tiles, augmenting them, and all of it as the loader does."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from hela_seg.data.augment import Augmentation
from hela_seg.data.datamodule import TimelapseData
from hela_seg.data.dataset import Sample
from hela_seg.data.sampler import Draw
from hela_seg.system.machine import now
from hela_seg.training.timing.record import Stage

CLOCK = torch.device("cpu")


def time_data(
    plain: TimelapseData, augmented: TimelapseData, augment: Augmentation, batch_size: int, repeats: int
) -> tuple[dict[str, Stage], Sample]:
    """Time the stages of making a batch, in turns.

    Args:
        plain: prepared data whose tiles are not augmented.
        augmented: the same data with their augmentation.
        augment: that augmentation.
        batch_size: N.
        repeats: how often.

    Returns:
        Stages by name, and the last batch of the loader.
    """
    tiles = plain.train_dataloader().dataset
    batches = _endless(augmented)
    batch = next(batches)  # starts the workers
    seconds: dict[str, list[float]] = {"reading": [], "augmentation": [], "loader": []}
    for number in range(repeats):
        draws = [Draw(0, number * batch_size + index) for index in range(batch_size)]
        began = now(CLOCK)
        samples = [tiles[draw] for draw in draws]
        seconds["reading"].append(now(CLOCK) - began)
        pairs = [(sample["image"].numpy(), sample["label"].numpy()) for sample in samples]
        began = now(CLOCK)
        for draw, (image, label) in zip(draws, pairs, strict=True):
            augment(image, label, (0, *draw))
        seconds["augmentation"].append(now(CLOCK) - began)
        began = now(CLOCK)
        batch = next(batches)
        seconds["loader"].append(now(CLOCK) - began)
    return {name: Stage(times, batch_size) for name, times in seconds.items()}, batch


def _endless(data: TimelapseData) -> Iterator[Sample]:
    loader = data.train_dataloader()
    while True:
        yield from loader
