"""The map at the head of each package names every file in it, for those who come to read."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "hela_seg"
MAPS = [
    path
    for path in sorted(PACKAGE.rglob("__init__.py"))
    if path.parent.name != "models"  # whose table names the classes, by the paper's names
]


@pytest.mark.parametrize("path", MAPS, ids=lambda path: path.parent.name)
def test_a_rooms_map_names_all_its_files(path: Path) -> None:
    found = {entry.stem for entry in path.parent.glob("[a-z]*.py")}
    found |= {entry.parent.name for entry in path.parent.glob("*/__init__.py")}
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    assert found - set(re.findall(r"``([a-z0-9_]+)``", text)) == set()
