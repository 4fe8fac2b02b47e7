"""Cross-validation: over all folds everything is for testing once, and parts keep their distance."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from refusals import refusal

from hela_seg.data.splits.folds import folds_of_time
from hela_seg.data.splits.split import Split
from hela_seg.data.splits.table import Block

RANK = ["train", "validation", "test"]


def test_the_worked_case() -> None:
    blocks = folds_of_time(10, 5, 1, 1, validated=False)
    assert blocks == [Block(0, 0, 1, "train"), Block(0, 2, 4, "test"), Block(0, 5, 10, "train")]
    with_validation = folds_of_time(10, 5, 4, 1, validated=True)
    assert with_validation == [
        Block(0, 0, 2, "validation"),
        Block(0, 3, 7, "train"),
        Block(0, 8, 10, "test"),
    ]


@given(st.integers(3, 40), st.data(), st.booleans(), st.integers(0, 99))
def test_every_series_is_for_testing_once_over_the_folds(series, data, validated, seed) -> None:
    folds = data.draw(st.integers(3, series))
    names, lengths = [f"s{i}" for i in range(series)], list(range(1, series + 1))
    tested: Counter[int] = Counter()
    for fold in range(folds):
        split = Split(validation=0.1 if validated else 0, folds=folds, fold=fold, seed=seed)
        blocks = split.blocks(lengths, names)
        assert [(b.series, b.start, b.stop) for b in blocks] == [(i, 0, lengths[i]) for i in range(series)]
        parts = Counter(block.part for block in blocks)
        assert series // folds <= parts["test"] <= -(-series // folds)
        assert (parts["validation"] > 0) == validated
        assert parts["train"]
        tested.update(block.series for block in blocks if block.part == "test")
    assert tested == dict.fromkeys(range(series), 1)


def test_the_next_fold_in_a_circle_validates() -> None:
    def of(fold: int, part: str) -> set[int]:
        blocks = Split(folds=5, fold=fold).blocks([9] * 12, [str(i) for i in range(12)])
        return {block.series for block in blocks if block.part == part}

    assert all(of(fold, "validation") == of((fold + 1) % 5, "test") for fold in range(5))


@given(st.integers(3, 8), st.integers(1, 40), st.integers(0, 4), st.booleans())
def test_every_frame_of_one_series_is_for_testing_once_and_parts_lie_a_gap_apart(
    folds, length, gap, validated
) -> None:
    assume(length // folds > 2 * gap)
    tested: Counter[int] = Counter()
    for fold in range(folds):
        split = Split(validation=0.2 if validated else 0, folds=folds, fold=fold, gap=gap)
        blocks = split.blocks([length], ["one"])
        for earlier, later in pairwise(blocks):
            assert later.start - earlier.stop == gap
            assert later.part != earlier.part
        assert {block.part for block in blocks} == {"train", "test"} | (
            {"validation"} if validated else set()
        )
        tested.update(t for block in blocks if block.part == "test" for t in range(block.start, block.stop))
    assert tested == dict.fromkeys(range(length), 1)


@pytest.mark.parametrize(
    ("lengths", "settings", "message"),
    [
        ([9] * 4, {"folds": 5, "fold": 0}, "data.split.folds is 5, but there are 4 series: lower it to 4"),
        ([9] * 4, {"folds": 2, "fold": 0}, "data.split.folds is 2, expected 3 or more: one each"),
        ([9] * 4, {"folds": 1, "fold": 0, "validation": 0}, "data.split.folds is 1, expected 2 or more"),
        ([9] * 4, {"folds": 4, "fold": 4}, "data.split.fold is 4, expected 0 to 3"),
        ([9] * 4, {"folds": 4, "fold": -1}, "data.split.fold is -1, expected 0 to 3"),
        ([9] * 4, {"folds": 4, "fold": 1.5}, "data.split.fold is 1.5, expected 0 to 3"),
        ([9] * 4, {"folds": 4, "fold": 0, "validation": ["a"]}, "validation names series, expected a number"),
        ([9], {"folds": 10, "fold": 0}, "there are 9 frames: lower it"),
        ([9], {"folds": 4, "fold": 0, "gap": 3}, "gaps of 3 leave none for validation"),
        ([9], {"folds": 3, "fold": 1, "gap": 3, "validation": 0}, "leave none for train"),
    ],
)
def test_folds_that_cannot_be_made_are_refused_in_one_line(lengths, settings, message) -> None:
    assert message in refusal(Split(**settings).blocks, lengths, ["a", "b", "c", "d"][: len(lengths)])
