"""Cross-validation: cutting what there is into k folds, each of which is for testing once."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from hela_seg.data.splits.table import Block, Part
from hela_seg.system.errors import InputError

_GIVES_WAY: tuple[Part, ...] = ("train", "validation", "test")
"""Of two neighbouring parts the one that stands first here gives up the frames of the gap."""


def refuse_impossible(folds: int, fold: int, available: int, what: str, *, validated: bool) -> None:
    """Refuse folds that cannot be made.

    Args:
        folds: k.
        fold: which one is for testing, counted from 0.
        available: number of things to cut into folds.
        what: their name, in the plural.
        validated: one fold is for validation.

    Raises:
        InputError: fewer folds than parts, more than there are things, or no such fold.
    """
    least = 3 if validated else 2
    if folds < least:
        reason = (
            "one each for test, validation and training" if validated else "one for test, one for training"
        )
        raise InputError(f"data.split.folds is {folds}, expected {least} or more: {reason}")
    if fold not in range(folds):
        raise InputError(
            f"data.split.fold is {fold}, expected 0 to {folds - 1}: it says which is for testing"
        )
    if folds > available:
        raise InputError(
            f"data.split.folds is {folds}, but there are {available} {what}: lower it to {available} or less"
        )


def part_of_fold(number: int, folds: int, fold: int, *, validated: bool) -> Part:
    """What a fold is for: number ``fold`` for testing, the next one, in a circle, for validation."""
    if number == fold:
        return "test"
    return "validation" if validated and number == (fold + 1) % folds else "train"


def shuffled_folds(count: int, folds: int, seed: int) -> list[int]:
    """The fold of each of ``count`` things, dealt out at random; sizes differ by one at most."""
    numbers = np.empty(count, np.int64)
    numbers[np.random.default_rng(seed).permutation(count)] = np.arange(count) % folds
    return [int(number) for number in numbers]


def folds_of_time(length: int, folds: int, fold: int, gap: int, *, validated: bool) -> list[Block]:
    """Blocks of the one series there is: ``folds`` spans of time, one after another, nearly equally long.

    Over all folds every frame is for testing once: next to a test block the gap is taken from its neighbour,
    and between training and validation from training.

    Args:
        length: T, frames of the series.
        folds: k.
        fold: which span is for testing.
        gap: frames that are left out between two parts.
        validated: the next span is for validation.

    Returns:
        Blocks in the order of time.

    Raises:
        InputError: the gaps leave nothing to train on, or to validate on.

    Example:
        10 frames in 5 folds, without validation and with a gap of 1: fold 1 tests on the frames 2 and 3, and
        trains on frame 0 and on 5 to 9.
    """
    cuts = [number * length // folds for number in range(folds + 1)]
    runs: list[tuple[int, int, Part]] = []
    for number, (start, stop) in enumerate(pairwise(cuts)):
        part = part_of_fold(number, folds, fold, validated=validated)
        if runs and runs[-1][2] == part:
            start = runs.pop()[0]
        runs.append((start, stop, part))
    blocks = []
    for position, (start, stop, part) in enumerate(runs):
        before, after = runs[max(position - 1, 0)][2], runs[min(position + 1, len(runs) - 1)][2]
        start += gap if _yields(part, before) else 0
        stop -= gap if _yields(part, after) else 0
        if start < stop:
            blocks.append(Block(0, start, stop, part))
    lost = {part for _, _, part in runs} - {block.part for block in blocks}
    if lost:
        raise InputError(
            f"the only series has {length} frames, of which {folds} folds with gaps of {gap} leave none for "
            f"{' and '.join(sorted(lost))}: lower data.split.folds or data.split.gap"
        )
    return blocks


def _yields(part: Part, neighbour: Part) -> bool:
    return _GIVES_WAY.index(part) < _GIVES_WAY.index(neighbour)
