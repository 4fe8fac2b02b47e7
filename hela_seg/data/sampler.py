"""Which samples an epoch is made of, in which order, and which of them are whose."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from torch.utils.data import Sampler


class Draw(NamedTuple):
    """Which sample of which epoch; with the seed it decides everything that is random about it."""

    epoch: int
    number: int


class EpochSampler(Sampler[Draw]):
    """Counts through the samples of an epoch, and says which epoch it is.

    The trainer calls `set_epoch`. Because the epoch travels with each number, workers that live on from epoch
    to epoch draw new tiles all the same.

    Where several processes train together, each counts through its part of every batch, so that together they
    see each number once, and in every step those that one process would see.

    Args:
        length: samples in an epoch, of all processes together.
        first: asked at the beginning of each pass for the number that it begins with.
        epoch: number of the first epoch; workers read ahead before the trainer calls `set_epoch`.
        batch: samples of a step, of all processes together; divides the length.
        rank: number of this process, from 0.
        ranks: how many processes there are; divides the batch.

    Example:
        Of 8 samples in batches of 4, the second of two processes counts 2, 3, 6, 7.
    """

    def __init__(
        self,
        length: int,
        first: Callable[[], int] = lambda: 0,
        epoch: int = 0,
        batch: int = 1,
        rank: int = 0,
        ranks: int = 1,
    ) -> None:
        self._length, self._first, self._epoch = length, first, epoch
        self._batch, self._rank, self._ranks = batch, rank, ranks

    def __len__(self) -> int:
        return self._length // self._ranks

    def __iter__(self) -> Iterator[Draw]:
        return self._draws(self._first())

    def whole_epoch(self) -> Iterator[Draw]:
        """All draws of the epoch, also those that the next pass leaves out."""
        return self._draws(0)

    def _draws(self, first: int) -> Iterator[Draw]:
        part = self._batch // self._ranks
        numbers = range(first, self._length)
        return (Draw(self._epoch, n) for n in numbers if n % self._batch // part == self._rank)

    def set_epoch(self, epoch: int) -> None:
        """Say which epoch the next pass belongs to."""
        self._epoch = epoch
