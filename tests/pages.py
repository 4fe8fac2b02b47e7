"""Reads the pages of reports: what they show, what they ask for, and what they say to who cannot see them."""

from __future__ import annotations

import html.parser
from collections.abc import Iterable

VOID = {"meta", "link", "img", "br", "input"}


class ReadPage(html.parser.HTMLParser):
    """What a page holds.

    Attributes:
        tables: texts of all cells, by table and row.
        values: the numbers that cells are sorted by, by table and row; None where there is none.
        links: what ``src`` and ``href`` point to.
        images: alternative texts of pictures.
        drawings: labels of inline figures.
        headings: texts of all headings.
        commands: lines for the shell.
        facts: names and values at the top.
        ids: of all elements.
        unclosed: elements that were closed in another order than opened.
    """

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tables: list[list[list[str]]] = []
        self.values: list[list[list[float | None]]] = []
        self.links: list[str] = []
        self.images: list[str] = []
        self.drawings: list[str] = []
        self.headings: list[str] = []
        self.commands: list[str] = []
        self._facts: list[str] = []
        self.ids: list[str] = []
        self.unclosed: list[str] = []
        self._open: list[str] = []
        self._text: list[str] | None = None
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag not in VOID:
            self._open.append(tag)
        self._note(tag, given)
        if tag == "table":
            self.tables.append([])
            self.values.append([])
        elif tag == "tr":
            self.tables[-1].append([])
            self.values[-1].append([])
        elif tag in {"td", "th"}:
            self.tables[-1][-1].append("")
            self.values[-1][-1].append(float(given["data-value"]) if "data-value" in given else None)
            self._text = self.tables[-1][-1]
        elif tag in {"h1", "h2", "h3", "pre", "dt", "dd"}:
            self._text = {"pre": self.commands, "dt": self._facts, "dd": self._facts}.get(tag, self.headings)
            self._text.append("")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._note(tag, {name: value or "" for name, value in attrs})

    def handle_endtag(self, tag: str) -> None:
        if not self._open or self._open.pop() != tag:
            self.unclosed.append(tag)
        if tag in {"td", "th", "h1", "h2", "h3", "pre", "dt", "dd"}:
            self._text = None

    def handle_data(self, data: str) -> None:
        if self._text is not None:
            self._text[-1] += data.strip()

    def _note(self, tag: str, given: dict[str, str]) -> None:
        self.links += [given[name] for name in ("src", "href") if name in given]
        if "id" in given:
            self.ids.append(given["id"])
        if tag == "img":
            self.images.append(given.get("alt", ""))
        if given.get("role") == "img":
            self.drawings.append(given.get("aria-label", ""))

    @property
    def facts(self) -> dict[str, str]:
        """Names and values at the top of the page."""
        return dict(zip(self._facts[::2], self._facts[1::2], strict=True))

    def table(self, first: str, *more: str) -> dict[str, dict[str, str]]:
        """Texts of the table whose headings begin so, by first cell and heading."""
        return self._by_name(self.tables, (first, *more))

    def numbers(self, first: str, *more: str) -> dict[str, dict[str, float | None]]:
        """Numbers of the table whose headings begin so, by first cell and heading."""
        return self._by_name(self.values, (first, *more))

    def _by_name(self, cells: list[list[list]], begin: tuple[str, ...]) -> dict[str, dict]:
        place = next(n for n, table in enumerate(self.tables) if tuple(table[0][: len(begin)]) == begin)
        headings, *rows = self.tables[place]
        return {
            row[0]: dict(zip(headings, of_row, strict=True))
            for row, of_row in zip(rows, cells[place][1:], strict=True)
        }


def outside(links: Iterable[str]) -> list[str]:
    """Links that leave the page."""
    return [link for link in links if not link.startswith(("#", "data:"))]
