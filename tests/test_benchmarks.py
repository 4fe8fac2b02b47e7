"""The scripts under tests/benchmarks are run by hand; what they import is there all the same."""

from __future__ import annotations

import ast
import json
import runpy
import sys
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


@pytest.mark.slow
def test_the_benchmark_of_a_gpu_runs_to_its_end_on_a_cpu(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = Path(__file__).parent / "benchmarks" / "gpu.py"
    parts = ["peaks", "steps", "loader", "prediction", "bare"]  # no compiler is asked for
    monkeypatch.setattr(sys, "argv", [str(script), str(tmp_path), "--small", "--parts", *parts])
    runpy.run_path(str(script), run_name="__main__")
    found = json.loads((tmp_path / "gpu.json").read_text())
    assert [part for part in parts if "failed" in found[part]] == []
    assert found["steps"]["resnet34_unet"]["bf16-mixed"]["full step"] > 0
    assert found["prediction"]["class maps alone"] > found["prediction"]["net alone"] > 0
    assert (tmp_path / "kernels_resnet34_unet.txt").stat().st_size > 0
    assert "| 32-true, TF32 off |" in (tmp_path / "gpu.md").read_text()
