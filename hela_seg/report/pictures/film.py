"""A recording as a film for slides: every frame with its labels drawn over it, time and scale."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain
from pathlib import Path

import numpy as np

from hela_seg.data.classes import IGNORE_INDEX, Classes
from hela_seg.data.stacks import PixelSize
from hela_seg.data.stacks.video import format_of, write_video
from hela_seg.report.pictures.blending import Contrast, Image, Labels, Picture, blend, contrast_of, fit_panel
from hela_seg.report.pictures.overlay import LINE, MARGIN, NARROWEST, TITLE, compose, legend_of, line_of_text
from hela_seg.report.pictures.scale import caption_of_frame, draw_scale_bar
from hela_seg.report.pictures.trails import Trails

LONGEST = 1280 - 2 * MARGIN
"""Pixels of a frame's longer side in a film at most, for a film 1280 wide: a slide shows no more of them."""

ENLARGED = NARROWEST
"""The same of small frames, so that they fill a picture that is no narrower than its legend needs."""

OUTLINE = 2
"""Pixels: MP4 keeps the colour of every second one, so that a line of one would turn pale."""


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
    trails: Trails | None = None,
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
        trails: of cells that were followed, drawn over the frames.

    Raises:
        ValueError: no frames, frames of several sizes, or an image and its labels differ in H or W.
        InputError: another ending, the extra ``film`` is not installed, or the file cannot be written.
    """
    format_of(path)
    remaining = iter(frames)
    first = next(remaining, None)
    if first is None:
        raise ValueError("a film needs at least one frame")
    _, image, labels = first
    shown, shown_labels = fit_panel(image, labels, LONGEST, ENLARGED)
    stretched = contrast_of([shown]) if contrast is None else contrast
    empty = np.zeros((*shown_labels.shape, 3), np.uint8)
    legend = legend_of(classes, False) + ([] if trails is None else [trails.legend])
    page = compose([empty], [""], 1, legend, title)
    odd_height, odd_width = page.shape[0] % 2, page.shape[1] % 2  # which MP4 does not take
    page = np.pad(page, ((0, odd_height), (0, odd_width), (0, 0)), constant_values=255)

    def picture(number: int, image: Image, labels: Labels) -> Picture:
        panel = blend(*fit_panel(image, labels, LONGEST, ENLARGED), classes, stretched, OUTLINE)
        if trails is not None:
            trails.draw(panel, number, len(panel) / len(labels))
        draw_scale_bar(panel, labels.shape, pixel_size)
        ignored = ", hatched: ignored" if (labels == IGNORE_INDEX).any() else ""
        return _drawn(page, panel, caption_of_frame(number, frame_interval_s) + ignored)

    frames_drawn = (picture(*frame) for frame in chain([first], remaining))
    write_video(path, frames_drawn, frames_per_second, comment)


def _drawn(page: Picture, panel: Picture, caption: str) -> Picture:
    """A page of `compose` for a frame (H, W, 3) of the film, with its caption above it."""
    page, top = page.copy(), MARGIN + TITLE
    page[top : top + LINE, MARGIN:-MARGIN] = line_of_text(caption, page.shape[1] - 2 * MARGIN)
    page[top + LINE : top + LINE + len(panel), MARGIN : MARGIN + panel.shape[1]] = panel
    return page
