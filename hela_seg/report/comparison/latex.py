"""A comparison as LaTeX tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from hela_seg.comparison import Comparison
from hela_seg.report.comparison.sheets import sheets_of
from hela_seg.report.tables import Sheet

NAME_WIDTHS = {1: 0.3, 2: 0.24}
"""Share of a line's width that each column of names takes, by how many of them there are."""

HEAD = (
    r"% \usepackage{array,booktabs}",
    "% Letters of other scripts than Latin need LuaLaTeX or XeLaTeX, and a font that has them.",
)
_ESCAPES = str.maketrans(
    {character: f"\\{character}" for character in "&%$#_{}"}
    | {character: f"${character}$" for character in "<>|"}
    # after the end of a row these two would be read as its options
    | {character: f"{{{character}}}" for character in "[*"}
    | {
        "\\": r"\textbackslash{}",
        "=": r"=\allowbreak{}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "±": r"$\pm$",
        "Δ": r"$\Delta$",
        "−": "$-$",
        "⁹": r"\textsuperscript{9}",
        "–": "--",
    }
)


def latex(comparisons: Sequence[Comparison], warnings: Sequence[str]) -> str:
    """The tables for a document that uses the packages array and booktabs; notes stand in comments."""
    lines = [*HEAD, *(f"% NOTE: {_one_line(warning)}" for warning in warnings)]
    for comparison in comparisons:
        for sheet in sheets_of(comparison):
            lines += [*_table(sheet), *(f"% {_one_line(note)}" for note in sheet.notes)]
        lines += [f"% {_one_line(note)}" for note in comparison.notes]
    return "\n".join(lines) + "\n"


def _table(sheet: Sheet) -> Iterator[str]:
    # long names are broken, so that a table is no wider than a line
    name = rf">{{\raggedright\arraybackslash\hangindent=1em}}p{{{NAME_WIDTHS[sheet.names]}\linewidth}}"
    columns = name * sheet.names + "r" * (len(sheet.headings) - sheet.names)
    yield r"\begin{table}\footnotesize\setlength{\tabcolsep}{2pt}"
    caveats = [note.removesuffix(".") for note in sheet.notes if note.startswith("Published: ")]
    yield rf"\caption{{{_escaped('. '.join([sheet.title, *caveats]))}.}}"
    yield rf"\begin{{tabular}}{{@{{}}{columns}@{{}}}}"
    yield r"\toprule"
    yield _row(sheet.headings)
    yield r"\midrule"
    yield from (_row([cell.text for cell in row]) for row in sheet.rows)
    yield r"\bottomrule"
    yield r"\end{tabular}"
    yield r"\end{table}"


def _row(texts: Sequence[str]) -> str:
    return rf"{' & '.join(map(_escaped, texts))} \\"


def _escaped(text: str) -> str:
    return _one_line(text).translate(_ESCAPES)


def _one_line(text: str) -> str:
    """An empty line would end a paragraph, and any end of a line a comment."""
    return " ".join(text.split())
