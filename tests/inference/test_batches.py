"""Batches that do not fit into memory go through in smaller ones."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch
from torch import Tensor

from hela_seg.inference.batches import CPU_PIXELS, Batches
from hela_seg.system.errors import InputError


class Card:
    """A device with memory for so many tiles at once."""

    def __init__(self, room: int) -> None:
        self.room = room
        self.batches: list[int] = []

    def __call__(self, images: Sequence[Tensor]) -> tuple[Tensor, ...]:
        self.batches.append(len(images[0]))
        if len(images[0]) > self.room:
            raise torch.OutOfMemoryError("no room")
        return images[0].sum(1), images[-1] * 2


def test_results_are_those_of_the_whole_batch() -> None:
    card = Card(room=3)
    batches = Batches(card, torch.device("cpu"), 8)
    images = torch.arange(8.0).reshape(8, 1, 1, 1)
    sums, doubled = batches.run([images, images + 1])
    assert sums.flatten().tolist() == list(range(8))
    assert doubled.flatten().tolist() == [2 * (value + 1) for value in range(8)]
    assert card.batches == [8, 4, 2, 2, 2, 2]


def test_what_did_not_fit_is_not_tried_again() -> None:
    card = Card(room=2)
    batches = Batches(card, torch.device("cpu"), 4)
    batches.run([torch.zeros(4, 1, 1, 1)])
    card.batches.clear()
    batches.run([torch.zeros(4, 1, 1, 1)])
    assert card.batches == [2, 2]


def test_a_tile_that_fits_nowhere_says_what_to_do() -> None:
    with pytest.raises(InputError, match=r"one tile of 5 x 6 pixels does not fit .* inference\.tile="):
        Batches(Card(room=0), torch.device("cpu"), 1).run([torch.zeros(1, 1, 5, 6)])


def test_a_stated_size_is_taken() -> None:
    assert Batches(Card(9), torch.device("cpu"), 7).size([1], (64, 64)) == 7


@pytest.mark.parametrize(("tile", "size"), [((512, 512), 2), ((704, 1120), 1), ((256, 256), 8)])
def test_a_cpu_gets_batches_of_a_bounded_number_of_pixels(tile: tuple[int, int], size: int) -> None:
    assert CPU_PIXELS == 2 * 512 * 512
    assert Batches(Card(9), torch.device("cpu")).size([1], tile) == size


def test_a_gpu_gets_what_fits_into_its_free_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """One tile takes 100 bytes of 1,000 free ones, of which 600 may be used."""
    monkeypatch.setattr(torch.cuda, "reset_peak_memory_stats", lambda _: None)
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda _: 50)
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda _: 150)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _: (1000, 2000))
    assert Batches(Card(9), torch.device("cuda")).size([1], (64, 64)) == 6
