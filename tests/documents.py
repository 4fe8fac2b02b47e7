"""What stands in the code blocks of a page of the documentation."""

from __future__ import annotations

import re
from pathlib import Path


def blocks(page: Path, language: str = "python") -> list[str]:
    """The code blocks of a language."""
    text = page.read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def commands(page: Path) -> list[str]:
    """The lines for the shell, those that go on behind a backslash as one."""
    joined = (block.replace("\\\n", " ") for block in blocks(page, "bash"))
    return [line for block in joined for line in block.splitlines()]
