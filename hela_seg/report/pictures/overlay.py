"""Frames of a series with their labels drawn over them, as one picture with a legend."""

from __future__ import annotations

import math
from collections.abc import Sequence
from io import BytesIO
from itertools import chain
from pathlib import Path

import numpy as np
from matplotlib.font_manager import findfont, get_font
from PIL import Image as PillowImage
from PIL import ImageDraw
from PIL.PngImagePlugin import PngInfo

from hela_seg.data.classes import IGNORE_INDEX, Classes
from hela_seg.data.stacks import PixelSize
from hela_seg.report.pictures.blending import IGNORED_GREY, Image, Labels, Picture, blend, fit_panel, stripes
from hela_seg.report.pictures.scale import FONT, TEXT_SIZE, caption_of_frame, draw_scale_bar, font_of
from hela_seg.system.files import whole_file

PNG_EFFORT = 2
"""Compression that takes half the time of Pillow's own and makes files a tenth larger."""

PIXELS_SHOWN = 6 * 512**2
"""Of all frames together: six of 512x512 are shown pixel by pixel, a single one of 1024x1024 too."""

MARGIN, GAP, TITLE, LINE, SWATCH = 16, 12, 36, 24, 14
"""Pixels around the picture, between panels, and the heights of title, line of text and legend's square."""

TITLE_SIZE = 18
"""Height of the title's letters in pixels."""

NARROWEST = 640
CHARACTER = 9
"""Pixels that a character of the legend takes, rather more than less."""


def write_overlay(
    path: Path,
    frames: Sequence[tuple[int, Image, Labels]],
    classes: Classes,
    title: str,
    comment: str = "",
    *,
    pixel_size: PixelSize | None = None,
    frame_interval_s: float | None = None,
) -> None:
    """Write frames of a series with their labels drawn over them as one PNG, with frame numbers and a legend.

    Each has its time where the frame interval is known, and a scale bar where the pixel size is.

    Frames stand in up to three columns. Large ones are shrunk to their panel (the image by area means, the
    labels by nearest neighbour), small ones enlarged by a whole factor; outlines stay one pixel wide.

    Args:
        path: the PNG file.
        frames: number in the series, image (C, H, W) and labels (H, W) uint8 of each; up to six read well.
        classes: the classes that the labels stand for.
        title: such as the series' name.
        comment: kept among the metadata.
        pixel_size: height and width of the images' pixels in micrometres.
        frame_interval_s: seconds from frame to frame.

    Raises:
        ValueError: no frames, or an image and its labels differ in H or W.
        InputError: the file cannot be written.
    """
    if not frames:
        raise ValueError("an overlay needs at least one frame")
    columns = 2 if len(frames) == 4 else min(len(frames), 3)
    longest = int(math.sqrt(PIXELS_SHOWN / len(frames)))
    panels = [blend(*fit_panel(image, labels, longest), classes) for _, image, labels in frames]
    for panel, (_, _, labels) in zip(panels, frames, strict=True):
        draw_scale_bar(panel, labels.shape, pixel_size)
    captions = [caption_of_frame(number, frame_interval_s) for number, _, _ in frames]
    ignored = any((labels == IGNORE_INDEX).any() for _, _, labels in frames)
    write_png(path, compose(panels, captions, columns, legend_of(classes, ignored), title), comment)


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
) -> Picture:
    """Set out title, panels with captions, and legend on white, without resampling a pixel.

    Args:
        panels: (H, W, 3) uint8 each, row by row.
        captions: one above each panel.
        columns: panels in a row.
        legend: names, and squares in their colours; at least one.
        title: stands above all.

    Returns:
        (h, w, 3) uint8.
    """
    panel_height, panel_width = (max(panel.shape[axis] for panel in panels) for axis in (0, 1))
    width = max(NARROWEST, columns * (panel_width + GAP) - GAP + 2 * MARGIN)
    row_height = LINE + panel_height + GAP
    legend_top = MARGIN + TITLE + -(-len(panels) // columns) * row_height
    entry_width = SWATCH + GAP + CHARACTER * (max(len(name) for name, _ in legend) + 2)
    legend_columns = max(1, (width - 2 * MARGIN) // entry_width)
    height = legend_top + -(-len(legend) // legend_columns) * LINE + MARGIN
    page = PillowImage.new("RGB", (width, height), "white")

    _write(page, title, MARGIN, MARGIN, TITLE_SIZE)
    for position, (panel, caption) in enumerate(zip(panels, captions, strict=True)):
        row, column = divmod(position, columns)
        top, left = MARGIN + TITLE + row * row_height, MARGIN + column * (panel_width + GAP)
        _write(page, caption, top, left)
        page.paste(PillowImage.fromarray(panel), (left, top + LINE))
    for position, (name, square) in enumerate(legend):
        row, column = divmod(position, legend_columns)
        top, left = legend_top + row * LINE, MARGIN + column * entry_width
        page.paste(PillowImage.fromarray(square), (left, top))
        _write(page, name, top, left + SWATCH + GAP // 2)
    return np.asarray(page)


def line_of_text(text: str, width: int) -> Picture:
    """A line of black text on white, (LINE, width, 3) uint8, as `compose` writes its captions."""
    line = PillowImage.new("RGB", (width, LINE), "white")
    _write(line, text, 0, 0)
    return np.asarray(line)


def caption_of(before: str, name: str, after: str, panel: Picture) -> str:
    """The caption of a panel (H, W, 3): ``before``, as much of a name's end as there is room for, ``after``.

    Names of series differ at their ends.
    """
    whole = before + name + after
    shortened = (f"{before}…{name[-length:]}{after}" for length in range(len(name) - 1, 3, -1))
    return next(
        (one for one in chain([whole], shortened) if font_of(TEXT_SIZE).getlength(one) <= panel.shape[1]),
        whole,
    )


def write_png(path: Path, picture: Picture, comment: str = "") -> None:
    """Write a picture (H, W, 3) uint8 as PNG, with a comment among its metadata.

    Raises:
        InputError: the file cannot be written.
    """
    metadata = PngInfo()
    metadata.add_itxt("Description", comment)
    content = BytesIO()
    PillowImage.fromarray(picture).save(content, "PNG", compress_level=PNG_EFFORT, pnginfo=metadata)
    with whole_file(path) as part:
        part.write_bytes(content.getvalue())


def drawable(text: str) -> str:
    """Text for Matplotlib's figures: no formula, and a question mark for what their font lacks."""
    font = get_font(findfont(FONT))
    known = "".join(letter if font.get_char_index(ord(letter)) else "?" for letter in text)
    return known.replace("$", r"\$")


def _write(page: PillowImage.Image, text: str, top: int, left: int, size: int = TEXT_SIZE) -> None:
    """Let a line of text hang from row ``top``, starting at column ``left``."""
    ImageDraw.Draw(page).text((left, top), " ".join(text.split()), "black", font_of(size))
