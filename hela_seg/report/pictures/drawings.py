"""Matplotlib's figures as files, and as SVG that takes the colours of the page around it, light or dark."""

from __future__ import annotations

import re
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any

import matplotlib as mpl
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from hela_seg.system.files import whole_file

INK, QUIET, LINE, PAPER = "#c91e85", "#7e02d9", "#f3a917", "#03d4b6"
"""Stand-ins for the page's colours of text, lesser text, grid lines and ground.

In the SVG, a class of exactly such a colour could not be told from the page's, so they are colours without a
pattern, which nobody types.
"""

_OF_PAGE = {INK: "var(--ink)", QUIET: "var(--quiet)", LINE: "var(--line)", PAPER: "var(--paper)"}

WIDTH, HEIGHT = 4.6, 3.0
"""Inches of a figure that can be read on a phone."""

TEXT_POINTS = 9
"""Size of letters."""

DOTS_PER_INCH = 100

PLAIN: dict[Any, Any] = {
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "grid.color": "0.9",
    "grid.linewidth": 0.6,
}
"""Matplotlib's settings for all figures."""

STYLE: dict[Any, Any] = PLAIN | {
    "svg.fonttype": "none",  # text stays text: small, and found by a search on the page
    "font.size": TEXT_POINTS,
    "font.family": "DejaVu Sans",  # wider than what browsers put in its place, so nothing is cut off
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": QUIET,
    "axes.titlesize": 10,
    "grid.color": LINE,
    "xtick.color": QUIET,
    "ytick.color": QUIET,
}
"""Matplotlib's settings for figures of pages."""


def panel(
    rows: int = 1, height: float = HEIGHT, ratios: tuple[float, ...] | None = None
) -> tuple[Figure, list[Axes]]:
    """An empty figure in the style of the pages, and its axes from top to bottom, with one x axis.

    Height is in inches, and ``ratios`` are those of the axes' heights.
    """
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, height), layout="constrained")
        axes = figure.subplots(rows, 1, sharex=True, squeeze=False, height_ratios=ratios)[:, 0]
    return figure, list(axes)


def add_legend(axes: Axes) -> None:
    """Name the lines that have labels below the figure, in up to three columns."""
    names = axes.get_legend_handles_labels()[1]
    rows = -(-len(names) // 3)
    style: dict[str, Any] = {"handlelength": 3.0, "labelcolor": INK, "fontsize": TEXT_POINTS}
    place: dict[str, Any] = {"loc": "outside lower center", "ncols": -(-len(names) // rows)}
    axes.get_figure(root=True).legend(frameon=False, **place, **style)  # type: ignore[union-attr]


def write_figure(path: Path, figure: Figure, comment: str = "") -> None:
    """Write a figure as PNG or SVG; the same figure gives the same bytes.

    Args:
        path: ends in ``.png`` or ``.svg``.
        figure: to be written.
        comment: kept among the metadata.

    Raises:
        ValueError: another ending.
        InputError: the file cannot be written.
    """
    kind = path.suffix.lower().removeprefix(".")
    if kind not in ("png", "svg"):
        raise ValueError(f"{path} ends in '{path.suffix}', expected .png or .svg")
    metadata = {"Description": comment} | ({"Date": None} if kind == "svg" else {})
    content = BytesIO()
    with mpl.rc_context({"svg.hashsalt": "hela_seg"}):  # in place of random names
        figure.savefig(content, format=kind, dpi=DOTS_PER_INCH, metadata=metadata)
    with whole_file(path) as part:
        part.write_bytes(content.getvalue())


def themed_svg(figure: Figure) -> Markup:
    """A figure as SVG to stand inside of a page; the same figure gives the same text.

    What was drawn in `INK`, `QUIET`, `LINE` and `PAPER` takes the page's colours.
    """
    text = StringIO()
    with mpl.rc_context(STYLE | {"svg.hashsalt": "hela_seg"}):
        figure.savefig(text, format="svg", transparent=True)
    svg = text.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>|<!--.*?-->", "", svg, flags=re.DOTALL)
    svg = re.sub(r' xmlns(:\w+)?="[^"]*"| version="1.1"', "", svg).replace("xlink:href", "href")
    # names that nothing refers to, and that all figures of a page have in common
    svg = re.sub(r' id="[a-zA-Z0-9.]+_\d+"', "", svg)
    # Matplotlib writes "font: 9px 'DejaVu Sans', ..." up to 3.10 and a "font-family: ..." by itself since
    svg = re.sub(r"(font(?:-family)?: [^;\"]*?)'DejaVu Sans'[^;\"]*", r"\1system-ui, sans-serif", svg)
    for stand_in, colour in _OF_PAGE.items():
        svg = svg.replace(stand_in, colour)
    return Markup(svg)
