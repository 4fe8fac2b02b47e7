import csv
import errno
import os
from pathlib import Path

import pytest

from hela_seg.system.errors import InputError
from hela_seg.system.files import HALVES, from_cell, make_folder, whole_file, write_table


def test_file_appears_with_its_content_when_the_block_ends(tmp_path):
    path = tmp_path / "new folder" / "scores (1).csv"
    with whole_file(path) as part:
        part.write_text("a", encoding="utf-8")
        assert not path.exists()
    assert path.read_text(encoding="utf-8") == "a"
    assert list(path.parent.iterdir()) == [path]


def write(path, text, fail=False):
    with whole_file(path) as part:
        part.write_text(text, encoding="utf-8")
        if fail:
            raise ZeroDivisionError


def test_failure_leaves_the_former_file_and_nothing_else(tmp_path):
    path = tmp_path / "scores.csv"
    write(path, "former")
    with pytest.raises(ZeroDivisionError):
        write(path, "half", fail=True)
    assert path.read_text(encoding="utf-8") == "former"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_where_the_folder_should_be_is_the_users_to_mend(tmp_path):
    (tmp_path / "taken").write_text("", encoding="utf-8")
    with pytest.raises(
        InputError, match=r"cannot write .*scores\.csv: .* a folder that you may write to"
    ) as e:
        write(tmp_path / "taken" / "scores.csv", "text")
    assert "\n" not in str(e.value)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_rights_is_the_users_to_mend(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(InputError, match="Permission denied"):
        write(tmp_path / "a.csv", "text")


def test_a_full_disk_leaves_the_former_file(tmp_path, monkeypatch):
    def no_space(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    path = tmp_path / "a.csv"
    write(path, "former")
    monkeypatch.setattr(os, "fsync", no_space)
    with pytest.raises(InputError, match=r"cannot write .*a\.csv: No space left on device; choose"):
        write(path, "half")
    assert path.read_text(encoding="utf-8") == "former"
    assert list(tmp_path.iterdir()) == [path]


def test_folder_is_made_with_its_parents_and_taken_as_it_is_when_there(tmp_path):
    folder = tmp_path / "new (1)" / "Läufe"
    assert make_folder(folder) == folder
    (folder / "kept").touch()
    assert make_folder(folder) == folder
    assert [path.name for path in folder.iterdir()] == ["kept"]


@pytest.mark.parametrize("below", ["", "new"])
def test_folder_in_the_place_of_a_file_is_the_users_to_mend(tmp_path, below):
    (tmp_path / "taken").touch()
    with pytest.raises(InputError, match=r"taken.* cannot be made \(.*\): choose another output folder"):
        make_folder(tmp_path / "taken" / below)


def test_folder_that_cannot_be_written_is_the_users_to_mend(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # root may write everywhere
    with pytest.raises(InputError, match="cannot be written: choose another one or change its permissions"):
        make_folder(tmp_path)


def test_columns_of_a_table_stand_in_the_order_in_which_they_first_occur(tmp_path):
    write_table(tmp_path / "table.csv", [{"net": "unet, wide", "seed": 0}, {"net": "b", "fold": 1}])
    expected = 'net,seed,fold\n"unet, wide",0,\nb,,1\n'
    assert (tmp_path / "table.csv").read_bytes().decode() == expected


def test_halves_are_told_from_files_of_others(tmp_path):
    (tmp_path / ".film.mp4.part").write_text("a download", encoding="utf-8")
    with whole_file(tmp_path / "scores.csv") as part:
        part.write_text("a", encoding="utf-8")
        assert list(tmp_path.rglob(HALVES)) == [part]


@pytest.mark.parametrize("text", ["=1+1", "+cmd|' /C calc'!A0", "-x", "@SUM(A1)", "\tx"])
def test_a_cell_is_no_formula_and_comes_back_as_it_was(text: str, tmp_path: Path) -> None:
    write_table(tmp_path / "a.csv", [{"name": text, "score": -0.5, "shown": "-0.5"}])
    with (tmp_path / "a.csv").open(encoding="utf-8", newline="") as file:
        (row,) = csv.DictReader(file)
    assert row == {"name": f"'{text}", "score": "-0.5", "shown": "-0.5"}
    assert from_cell(row["name"]) == text
