"""Frames of a series with their labels drawn over them, as one figure with a legend."""

from __future__ import annotations

import math
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import findfont, get_font

from hela_seg.data.classes import IGNORE_INDEX, Classes
from hela_seg.report.pictures.blending import IGNORED_GREY, Image, Labels, Picture, blend, fit_panel, stripes
from hela_seg.system.files import whole_file

PNG_EFFORT = 2
"""Compression that takes half the time of Pillow's own and makes files a tenth larger."""

LARGEST_FILE = 2 * 2**20
PIXELS_SHOWN = 6 * 512**2
"""Of all frames together: six of 512x512 are shown pixel by pixel, a single one of 1024x1024 too."""

DOTS_PER_INCH = 100
MARGIN, GAP, TITLE, LINE, SWATCH = 16, 12, 36, 24, 14
"""Pixels around the figure, between panels, and the heights of title, line of text and legend's square."""

NARROWEST_FIGURE = 640
CHARACTER = 9
"""Pixels that a character of the legend takes, rather more than less."""


def write_overlay(
    path: Path,
    frames: Sequence[tuple[int, Image, Labels]],
    classes: Classes,
    title: str,
    comment: str = "",
) -> None:
    """Write frames of a series with their labels drawn over them as one PNG, with frame numbers and a legend.

    Frames stand in up to three columns. Large ones are shrunk to their panel (the image by area means, the
    labels by nearest neighbour), small ones enlarged by a whole factor; outlines stay one pixel of the figure
    wide. Where noise would make the file larger than 2 MiB, panels are made smaller until it is not.

    Args:
        path: the PNG file; it appears whole or not at all.
        frames: for each frame to show its number in the series, image (C, H, W) and labels (H, W) uint8; one
            to six frames read well.
        classes: the classes that the labels stand for.
        title: what stands above, such as the series' name.
        comment: what made the figure, kept among its metadata.

    Raises:
        ValueError: no frames, or an image and its labels differ in H or W.
        InputError: the file cannot be written.
    """
    if not frames:
        raise ValueError("an overlay needs at least one frame")
    columns = 2 if len(frames) == 4 else min(len(frames), 3)
    longest = int(math.sqrt(PIXELS_SHOWN / len(frames)))
    png = _draw(frames, classes, title, comment, columns, longest)
    while len(png) > LARGEST_FILE:
        longest = int(0.95 * longest * math.sqrt(LARGEST_FILE / len(png)))
        png = _draw(frames, classes, title, comment, columns, longest)
    with whole_file(path) as part:
        part.write_bytes(png)


def _draw(
    frames: Sequence[tuple[int, Image, Labels]],
    classes: Classes,
    title: str,
    comment: str,
    columns: int,
    longest: int,
) -> bytes:
    panels = [blend(*fit_panel(image, labels, longest), classes) for _, image, labels in frames]
    captions = [f"frame {number}" for number, _, _ in frames]
    ignored = any((labels == IGNORE_INDEX).any() for _, _, labels in frames)
    return png_of(compose(panels, captions, columns, legend_of(classes, ignored), title), comment)


def legend_of(classes: Classes, ignored: bool) -> list[tuple[str, Picture]]:
    """Names and squares of what is drawn: every class but the background, and ignored pixels if any."""
    square = np.ones((SWATCH, SWATCH, 1), dtype=np.uint8)
    entries = [(c.name, square * np.array(c.rgb, dtype=np.uint8)) for c in classes if c.index > 0]
    if ignored:
        hatched = np.where(stripes((SWATCH, SWATCH))[..., None], IGNORED_GREY, 255)
        entries.append(("ignored", np.repeat(hatched, 3, axis=2).astype(np.uint8)))
    return entries


def compose(
    panels: list[Picture], captions: list[str], columns: int, legend: list[tuple[str, Picture]], title: str
) -> Figure:
    """Set out title, panels with captions, and legend, pixel by pixel, so that nothing is resampled.

    Args:
        panels: (H, W, 3) uint8 each, row by row.
        captions: what stands above each panel.
        columns: panels in a row.
        legend: names, and squares in their colours; at least one.
        title: what stands above all.

    Returns:
        A figure to be saved at `DOTS_PER_INCH`.
    """
    panel_height, panel_width = (max(panel.shape[axis] for panel in panels) for axis in (0, 1))
    width = max(NARROWEST_FIGURE, columns * (panel_width + GAP) - GAP + 2 * MARGIN)
    row_height = LINE + panel_height + GAP
    legend_top = MARGIN + TITLE + -(-len(panels) // columns) * row_height
    entry_width = SWATCH + GAP + CHARACTER * (max(len(name) for name, _ in legend) + 2)
    legend_columns = max(1, (width - 2 * MARGIN) // entry_width)
    page = _Page(width, legend_top + -(-len(legend) // legend_columns) * LINE + MARGIN)

    page.write(title, MARGIN, MARGIN, points=13)
    for position, (panel, caption) in enumerate(zip(panels, captions, strict=True)):
        row, column = divmod(position, columns)
        top, left = MARGIN + TITLE + row * row_height, MARGIN + column * (panel_width + GAP)
        page.write(caption, top, left)
        page.paste(panel, top + LINE, left)
    for position, (name, square) in enumerate(legend):
        row, column = divmod(position, legend_columns)
        top, left = legend_top + row * LINE, MARGIN + column * entry_width
        page.paste(square, top, left)
        page.write(name, top, left + SWATCH + GAP // 2)
    return page.figure


def caption_of(before: str, name: str, after: str, panel: Picture) -> str:
    """What stands above a panel, with as much of a name's end as there is room for: names differ there.

    Args:
        before: stands whole before the name.
        name: of a series.
        after: stands whole behind the name.
        panel: (H, W, 3).
    """
    room = max(panel.shape[1] // CHARACTER - len(before) - len(after), 4)
    return before + (name if len(name) <= room else f"…{name[1 - room :]}") + after


def png_of(figure: Figure, comment: str = "") -> bytes:
    """A figure as the content of a PNG file.

    Args:
        figure: of `compose`.
        comment: what made it, kept among its metadata.
    """
    png = BytesIO()
    figure.savefig(
        png,
        format="png",
        dpi=DOTS_PER_INCH,
        metadata={"Description": comment},
        pil_kwargs={"compress_level": PNG_EFFORT},
    )
    return png.getvalue()


def rendered(figure: Figure) -> Picture:
    """A figure as the pixels (H, W, 3) uint8 that a PNG of it would have."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()  # type: ignore[no-untyped-call]  # matplotlib leaves both without a return type
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()  # type: ignore[no-untyped-call]


def line_of_text(text: str, width: int) -> Picture:
    """A line of black text on white, (LINE, width, 3) uint8, as `compose` writes its captions."""
    page = _Page(width, LINE)
    page.write(text, 0, 0)
    return rendered(page.figure)


def drawable(text: str) -> str:
    """Text with a question mark for each character that the font of all figures lacks."""
    font = get_font(findfont("DejaVu Sans"))  # comes with matplotlib, so it is there on every machine
    return "".join(letter if font.get_char_index(ord(letter)) else "?" for letter in text)


class _Page:
    """A white figure, written and pasted on at pixels counted from its upper left corner."""

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        # a hair more than that: matplotlib cuts off what remains of a pixel, and 10.04 x 100 is below 1004
        across, down = (math.nextafter(side / DOTS_PER_INCH, math.inf) for side in (width, height))
        self.figure = Figure(figsize=(across, down), dpi=DOTS_PER_INCH, facecolor="white")

    def paste(self, picture: Picture, top: int, left: int) -> None:
        """Put a picture's upper left pixel at row ``top``, column ``left``."""
        self.figure.figimage(picture, left, self.height - top - len(picture), origin="upper")

    def write(self, text: str, top: int, left: int, points: int = 10) -> None:
        """Let a line of text hang from row ``top``, starting at column ``left``."""
        x, y = left / self.width, 1 - top / self.height
        # a name may hold dollar signs that are no formula, and letters that the font lacks, which would warn
        self.figure.text(
            x, y, drawable(text), fontsize=points, va="top", parse_math=False, family="DejaVu Sans"
        )
