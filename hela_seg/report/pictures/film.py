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
from hela_seg.report.pictures.scale import caption_of_frame, draw_scale_bar, scale_bar_of
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
    template = _Template(first, classes, title, contrast, pixel_size, frame_interval_s, trails)
    pictures = (template.draw(*frame) for frame in chain([first], remaining))
    write_video(path, pictures, frames_per_second, comment)


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
        trails: Trails | None,
    ) -> None:
        _, image, labels = first
        panel_image, panel_labels = fit_panel(image, labels, LONGEST, ENLARGED)
        self._classes, self._interval, self._trails = classes, frame_interval_s, trails
        self._contrast = contrast_of([panel_image]) if contrast is None else contrast
        height, width = panel_labels.shape
        self._bar = scale_bar_of(panel_labels.shape, labels.shape, pixel_size)
        empty = np.zeros((height, width, 3), np.uint8)
        self._page = _even(compose([empty], [""], 1, legend_of(classes, False), title))

    def draw(self, number: int, image: Image, labels: Labels) -> Picture:
        """One picture (H, W, 3) uint8, of even H and W."""
        panel = blend(*fit_panel(image, labels, LONGEST, ENLARGED), self._classes, self._contrast, OUTLINE)
        if self._trails is not None:
            self._trails.draw(panel, number, len(panel) / len(labels))
        draw_scale_bar(self._bar, panel)
        page, top = self._page.copy(), MARGIN + TITLE
        page[top : top + LINE, MARGIN:-MARGIN] = self._caption(number, labels, page.shape[1] - 2 * MARGIN)
        page[top + LINE : top + LINE + len(panel), MARGIN : MARGIN + panel.shape[1]] = panel
        return page

    def _caption(self, number: int, labels: Labels, width: int) -> Picture:
        caption = caption_of_frame(number, self._interval)
        if (labels == IGNORE_INDEX).any():
            caption += ", hatched: ignored"
        return line_of_text(caption, width)


def _even(page: Picture) -> Picture:
    """With a white row or column at the end where their number is odd."""
    height, width, _ = page.shape
    return np.pad(page, ((0, height % 2), (0, width % 2), (0, 0)), constant_values=255)
