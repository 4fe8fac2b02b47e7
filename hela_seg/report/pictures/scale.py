"""What says how large and when: scale bars and times, drawn with the font of all pictures."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
from matplotlib.font_manager import findfont
from PIL import Image as PillowImage
from PIL import ImageDraw, ImageFont

from hela_seg.data.stacks import PixelSize
from hela_seg.report.pictures.blending import Picture

FONT = "DejaVu Sans"
"""Comes with Matplotlib, so it is there on every machine."""

TEXT_SIZE = 14
"""Height of letters in pixels."""

LARGEST_BAR = 0.2
"""Of a frame's width, the most that the scale bar takes."""

SLOW = 10
"""Seconds from frame to frame, from which on half a second does not matter."""

BAR_HEIGHT, PADDING = 4, 5
"""Pixels of the scale bar's thickness, and around it and its text."""

FROM_CORNER = 12
"""Pixels from the scale bar to the sides of its panel."""


@cache
def font_of(size: int) -> ImageFont.FreeTypeFont:
    """The font of all pictures, with letters of so many pixels."""
    return ImageFont.truetype(findfont(FONT), size)


def caption_of_frame(number: int, interval: float | None) -> str:
    """The caption of a frame, with its time where the seconds from frame to frame are known.

    ``caption_of_frame(18, 300) == "frame 18, 1 h 30 min"``.
    """
    return f"frame {number}" + ("" if interval is None else f", {time_stamp(number * interval, interval)}")


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


def draw_scale_bar(panel: Picture, shape: tuple[int, ...], pixel_size: PixelSize | None) -> None:
    """Draw a scale bar into the lower right corner of a panel, in place, where the pixel size is known.

    Args:
        panel: (h, w, 3) of a frame, which it may show larger or smaller.
        shape: H and W of the frame.
        pixel_size: of the frame's pixels.
    """
    if pixel_size is None:
        return
    down, across = (n / of_panel for n, of_panel in zip(shape, panel.shape, strict=False))
    bar = scale_bar(panel.shape[1], PixelSize(pixel_size.height * down, pixel_size.width * across))
    height, width = (min(bar.shape[axis], panel.shape[axis] - FROM_CORNER) for axis in (0, 1))
    if height > 0 and width > 0:
        panel[-FROM_CORNER - height :, -FROM_CORNER - width :][:height, :width] = bar[:height, :width]


def bar_length(width: int, pixel_size: PixelSize) -> float:
    """Micrometres that the scale bar of a frame of so many columns shows."""
    longest = LARGEST_BAR * width * pixel_size.width
    power = 10.0 ** math.floor(math.log10(longest))
    return next(step * power for step in (5, 2, 1) if step * power <= longest)


def scale_bar(width: int, pixel_size: PixelSize) -> Picture:
    """A white bar on black, (h, w, 3) uint8, with its length: 1, 2 or 5 times a power of ten micrometres.

    Of rectangular pixels a second bar at the left shows the same length from top to bottom.

    Args:
        width: of the frame in pixels; the bar takes up to a fifth of it, the text as much as it needs.
        pixel_size: height and width of one of these pixels in micrometres.
    """
    length = bar_length(width, pixel_size)
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
