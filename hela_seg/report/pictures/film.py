"""A recording as a film for slides: every frame with its labels drawn over it, time and scale."""

from __future__ import annotations

import math
from collections.abc import Iterable
from itertools import chain
from pathlib import Path

import numpy as np

from hela_seg.data.classes import IGNORE_INDEX, Classes
from hela_seg.data.stacks import PixelSize
from hela_seg.data.stacks.video import format_of, write_video
from hela_seg.report.pictures.blending import Contrast, Image, Labels, Picture, blend, contrast_of, fit_panel
from hela_seg.report.pictures.overlay import (
    CHARACTER,
    GAP,
    LINE,
    MARGIN,
    TITLE,
    compose,
    legend_of,
    line_of_text,
    rendered,
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

    Each picture is laid out like `hela_seg.report.pictures.overlay.write_overlay`'s, with the time where the
    frame interval is known, and a scale bar where the pixel size is. Frames are shrunk to 1248 pixels of the
    longer side, small ones enlarged by a whole factor. Memory holds a few frames, however many there are.

    Args:
        path: ends in ``.mp4`` or ``.png``; the file appears whole or not at all.
        frames: for each frame, in order of time, its number in the recording counted from 0, image (C, H, W)
            and labels (H, W) uint8; all of one size. They are asked for one by one.
        classes: the classes that the labels stand for.
        title: what stands above, such as the recording's name.
        contrast: see `hela_seg.report.pictures.blending.contrast_of`; by default that of the first frame.
        pixel_size: height and width of a pixel in micrometres.
        frame_interval_s: seconds from frame to frame.
        frames_per_second: how fast it plays.
        comment: what made the film, in ASCII; kept among its metadata.

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
    """A time in hours, minutes and seconds, as far as frames of this interval in seconds need them.

    ``time_stamp(5400, 300) == "1 h 30 min"``, ``time_stamp(75, 5) == "0 h 01 min 15 s"``,
    ``time_stamp(7.5, 2.5) == "0 h 00 min 07.5 s"`` and ``time_stamp(1.5, 0.25) == "1.50 s"``.
    """
    if interval < 1:
        return f"{seconds:.{_decimals(interval)}f} s"
    whole = interval >= SLOW or interval % 1 == 0
    minutes, rest = divmod(round(seconds, 0 if whole else 1), 60)
    stamp = f"{int(minutes // 60)} h {int(minutes % 60):02} min"
    if interval % 60 == 0:
        return stamp
    return f"{stamp} {rest:02.0f} s" if whole else f"{stamp} {rest:04.1f} s"


def _decimals(interval: float) -> int:
    return min(6, 1 - math.floor(math.log10(interval)))


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
        self._page = _even(rendered(compose([empty], [""], 1, legend_of(classes, False), title)))

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
    """A white bar on black with its length in micrometres: 1, 2 or 5 times a power of ten.

    Of rectangular pixels a second bar at the left shows the same length from top to bottom.

    Args:
        width: of the frame in pixels; the bar takes up to a fifth of it, the text no less than it needs.
        pixel_size: height and width of one of these pixels in micrometres.

    Returns:
        (h, w, 3) uint8.
    """
    length = _round_length(LARGEST_BAR * width * pixel_size.width)
    down, pixels = (max(1, round(length / side)) for side in pixel_size)
    text = f"{length:g} µm"
    writing = 255 - _trimmed(line_of_text(text, CHARACTER * len(text)))
    inside = max(pixels, writing.shape[1])
    box = np.zeros((len(writing) + BAR_HEIGHT + 3 * PADDING, inside + 2 * PADDING, 3), np.uint8)
    left = PADDING + (inside - writing.shape[1]) // 2
    box[PADDING : PADDING + len(writing), left : left + writing.shape[1]] = writing
    left = PADDING + (inside - pixels) // 2
    box[-PADDING - BAR_HEIGHT : -PADDING, left : left + pixels] = 255
    return box if _is_square(pixel_size) else _beside_upright(box, down)


def _is_square(pixel_size: PixelSize) -> bool:
    """Up to what shrinking a frame to whole pixels changes."""
    return math.isclose(pixel_size.height, pixel_size.width, rel_tol=0.02)


def _beside_upright(box: Picture, pixels: int) -> Picture:
    """A scale bar with an upright one of so many pixels at its left, the lower ends side by side."""
    height = max(len(box), pixels + 2 * PADDING)
    both = np.zeros((height, box.shape[1] + PADDING + BAR_HEIGHT, 3), np.uint8)
    both[height - len(box) :, PADDING + BAR_HEIGHT :] = box
    both[height - PADDING - pixels : height - PADDING, PADDING : PADDING + BAR_HEIGHT] = 255
    return both


def _round_length(longest: float) -> float:
    power = 10.0 ** math.floor(math.log10(longest))
    return next(step * power for step in (5, 2, 1) if step * power <= longest)


def _trimmed(writing: Picture) -> Picture:
    """Without the white around black writing."""
    rows, columns = (np.flatnonzero((writing < 255).any(axis=axes)) for axes in ((1, 2), (0, 2)))
    return writing[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def _put_in_corner(bar: Picture, panel: Picture) -> None:
    height, width = (min(bar.shape[axis], panel.shape[axis] - GAP) for axis in (0, 1))
    if height > 0 and width > 0:
        panel[-GAP - height : -GAP, -GAP - width : -GAP] = bar[:height, :width]


def _even(page: Picture) -> Picture:
    """With a white row or column at the end where their number is odd."""
    height, width, _ = page.shape
    return np.pad(page, ((0, height % 2), (0, width % 2), (0, 0)), constant_values=255)
