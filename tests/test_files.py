import os

import pytest

from hela_seg.errors import InputError
from hela_seg.files import whole_file


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
