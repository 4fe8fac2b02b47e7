"""Comparisons as LaTeX tables that keep to the width of a line and the height of a page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from hela_seg.comparison import Comparison
from hela_seg.report.comparison.sheets import Cell, Sheet, sheets_of

LINES = 50
"""Lines of names in a table of one page."""

ROOM = {1: (24, 0.3), 2: (18, 0.24)}
"""By how many columns hold names: characters that fit side by side with the numbers, and for longer names the
share of the line that their columns take."""

HEAD = (
    r"% \usepackage{array,booktabs}",
    "% Tables are as wide as a line: in two columns of text, make them table*.",
    "% Letters of other scripts than Latin need LuaLaTeX or XeLaTeX, and a font that has them.",
)
_ESCAPED = {
    "\\": r"\textbackslash{}",
    **{character: f"\\{character}" for character in "&%$#_{}"},
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "=": r"=\allowbreak{}",
    "±": r"$\pm$",
    "Δ": r"$\Delta$",
    "−": "$-$",
    "<": "$<$",
    ">": "$>$",
    "|": "$|$",
    "⁹": r"\textsuperscript{9}",
    "–": "--",
    # after the end of a row they would mean something
    **{character: f"{{{character}}}" for character in "[*"},
}


def latex(comparisons: Sequence[Comparison], warnings: Sequence[str]) -> str:
    """The sheets as LaTeX tables, for a document that uses the packages array and booktabs.

    Long names are broken, and a table that is longer than a page goes on in another one.

    Args:
        comparisons: one or more tables each.
        warnings: what stands above all tables, as comments.
    """
    lines = [*HEAD, *(f"% NOTE: {_one_line(warning)}" for warning in warnings)]
    for comparison in comparisons:
        for sheet in sheets_of(comparison):
            lines += _tables(sheet)
            lines += [f"% {_one_line(note)}" for note in sheet.notes]
        lines += [f"% {_one_line(note)}" for note in comparison.notes]
    return "\n".join(lines) + "\n"


def _tables(sheet: Sheet) -> Iterator[str]:
    room, share = ROOM[sheet.names]
    longest = max(len(cell.text) for row in sheet.rows for cell in row[: sheet.names])
    broken = rf">{{\raggedright\arraybackslash\hangindent=1em}}p{{{share}\linewidth}}"
    names = "l" if longest <= room else broken
    columns = names * sheet.names + "r" * (len(sheet.headings) - sheet.names)
    rows = LINES // -(-longest // room)
    caveats = [note.removesuffix(".") for note in sheet.notes if note.startswith("Published: ")]
    for start in range(0, len(sheet.rows), rows):
        title = f"{sheet.title}, continued" if start else sheet.title
        yield from _table(
            ". ".join([title, *caveats]), columns, sheet.headings, sheet.rows[start : start + rows]
        )


def _table(
    title: str, columns: str, headings: Sequence[str], rows: Sequence[tuple[Cell, ...]]
) -> Iterator[str]:
    yield r"\begin{table}"
    yield r"\footnotesize"
    yield r"\setlength{\tabcolsep}{2pt}"
    yield r"\setlength{\belowcaptionskip}{6pt}"
    yield r"\renewcommand{\_}{\textunderscore\allowbreak}"
    yield rf"\caption{{{_escaped(title)}.}}"
    yield rf"\begin{{tabular*}}{{\linewidth}}{{@{{\extracolsep{{\fill}}}}{columns}@{{}}}}"
    yield r"\toprule"
    yield _row(headings)
    yield r"\midrule"
    yield from (_row([cell.text for cell in row]) for row in rows)
    yield r"\bottomrule"
    yield r"\end{tabular*}"
    yield r"\end{table}"


def _row(texts: Sequence[str]) -> str:
    return rf"{' & '.join(map(_escaped, texts))} \\"


def _escaped(text: str) -> str:
    return "".join(_ESCAPED.get(character, character) for character in _one_line(text))


def _one_line(text: str) -> str:
    """An empty line would end a paragraph, and any end of a line a comment."""
    return " ".join(text.split())
