"""Figures as text: in the colours of the page, the same each time, with nothing that leads outside."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from markupsafe import Markup
from matplotlib.figure import Figure
from PIL import Image

from hela_seg.report.pictures.drawings import (
    INK,
    LINE,
    PAPER,
    QUIET,
    WIDTH,
    add_legend,
    panel,
    themed_svg,
    write_figure,
)
from hela_seg.report.pictures.overlay import drawable
from hela_seg.system.errors import InputError


def drawn() -> Markup:
    figure, (axes,) = panel()
    axes.plot([0, 1], [0, 1], "o-", color=INK, markerfacecolor=PAPER, label=drawable("$x_1$"))
    axes.set_xlabel("Epoch")
    add_legend(axes)
    return themed_svg(figure)


def test_colours_are_those_of_the_page() -> None:
    svg = drawn()
    assert not [colour for colour in (INK, QUIET, LINE, PAPER) if colour in svg]
    for name in ("ink", "quiet", "line", "paper"):
        assert f"var(--{name})" in svg


def test_a_class_keeps_its_colour_also_one_that_is_easily_typed() -> None:
    figure, (axes,) = panel()
    for colour in ("#123456", "#234567", "#345678", "#456789"):
        axes.plot([0, 1], color=colour)
    assert all(colour in themed_svg(figure) for colour in ("#123456", "#234567", "#345678", "#456789"))


def test_the_same_figure_is_the_same_text() -> None:
    assert drawn() == drawn()


def test_names_of_one_figure_cannot_be_those_of_another_and_all_references_lead_somewhere() -> None:
    svg = drawn()
    names = set(re.findall(r' id="([^"]+)"', svg))
    assert not [name for name in names if re.fullmatch(r"[a-zA-Z.]+_\d+", name)]
    assert set(re.findall(r'href="#([^"]+)"|url\(#([^)]+)\)', svg)) <= {
        pair for name in names for pair in ((name, ""), ("", name))
    }
    assert "http" not in svg


def test_text_is_text_in_the_letters_of_the_page_and_no_formula() -> None:
    svg = drawn()
    assert re.search(r"<text[^>]*>Epoch</text>", svg)
    assert "$x_1$" in svg
    assert "DejaVu" not in svg
    assert svg.count("system-ui, sans-serif") == svg.count("<text")


def test_panels_stand_below_each_other_and_share_what_is_across() -> None:
    figure, (above, below) = panel(rows=2, height=2.0, ratios=(3.0, 1.0))
    assert tuple(figure.get_size_inches()) == (WIDTH, 2.0)
    above.set_xlim(0, 7)
    assert below.get_xlim() == (0, 7)
    figure.canvas.draw()
    assert above.get_position().y0 > below.get_position().y1
    assert above.get_position().height > 2.5 * below.get_position().height


def test_a_legend_below_stands_outside_of_the_axes() -> None:
    figure, (axes,) = panel()
    for name in "abcd":
        axes.plot([0, 1], label=name)
    add_legend(axes)
    assert axes.get_legend() is None
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["a", "b", "c", "d"]


def test_png_and_svg_are_written_the_same_each_time(tmp_path: Path) -> None:
    for name in ("a.png", "b.png", "a.svg", "b.svg"):
        figure = Figure(figsize=(4, 3))
        figure.subplots().plot([0, 1])
        write_figure(tmp_path / name, figure, "made by a test")
    contents = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert contents["a.png"] == contents["b.png"]
    assert contents["a.svg"] == contents["b.svg"]
    assert b"made by a test" in contents["a.svg"]
    with Image.open(tmp_path / "a.png") as image:
        assert image.info["Description"] == "made by a test"
        assert image.size == (400, 300)


def test_other_endings_and_folders_that_cannot_be_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"ends in '\.gif', expected \.png or \.svg"):
        write_figure(tmp_path / "a.gif", Figure())
    (tmp_path / "taken").write_text("", encoding="utf-8")
    with pytest.raises(InputError, match="cannot write"):
        write_figure(tmp_path / "taken" / "a.png", Figure())
