"""The pictures of the README are there, whole, and small."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).parents[1]
LARGEST = 300 * 2**10


def test_pictures_that_the_readme_shows_are_there_and_small() -> None:
    shown = re.findall(r"!\[([^]]+)\]\(([^)]+)\)", (ROOT / "README.md").read_text(encoding="utf-8"))
    assert len(shown) >= 3
    for words, path in shown:
        assert len(words) > 20
        assert 1000 < (ROOT / path).stat().st_size < LARGEST


def test_drawings_are_files_of_their_own() -> None:
    for path in (ROOT / "docs" / "pictures").glob("*.svg"):
        drawing = ElementTree.parse(path)
        assert drawing.getroot().tag == "{http://www.w3.org/2000/svg}svg"
        assert "var(--ink)" in path.read_text(encoding="utf-8")
