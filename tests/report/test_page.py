"""A page shows its parts in their order, takes names as text, and appears whole or not at all."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from jinja2 import UndefinedError
from markupsafe import Markup
from pages import ReadPage
from PIL import Image

from hela_seg.report.page import Drawing, Gallery, Page, Picture, Section
from hela_seg.report.tables import Cell, Sheet
from hela_seg.system.errors import InputError

NASTY = "<b>&\"'{{ 1 }}"
SHEET = Sheet("A table", ("Name", "Score"), [(Cell("a"), Cell("0.5", 0.5)), (Cell(NASTY), Cell("n/a"))])


def picture() -> Picture:
    return Picture.of(np.zeros((4, 6, 3), np.uint8), NASTY, NASTY)


def full() -> Page:
    section = Section(
        title=NASTY,
        command=NASTY,
        legend=((NASTY, "#123456"),),
        drawings=(Drawing(Markup("<svg></svg>"), NASTY),),
        galleries=(Gallery((picture(),), NASTY, NASTY),),
        sheets=(SHEET,),
        notes=(NASTY,),
    )
    return Page(NASTY, (section, Section("Second", missing=NASTY)), ((NASTY, NASTY),), (NASTY,))


def test_a_picture_says_its_own_size() -> None:
    found = picture()
    assert (found.width, found.height) == (6, 4)
    assert Image.open(io.BytesIO(found.jpeg)).size == (6, 4)


def test_names_can_do_nothing_but_stand_there() -> None:
    text = full().html
    page = ReadPage(text)
    assert "<b>" not in text
    assert page.unclosed == []
    assert page.headings.count(NASTY) >= 2
    assert page.images[0] == NASTY
    assert page.drawings == [NASTY]


def test_tables_keep_words_and_the_numbers_they_are_sorted_by() -> None:
    page = ReadPage(full().html)
    assert page.table("Name")["a"] == {"Name": "a", "Score": "0.5"}
    assert page.numbers("Name")["a"]["Score"] == 0.5
    assert page.numbers("Name")[NASTY]["Score"] is None


def test_sections_stand_in_their_order_and_what_is_missing_is_said() -> None:
    text = Page("Run", (Section("First", notes=("a note",)), Section("Second", missing="nothing there"))).html
    places = [text.index(words) for words in ("First</h2>", "a note", "Second</h2>", "nothing there")]
    assert places == sorted(places)


def test_a_page_that_cannot_be_made_leaves_the_former_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "report.html"
    Page("One", ()).write(path)
    former = path.read_text(encoding="utf-8")
    with pytest.raises(UndefinedError):
        Page("Two", (Section(sheets=(None,)),)).write(path)  # type: ignore[arg-type]
    assert path.read_text(encoding="utf-8") == former
    assert [entry.name for entry in tmp_path.iterdir()] == ["report.html"]
    with pytest.raises(InputError, match="cannot write"):
        Page("Three", ()).write(path / "below a file.html")
