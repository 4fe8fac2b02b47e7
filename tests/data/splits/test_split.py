"""What splits promise: no series and no neighbouring frames on two sides, and the same split each time."""

from __future__ import annotations

import re
from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from refusals import refusal

from hela_seg.data.splits.split import Block, Split, write_split
from hela_seg.system.errors import InputError
from hela_seg.system.settings import checked

NAMES = [f"series {index}" for index in range(20)]
AMOUNTS = st.one_of(st.integers(0, 4), st.floats(0, 0.35))


def parts(blocks: list[Block]) -> dict[int, str]:
    return {block.series: block.part for block in blocks}


def counts(blocks: list[Block]) -> Counter[str]:
    return Counter(parts(blocks).values())


@pytest.mark.parametrize(("share", "count"), [(0.15, 3), (0.01, 1), (0, 0), (0.0, 0), (5, 5)])
def test_shares_are_rounded_to_whole_series_and_are_one_at_least(share, count) -> None:
    blocks = Split(validation=share, test=2).blocks([10] * 20, NAMES)
    assert counts(blocks)["validation"] == count
    assert counts(blocks)["test"] == 2
    assert counts(blocks)["train"] == 18 - count


@given(st.lists(st.integers(1, 50), min_size=14, max_size=20), AMOUNTS, AMOUNTS, st.integers(0, 99))
def test_every_series_goes_whole_to_one_part(lengths, validation, test, seed) -> None:
    blocks = Split(validation, test, seed=seed).blocks(lengths, NAMES[: len(lengths)])
    assert [block.series for block in blocks] == list(range(len(lengths)))
    assert all((block.start, block.stop) == (0, lengths[block.series]) for block in blocks)


def test_the_seed_alone_decides_which_series_go_where() -> None:
    same = [Split(0.2, 0.2, seed=3).blocks([9] * 20, NAMES) for _ in range(2)]
    assert same[0] == same[1]
    assert len({tuple(Split(0.2, 0.2, seed=seed).blocks([9] * 20, NAMES)) for seed in range(5)}) == 5


def test_another_share_for_validation_leaves_the_test_series_as_they_are() -> None:
    def test_series(validation: float) -> set[int]:
        dealt = parts(Split(validation, 0.2).blocks([9] * 20, NAMES))
        return {series for series, part in dealt.items() if part == "test"}

    assert test_series(0) == test_series(0.3)


def test_series_can_be_named() -> None:
    blocks = Split(["d"], ["a", "c"]).blocks([9] * 4, ["a", "b", "c", "d"])
    assert parts(blocks) == {0: "test", 1: "train", 2: "test", 3: "validation"}


def test_named_series_are_left_out_of_the_draw() -> None:
    for seed in range(10):
        dealt = parts(Split(1, "left dish", seed=seed).blocks([9] * 3, ["a", "left dish", "c"]))
        assert dealt[1] == "test"
        assert sorted(dealt.values()) == ["test", "train", "validation"]


def test_one_series_of_20_frames_is_cut_in_time_with_a_gap() -> None:
    blocks = Split(validation=0, test=4, gap=2).blocks([20], ["h2b"])
    assert blocks == [Block(0, 0, 14, "train"), Block(0, 16, 20, "test")]


@given(st.integers(30, 300), AMOUNTS, AMOUNTS, st.integers(0, 3))
def test_blocks_of_time_lie_in_order_a_gap_apart_and_end_with_the_series(
    length, validation, test, gap
) -> None:
    blocks = Split(validation, test, gap).blocks([length], ["one"])
    assert blocks[0].start == 0
    assert blocks[-1].stop == length
    for earlier, later in pairwise(blocks):
        assert later.start - earlier.stop == gap
    wanted = ["train"] + ["validation"] * (validation > 0) + ["test"] * (test > 0)
    assert [block.part for block in blocks] == wanted


def test_shares_of_one_series_are_shares_of_its_frames() -> None:
    blocks = Split(validation=0.1, test=0.25, gap=3).blocks([100], ["one"])
    assert [(block.start, block.stop) for block in blocks] == [(0, 59), (62, 72), (75, 100)]


@pytest.mark.parametrize(
    ("lengths", "request_", "message"),
    [
        (
            [9, 9],
            {},
            r"found 2 series \('a', 'b'\), but validation and test take 2 and training needs 1 or more",
        ),
        ([9, 9], {}, r"set data.split.test=0 or data.split.validation=0$"),
        ([9] * 4, {"test": 4}, r"or set data.split.test=0$"),
        ([9] * 4, {"test": ["a", "b"], "validation": 4}, r"or set data.split.validation=0$"),
        ([9] * 4, {"test": 4, "validation": 4}, r"or set data.split.validation=0 data.split.test=0$"),
        ([], {}, "found 0 series"),
        (
            [9] * 4,
            {"test": ["e", "a"]},
            r"data.split.test names the series 'e', but the data hold 'a', 'b', 'c', 'd'",
        ),
        ([9] * 4, {"test": ["a"], "validation": ["b", "a"]}, "both name 'a'"),
        ([9] * 4, {"test": ["a", "b"], "validation": 2}, "take 4 and training needs"),
        ([9] * 4, {"test": -1}, "data.split.test is -1, expected a share from 0 to below 1"),
        ([9] * 4, {"validation": 1.5}, "data.split.validation is 1.5"),
        ([9], {"test": ["a"]}, r"data.split.test names series, but there is only one \('a'\)"),
        (
            [9],
            {"test": 3, "validation": 2},
            r"\('a'\) has 9 frame.s., .* gaps of 2 take 9 and training needs 1",
        ),
    ],
)
def test_what_cannot_be_split_is_refused_in_one_line(lengths, request_, message) -> None:
    said = refusal(Split(**request_).blocks, lengths, ["a", "b", "c", "d"][: len(lengths)])
    assert re.search(message, said)


def test_many_names_are_listed_in_part() -> None:
    with pytest.raises(InputError, match=r"'series 9' and 10 more$"):
        Split(0, ["nowhere"]).blocks([9] * 20, NAMES)


def test_a_written_split_can_be_used_again(tmp_path) -> None:
    names, lengths = ["a", "b", "c", "d"], [5, 6, 7, 8]
    blocks = Split(seed=3).blocks(lengths, names)
    write_split(tmp_path / "split.csv", blocks, names)
    assert Split(seed=99, file=str(tmp_path / "split.csv")).blocks(lengths, names) == blocks


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("a,0,6,train\n", "has the frames 0 to 5 of 'a', which holds 5 frame"),
        ("a,0,3,train\na,2,5,test\n", "frame 2 of 'a' in two rows"),
        ("a,0,5,test\n", "no row for train"),
    ],
)
def test_a_table_of_other_data_or_with_leaks_is_refused(tmp_path, rows, message) -> None:
    (tmp_path / "split.csv").write_text(f"series,start,stop,part\n{rows}")
    with pytest.raises(InputError, match=message):
        Split(file=str(tmp_path / "split.csv")).blocks([5], ["a"])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"file": "s.csv", "folds": 3, "fold": 0}, "data.split.file is given and data.split.folds too"),
        ({"column": "plate"}, "data.split.column is given without data.split.table"),
        ({"table": "plates.csv"}, "data.split.table is given without data.split.column"),
        ({"folds": 3}, "data.split.folds is given without data.split.fold"),
        ({"fold": 0}, "data.split.fold is given without data.split.folds"),
        ({"folds": 3, "fold": 0, "gap": -1}, "data.split.gap is -1, expected a whole number of 0 or more"),
        ({"folds": 3.5, "fold": 0}, "data.split.folds is 3.5, expected a whole number of 1 or more"),
        ({"seed": "x"}, "data.split.seed is 'x', expected a whole number of 0 or more"),
        ({"seed": -1}, "data.split.seed is -1, expected"),
        ({"test": None}, "data.split.test is null, expected"),
    ],
)
def test_settings_that_contradict_each_other_or_that_no_split_can_have_are_refused(settings, message) -> None:
    with pytest.raises(InputError, match=message):
        checked(Split, settings, "data.split")


def test_a_table_that_is_not_there_is_named(tmp_path) -> None:
    with pytest.raises(InputError, match=r"split\.csv cannot be read"):
        Split(file=str(tmp_path / "split.csv")).blocks([5], ["a"])
