"""A recording as a film for slides: every frame with its labels drawn over it, time and scale."""

from __future__ import annotations

import math
from collections.abc import Iterable
from itertools import chain
from pathlib import Path

import numpy as np
from PIL import Image as PillowImage
from PIL import ImageDraw

from hela_seg.data.classes import IGNORE_INDEX, Classes
from hela_seg.data.stacks import PixelSize
from hela_seg.data.stacks.video import format_of, write_video
from hela_seg.report.pictures.blending import Contrast, Image, Labels, Picture, blend, contrast_of, fit_panel
from hela_seg.report.pictures.overlay import (
    GAP,
    LINE,
    MARGIN,
    TEXT_SIZE,
    TITLE,
    compose,
    font_of,
    legend_of,
    line_of_text,
)

LONGEST = 1280 - 2 * MARGIN
"""Pixels of a frame's longer side in a film at most, for a film 1280 wide: a slide shows no more of them."""

LARGEST_BAR = 0.2
"""Of a frame's width, the most that the scale bar takes."""

SLOW = 10
"""Seconds from frame to frame, from which on half a second does not matter."""

OUTLINE = 2
"""Pixels: MP4 keeps the colour of every second one, so that a line of one would turn pale."""

BAR_HEIGHT, PADDING = 4, 5
"""Pixels of the scale bar's thickness, and around it and its text."""


def write_film(
    path: Path,
    frames: Iterable[tuple[int, Image, Labels]],
    classes: Classes,
    title: str,
    *,
    contrast: Contrast | None = None,
    pixel_size: PixelSize | None = None,
    frame_interval_s: float | None = None,
    frames_per_second: float = 10.0,
    comment: str = "",
) -> None:
    """Write frames of a recording with their labels drawn over them as MP4 or animated PNG.

    Each picture is laid out as by `write_overlay`, with the time where the frame interval is known, and a
    scale bar where the pixel size is. Frames are shrunk to 1248 pixels of the longer side, small ones
    enlarged by a whole factor. Memory holds a few frames, however many there are.

    Args:
        path: ends in ``.mp4`` or ``.png``.
        frames: number in the recording from 0, image (C, H, W) and labels (H, W) uint8 of each frame, in
            order of time and all of one size; asked for one by one.
        classes: the classes that the labels stand for.
        title: such as the recording's name.
        contrast: see `hela_seg.report.pictures.blending.contrast_of`; by default that of the first frame.
        pixel_size: height and width of a pixel in micrometres.
        frame_interval_s: seconds from frame to frame.
        frames_per_second: how fast it plays.
        comment: in ASCII, kept among the metadata.

    Raises:
        ValueError: no frames, frames of several sizes, or an image and its labels differ in H or W.
        InputError: another ending, the extra ``film`` is not installed, or the file cannot be written.
    """
    format_of(path)
    remaining = iter(frames)
    first = next(remaining, None)
    if first is None:
        raise ValueError("a film needs at least one frame")
    template = _Template(first, classes, title, contrast, pixel_size, frame_interval_s)
    pictures = (template.draw(*frame) for frame in chain([first], remaining))
    write_video(path, pictures, frames_per_second, comment)


def time_stamp(seconds: float, interval: float) -> str:
    """A time in hours and minutes, and in seconds as far as frames of this interval in seconds need them.

    ``time_stamp(5400, 300) == "1 h 30 min"``, ``time_stamp(75, 5) == "0 h 01 min 15 s"``,
    ``time_stamp(7.5, 2.5) == "0 h 00 min 07.5 s"`` and ``time_stamp(1.5, 0.25) == "1.50 s"``.
    """
    if interval < 1:
        return f"{seconds:.{min(6, 1 - math.floor(math.log10(interval)))}f} s"
    decimals = 1 if interval < SLOW and interval % 1 else 0
    minutes, rest = divmod(round(seconds, decimals), 60)
    stamp = f"{int(minutes // 60)} h {int(minutes % 60):02} min"
    return stamp if interval % 60 == 0 else f"{stamp} {rest:0{4 if decimals else 2}.{decimals}f} s"


class _Template:
    """What all pictures of a film have in common, drawn once; made from the first frame."""

    def __init__(
        self,
        first: tuple[int, Image, Labels],
        classes: Classes,
        title: str,
        contrast: Contrast | None,
        pixel_size: PixelSize | None,
        frame_interval_s: float | None,
    ) -> None:
        _, image, labels = first
        panel_image, panel_labels = fit_panel(image, labels, LONGEST)
        self._classes, self._interval = classes, frame_interval_s
        self._contrast = contrast_of([panel_image]) if contrast is None else contrast
        height, width = panel_labels.shape
        self._bar: Picture | None = None
        if pixel_size is not None:
            down, across = (n / shown for n, shown in zip(labels.shape, (height, width), strict=True))
            self._bar = scale_bar(width, PixelSize(pixel_size.height * down, pixel_size.width * across))
        empty = np.zeros((height, width, 3), np.uint8)
        self._page = _even(compose([empty], [""], 1, legend_of(classes, False), title))

    def draw(self, number: int, image: Image, labels: Labels) -> Picture:
        """One picture (H, W, 3) uint8, of even H and W."""
        panel = blend(*fit_panel(image, labels, LONGEST), self._classes, self._contrast, OUTLINE)
        if self._bar is not None:
            _put_in_corner(self._bar, panel)
        page, top = self._page.copy(), MARGIN + TITLE
        page[top : top + LINE, MARGIN:-MARGIN] = self._caption(number, labels, page.shape[1] - 2 * MARGIN)
        page[top + LINE : top + LINE + len(panel), MARGIN : MARGIN + panel.shape[1]] = panel
        return page

    def _caption(self, number: int, labels: Labels, width: int) -> Picture:
        caption = f"frame {number}"
        if self._interval is not None:
            caption += f", {time_stamp(number * self._interval, self._interval)}"
        if (labels == IGNORE_INDEX).any():
            caption += ", hatched: ignored"
        return line_of_text(caption, width)


def scale_bar(width: int, pixel_size: PixelSize) -> Picture:
    """A white bar on black, (h, w, 3) uint8, with its length: 1, 2 or 5 times a power of ten micrometres.

    Of rectangular pixels a second bar at the left shows the same length from top to bottom.

    Args:
        width: of the frame in pixels; the bar takes up to a fifth of it, the text as much as it needs.
        pixel_size: height and width of one of these pixels in micrometres.
    """
    longest = LARGEST_BAR * width * pixel_size.width
    power = 10.0 ** math.floor(math.log10(longest))
    length = next(step * power for step in (5, 2, 1) if step * power <= longest)
    down, pixels = (max(1, round(length / side)) for side in pixel_size)
    text = f"{length:g} µm"
    left, top, right, bottom = font_of(TEXT_SIZE).getbbox(text)
    box_width = max(pixels, math.ceil(right - left)) + 2 * PADDING
    text_height = math.ceil(bottom - top)
    box = PillowImage.new("RGB", (box_width, text_height + BAR_HEIGHT + 3 * PADDING))
    draw = ImageDraw.Draw(box)
    draw.text(((box_width - right - left) / 2, PADDING - top), text, "white", font_of(TEXT_SIZE))
    start, below = (box_width - pixels) // 2, text_height + 2 * PADDING
    draw.rectangle((start, below, start + pixels - 1, below + BAR_HEIGHT - 1), "white")
    # shrinking a frame to whole pixels changes their sides by a little
    is_square = math.isclose(pixel_size.height, pixel_size.width, rel_tol=0.02)
    return np.asarray(box) if is_square else _beside_upright(np.asarray(box), down)


def _beside_upright(box: Picture, pixels: int) -> Picture:
    """A scale bar with an upright one of so many pixels at its left, the lower ends side by side."""
    height = max(len(box), pixels + 2 * PADDING)
    both = np.zeros((height, box.shape[1] + PADDING + BAR_HEIGHT, 3), np.uint8)
    both[height - len(box) :, PADDING + BAR_HEIGHT :] = box
    both[height - PADDING - pixels : height - PADDING, PADDING : PADDING + BAR_HEIGHT] = 255
    return both


def _put_in_corner(bar: Picture, panel: Picture) -> None:
    height, width = (min(bar.shape[axis], panel.shape[axis] - GAP) for axis in (0, 1))
    if height > 0 and width > 0:
        panel[-GAP - height : -GAP, -GAP - width : -GAP] = bar[:height, :width]


def _even(page: Picture) -> Picture:
    """With a white row or column at the end where their number is odd."""
    height, width, _ = page.shape
    return np.pad(page, ((0, height % 2), (0, width % 2), (0, 0)), constant_values=255)
