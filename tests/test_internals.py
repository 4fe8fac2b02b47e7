"""Private names of other libraries are used in one file for each library, beside a contract test."""

from __future__ import annotations

import ast
import re
from pathlib import Path

PACKAGE = Path(__file__).parents[1] / "hela_seg"
PRIVATE = re.compile(r"_[a-z]\w*")
OURS = {"_target_", "_replace", "_counts", "_samples"}
"""A key of Hydra, a method of named tuples, and fields that objects of one class read of each other."""

ALLOWED = {
    "cli/run.py": {"_internal"},  # of hydra; tests/test_own_nets_page.py fails where it changes
    "system/hardware.py": {"_is_mkldnn_bf16_supported"},  # of torch, which says in public what the CPU has
    "system/lightning_loops.py": {"_restarting", "_broadcast_sigterm_tensor"},
    "training/ddp.py": {"_parameters", "_buffers", "_non_persistent_buffers_set"},  # of torch.nn.Module
    "train.py": {"_dynamo", "_inductor"},  # of torch, whose exceptions have no public name
}


def private_names(path: Path) -> set[str]:
    """Private attributes of anything but ``self`` and ``cls``, and private parts of imported modules."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Attribute) and not (
            isinstance(node.value, ast.Name) and node.value.id in {"self", "cls"}
        ):
            found.add(node.attr)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.module.startswith("hela_seg"):
            found |= set(node.module.split("."))
        elif isinstance(node, ast.Import):
            found |= {part for alias in node.names for part in alias.name.split(".")}
    return {name for name in found if PRIVATE.fullmatch(name)} - OURS


def test_private_names_of_other_libraries_stand_in_one_file_each() -> None:
    found = {path.relative_to(PACKAGE).as_posix(): private_names(path) for path in PACKAGE.rglob("*.py")}
    outside = {file: names - ALLOWED.get(file, set()) for file, names in found.items()}
    assert {file: names for file, names in outside.items() if names} == {}
