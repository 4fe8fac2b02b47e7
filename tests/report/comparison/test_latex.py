"""LaTeX tables hold what is shown elsewhere, escaped, and keep to the width of a line."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from fabricated import frame_counts, write_run

from hela_seg.comparison import Comparison, compare_runs, find_runs
from hela_seg.report.comparison.latex import latex
from hela_seg.report.comparison.sheets import sheets_of

DOCUMENT = r"""\documentclass{article}
\usepackage{array,booktabs}
\begin{document}
\listoftables
\input{comparison.tex}
\end{document}
"""


def compared(folder: Path) -> list[Comparison]:
    return compare_runs(find_runs([folder])[0])


@pytest.fixture
def long_names(tmp_path: Path) -> list[Comparison]:
    """Eight nets with names that take two lines, and a class whose name is full of commands."""
    names = ("background", "50 % & more_#1", "[{spread}\\^~$|<>")
    for place in range(7):
        settings = {"loss": {"gamma": float(place)}}
        write_run(tmp_path / f"{place}", frame_counts(place), "attention_unet", names=names, **settings)
    write_run(tmp_path / "7", frame_counts(7), "resnet34_unet", names=names)
    return compared(tmp_path)


def test_what_latex_would_take_for_commands_is_escaped(long_names: list[Comparison]) -> None:
    text = latex(long_names, ["one & all\nof it"])
    body = [line for line in text.splitlines() if not line.startswith("%")]
    assert r"class 50 \% \& more\_\#1." in text
    assert r"{[}\{spread\}\textbackslash{}\textasciicircum{}\textasciitilde{}\$$|$$<$$>$." in text
    assert r"attention\_unet, loss.gamma=\allowbreak{}5.0 & " in text
    assert "% NOTE: one & all of it" in text.splitlines()
    assert all(letter.isascii() for letter in "".join(body))


def test_each_table_has_all_rows_and_columns(long_names: list[Comparison]) -> None:
    sheets = sheets_of(long_names[0])
    tables = latex(long_names, []).split(r"\begin{table}")[1:]
    assert len(tables) == len(sheets)
    for text, sheet in zip(tables, sheets, strict=True):
        rows = [line for line in text.splitlines() if line.endswith(r" \\")]
        assert len(rows) == 1 + len(sheet.rows)
        assert {len(re.split(r"(?<!\\)&", row)) for row in rows} == {len(sheet.headings)}
        assert text.count(r"p{0.") == sheet.names  # columns that break long names


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no LaTeX on this machine")
def test_latex_sets_the_tables_and_nothing_is_too_wide(long_names: list[Comparison], tmp_path: Path) -> None:
    (tmp_path / "comparison.tex").write_text(latex(long_names, []), encoding="utf-8")
    (tmp_path / "document.tex").write_text(DOCUMENT, encoding="utf-8")
    command = ["pdflatex", "-halt-on-error", "-interaction=nonstopmode", "document.tex"]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, errors="replace")
    assert ended.returncode == 0, ended.stdout[-2000:]
    assert "Overfull" not in ended.stdout
