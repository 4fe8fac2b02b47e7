import csv
import sys

import numpy as np
import pytest
from pyarrow import parquet

from hela_seg.cells import cell_table
from hela_seg.system.errors import InputError

FIRST = {
    "frame": np.array([0, 0]),
    "class": np.array(["round", 'with "quotes", and commas']),
    "area_um2": np.array([0.1 + 0.2, 123456.789]),
    "touches_border": np.array([True, False]),
}
SECOND = {
    "frame": np.array([1]),
    "class": np.array(["µ"]),
    "area_um2": np.array([1e-7]),
    "touches_border": np.array([True]),
}
NONE = {name: column[:0] for name, column in FIRST.items()}


def write(path, *frames):
    with cell_table(path) as table:
        for cells in frames:
            table.write(cells)
    return path


def test_csv_as_it_is_written(tmp_path):
    path = write(tmp_path / "cells.csv", FIRST, NONE, SECOND)
    assert path.read_bytes().decode() == (
        "frame,class,area_um2,touches_border\n"
        "0,round,0.3,true\n"
        '0,"with ""quotes"", and commas",123456.789,false\n'
        "1,µ,1e-07,true\n"
    )
    with path.open(newline="", encoding="utf-8") as file:
        assert [row["class"] for row in csv.DictReader(file)] == [*FIRST["class"], "µ"]


def test_what_is_not_known_is_empty_in_csv(tmp_path):
    path = write(tmp_path / "cells.csv", SECOND | {"area_um2": np.array([np.nan])})
    assert path.read_text(encoding="utf-8").splitlines()[1] == "1,µ,,true"


def test_parquet_keeps_types_and_every_bit(tmp_path):
    table = parquet.read_table(write(tmp_path / "cells.parquet", FIRST, NONE, SECOND))
    assert table.column_names == list(FIRST)
    for name, column in FIRST.items():
        assert table[name].to_pylist() == [*column.tolist(), *SECOND[name].tolist()]


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_the_same_cells_give_the_same_bytes(tmp_path, ending):
    one, other = (write(tmp_path / f"{name}.{ending}", FIRST, SECOND) for name in "ab")
    assert one.read_bytes() == other.read_bytes()


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_a_table_of_frames_without_cells_has_its_columns(tmp_path, ending):
    path = write(tmp_path / f"cells.{ending}", NONE)
    if ending == "csv":
        assert path.read_text() == "frame,class,area_um2,touches_border\n"
    else:
        assert parquet.read_table(path).column_names == list(NONE)


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_a_table_without_any_frame_is_empty(tmp_path, ending):
    path = write(tmp_path / f"cells.{ending}")
    assert path.read_bytes() == b"" if ending == "csv" else parquet.read_table(path).num_rows == 0


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_a_table_that_is_broken_off_leaves_nothing(tmp_path, ending):
    def broken_off():
        with cell_table(tmp_path / f"cells.{ending}") as table:
            table.write(FIRST)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        broken_off()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_frames_have_the_same_columns(tmp_path, ending):
    with pytest.raises(ValueError, match="columns"):
        write(tmp_path / f"cells.{ending}", FIRST, {"frame": np.array([1])})


def test_other_endings_are_refused(tmp_path):
    with pytest.raises(InputError, match=r"ends in '\.xlsx', expected one of \.csv, \.parquet"):
        write(tmp_path / "cells.xlsx")


def test_without_pyarrow_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(InputError, match=r"hela-seg\[parquet\]") as error:
        write(tmp_path / "cells.parquet")
    assert "\n" not in str(error.value)
    write(tmp_path / "cells.CSV", FIRST)
