"""The table that a split is written as, and what is refused of it."""

from __future__ import annotations

from unicodedata import normalize

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hela_seg.data.splits.table import (
    Block,
    blocks_of_rows,
    quoted,
    read_rows,
    read_split,
    refuse_unfit,
    rows_of_blocks,
    write_split,
)
from hela_seg.system.errors import InputError

STRANGE_NAMES = ["a", "with space", "Zürich, left", 'quote"s', "new\nline", "return\r\n"]
BLOCKS = st.lists(
    st.builds(
        lambda series, start, length, part: Block(series, start, start + length, part),
        st.integers(0, len(STRANGE_NAMES) - 1),
        st.integers(0, 99),
        st.integers(1, 99),
        st.sampled_from(["train", "validation", "test"]),
    )
)


@pytest.mark.parametrize(("start", "stop"), [(3, 3), (4, 3), (-1, 3)])
def test_a_block_holds_a_frame_or_more(start, stop) -> None:
    with pytest.raises(ValueError, match="holds none"):
        Block(0, start, stop, "train")


@given(BLOCKS)
def test_blocks_are_written_as_a_table_and_read_back(tmp_path_factory, blocks) -> None:
    path = tmp_path_factory.mktemp("split") / "split.csv"
    write_split(path, blocks, STRANGE_NAMES)
    assert read_split(path, STRANGE_NAMES) == blocks
    assert [file.name for file in path.parent.iterdir()] == ["split.csv"]


@given(BLOCKS)
def test_blocks_become_plain_rows_and_back_whatever_series_have_come_since(blocks) -> None:
    rows = rows_of_blocks(blocks, STRANGE_NAMES)
    now = ["a new one", *STRANGE_NAMES]
    found = blocks_of_rows(rows, now, [198] * len(now))
    assert [(block.series - 1, block.start, block.stop, block.part) for block in found] == [
        (block.series, block.start, block.stop, block.part) for block in blocks
    ]


def test_rows_whose_frames_are_no_longer_there_are_refused() -> None:
    rows = rows_of_blocks([Block(0, 0, 4, "train"), Block(1, 0, 3, "test")], ["left", "right"])
    with pytest.raises(InputError, match="the series left, right of the checkpoint's split"):
        blocks_of_rows(rows, ["left"], [3])


def test_the_table_is_plain_to_read(tmp_path) -> None:
    write_split(tmp_path / "split.csv", [Block(0, 0, 14, "train"), Block(0, 16, 20, "test")], ["h2b"])
    lines = (tmp_path / "split.csv").read_text().splitlines()
    assert lines == ["series,start,stop,part", "h2b,0,14,train", "h2b,16,20,test"]


def test_series_are_found_by_name_when_their_order_has_changed(tmp_path) -> None:
    write_split(tmp_path / "split.csv", [Block(0, 0, 3, "train"), Block(1, 0, 4, "test")], ["a", "b"])
    assert read_split(tmp_path / "split.csv", ["b", "a"]) == [Block(1, 0, 3, "train"), Block(0, 0, 4, "test")]


def test_a_write_that_fails_leaves_the_earlier_table(tmp_path) -> None:
    blocks = [Block(0, 0, 3, "train")]
    write_split(tmp_path / "split.csv", blocks, ["a"])
    with pytest.raises(IndexError):
        write_split(tmp_path / "split.csv", [Block(0, 0, 9, "test"), Block(1, 0, 3, "test")], ["a"])
    assert read_split(tmp_path / "split.csv", ["a"]) == blocks
    assert [file.name for file in tmp_path.iterdir()] == ["split.csv"]


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("", "split.csv begins with 'nothing', expected the columns series,start,stop,part"),
        ("name,part\n", "begins with 'name,part'"),
        ("series,start,stop,part\na,0,5,train\na,0,x,test\n", "row 2 is 'a,0,x,test'"),
        ("series,start,stop,part\na,0,5,exam\n", "one of train, validation, test"),
        ("series,start,stop,part\na,5,5,train\n", "row 1 is 'a,5,5,train'"),
        ("series,start,stop,part\na,5\n", "row 1 is 'a,5'"),
        ("series,start,stop,part\nb,0,5,train\n", "row 1 names the series 'b', but the data hold 'a'"),
    ],
)
def test_a_damaged_table_is_refused_in_one_line(tmp_path, table, message) -> None:
    (tmp_path / "split.csv").write_text(table)
    with pytest.raises(InputError, match=message):
        read_split(tmp_path / "split.csv", ["a"])


@pytest.mark.parametrize(
    ("content", "rows"),
    [
        (b"\xef\xbb\xbfseries,day\r\na,1\r\n", [["series", "day"], ["a", "1"]]),  # as Excel saves it
        (b"series,day\n\na,1\n\n", [["series", "day"], ["a", "1"]]),
        ("series\nZürich\n".encode(), [["series"], ["Zürich"]]),
        (b"", []),
    ],
)
def test_rows_of_a_table_as_people_save_it(tmp_path, content, rows) -> None:
    (tmp_path / "a.csv").write_bytes(content)
    assert read_rows(tmp_path / "a.csv") == rows


def test_what_is_no_table_is_refused_with_its_path(tmp_path) -> None:
    (tmp_path / "a.csv").write_bytes("series\nZürich\n".encode("latin-1"))
    with pytest.raises(InputError, match=r"a\.csv is no table .*, expected a CSV file in UTF-8"):
        read_rows(tmp_path / "a.csv")
    with pytest.raises(InputError, match=r"b\.csv cannot be read \(No such file or directory\)"):
        read_rows(tmp_path / "b.csv")


def test_a_split_fits_up_to_the_last_frame_and_side_by_side(tmp_path) -> None:
    blocks = [Block(0, 3, 5, "test"), Block(0, 0, 3, "train"), Block(1, 0, 2, "train")]
    refuse_unfit(tmp_path / "split.csv", blocks, [5, 2], ["a", "b"])


def test_ten_names_are_listed_and_more_are_counted() -> None:
    assert quoted(["a", "b"]) == "'a', 'b'"
    assert quoted([str(n) for n in range(10)]).endswith("'8', '9'")
    assert quoted([str(n) for n in range(12)]).endswith("'8', '9' and 2 more")


def test_series_are_found_in_whichever_form_of_unicode_the_table_names_them(tmp_path):
    apart = normalize("NFD", "Müller")
    (tmp_path / "split.csv").write_text(f"series,start,stop,part\n{apart},0,4,train\n", encoding="utf-8")
    assert read_split(tmp_path / "split.csv", ["Müller"]) == [Block(0, 0, 4, "train")]
    rows = [{"series": apart, "start": 0, "stop": 4, "part": "test"}]
    assert blocks_of_rows(rows, ["Müller"], [4]) == [Block(0, 0, 4, "test")]
