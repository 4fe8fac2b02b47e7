"""Which files of a folder patterns are held against."""

from __future__ import annotations

from pathlib import Path
from unicodedata import normalize

from empty_files import found, touch


def test_names_are_compared_in_one_form_of_unicode(tmp_path: Path) -> None:
    touch(tmp_path, [normalize("NFD", "Müller/ü.tif"), normalize("NFC", "masks/Müller_ü_für.png")])
    (one,) = found(tmp_path, "{who}/{name}.tif", normalize("NFD", "masks/{who}_{name}_für.png"))
    assert one.name == normalize("NFC", "Müller_ü")


def test_a_link_to_the_folder_above_is_not_followed_for_ever(tmp_path: Path) -> None:
    touch(tmp_path, ["a/x.tif", "a/x.png"])
    (tmp_path / "a" / "up").symlink_to(tmp_path, target_is_directory=True)
    assert [one.name for one in found(tmp_path, "**/{name}.tif", "**/{name}.png")] == ["a_x"]
