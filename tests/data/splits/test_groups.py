"""Series of one plate, day or dish stay together."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from refusals import refusal

from hela_seg.data.splits.groups import read_groups
from hela_seg.data.splits.split import Split
from hela_seg.system.errors import InputError

NAMES = [f"s{index}" for index in range(12)]


def table(folder: Path, text: str) -> str:
    (folder / "plates.csv").write_text(text, encoding="utf-8")
    return str(folder / "plates.csv")


@given(st.lists(st.sampled_from("ABCDEFG"), min_size=8, max_size=30), st.integers(0, 50))
def test_no_group_is_on_two_sides(groups, seed) -> None:
    if len(set(groups)) < 3:
        return
    names = list(map(str, range(len(groups))))
    blocks = Split(1, 1, seed=seed).blocks([5] * len(groups), names, groups)
    parts = {group: {b.part for b in blocks if groups[b.series] == group} for group in groups}
    assert all(len(found) == 1 for found in parts.values())
    assert sorted(next(iter(found)) for found in parts.values()).count("test") == 1


def test_shares_are_of_groups_and_names_those_of_groups(tmp_path) -> None:
    rows = "".join(f"{name},plate {index // 3},Zoë\n" for index, name in enumerate(NAMES))
    path = table(tmp_path, "series,plate,who\n" + rows)
    blocks = Split(validation=0.25, test=["plate 2"], column="plate", table=path).blocks([4] * 12, NAMES)
    assert {b.series for b in blocks if b.part == "test"} == {6, 7, 8}
    assert len({b.series for b in blocks if b.part == "validation"}) == 3


def test_folds_are_of_groups(tmp_path) -> None:
    path = table(tmp_path, "day,series\n" + "".join(f"{i % 4},{name}\n" for i, name in enumerate(NAMES)))
    tested = []
    for fold in range(4):
        blocks = Split(column="day", table=path, folds=4, fold=fold).blocks([4] * 12, NAMES)
        of_test = {b.series % 4 for b in blocks if b.part == "test"}
        assert len(of_test) == 1
        tested += of_test
    assert sorted(tested) == [0, 1, 2, 3]
    with pytest.raises(InputError, match="folds is 5, but there are 4 groups of series"):
        Split(column="day", table=path, folds=5, fold=0).blocks([4] * 12, NAMES)


def test_rows_are_found_by_name_and_may_be_more_than_needed(tmp_path) -> None:
    path = Path(table(tmp_path, "\ufeffplate,series\nP1,b\nP2, with space \n\nP2,a\nP3,not there\n"))
    assert read_groups(path, "plate", ["a", "b", " with space "]) == ["P2", "P1", "P2"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name,plate\na,1\n", r"has the columns 'name', 'plate', expected one called 'series'"),
        ("series,day\na,1\n", r"expected one called 'plate'"),
        ("", "has the columns none"),
        ("series,plate\na,1\n", r"no row for the series 'b'"),
        ("series,plate\na,1\nb,\n", r"row 2 is 'b,', expected 2 cells"),
        ("series,plate\na,1\nb\n", r"row 2 is 'b', expected 2 cells"),
        ("series,plate\na,1\nb,2\na,2\n", r"row 3 is a second one for 'a'"),
    ],
)
def test_a_table_that_does_not_fit_is_refused_in_one_line(tmp_path, text, message) -> None:
    assert message in refusal(Split(column="plate", table=table(tmp_path, text)).blocks, [4, 4], ["a", "b"])


def test_too_few_groups_are_said_to_be_groups(tmp_path) -> None:
    path = table(tmp_path, "series,plate\na,1\nb,1\nc,2\n")
    with pytest.raises(InputError, match=r"found 2 groups of series \('1', '2'\)"):
        Split(column="plate", table=path).blocks([4] * 3, ["a", "b", "c"])


def test_a_table_that_is_not_there_or_no_text_is_refused(tmp_path) -> None:
    with pytest.raises(InputError, match=r"nowhere\.csv cannot be read"):
        read_groups(tmp_path / "nowhere.csv", "plate", ["a"])
    (tmp_path / "picture.csv").write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(InputError, match="is no table"):
        read_groups(tmp_path / "picture.csv", "plate", ["a"])
