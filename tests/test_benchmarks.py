"""The scripts under tests/benchmarks are run by hand; what they import is there all the same."""

from __future__ import annotations

import ast
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest

SCRIPTS = sorted((Path(__file__).parent / "benchmarks").glob("*.py"))


@pytest.mark.parametrize("script", SCRIPTS, ids=[script.stem for script in SCRIPTS])
def test_a_benchmark_imports_names_that_are_there(script: Path) -> None:
    for node in ast.walk(ast.parse(script.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.ImportFrom) or not str(node.module).startswith("hela_seg"):
            continue
        module = import_module(str(node.module))
        missing = [
            alias.name
            for alias in node.names
            if not hasattr(module, alias.name) and find_spec(f"{node.module}.{alias.name}") is None
        ]
        assert missing == []
