"""A recording as a film for slides, with the ways of its cells; one cell's life as small pictures."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from hela_seg.data.classes import IGNORE_INDEX, Classes
from hela_seg.data.stacks import PixelSize, Series
from hela_seg.data.stacks.video import format_of, write_video
from hela_seg.report.pictures.blending import Image, Labels, Picture, blend, contrast_of, fit_panel
from hela_seg.report.pictures.overlay import (
    LINE,
    MARGIN,
    NARROWEST,
    SWATCH,
    TITLE,
    compose,
    legend_of,
    line_of_text,
    write_png,
)
from hela_seg.report.pictures.scale import caption_of_frame, draw_scale_bar
from hela_seg.tracking.lives import Life, Lives

LONGEST = 1280 - 2 * MARGIN
"""Pixels of a frame's longer side in a film at most, for a film 1280 wide: a slide shows no more of them."""

ENLARGED = NARROWEST
"""The same of small frames, so that they fill a picture that is no narrower than its legend needs."""

FRAMES_PER_SECOND = 10.0

OUTLINE = 2
"""Pixels: MP4 keeps the colour of every second one, so that a line of one would turn pale."""


TRAIL = 15
"""Frames that a trail goes back."""

STRIP_FRAMES, STRIP_COLUMNS, STRIP_PANEL = 24, 8, 120
"""Most pictures in a strip, how many stand side by side, and the pixels of each one's sides."""

ROOM = 2.6
"""Side of a strip's pictures, in diameters of the cell."""


def write_film(
    path: Path,
    frames: Iterable[tuple[int, Image, Labels]],
    classes: Classes,
    title: str,
    *,
    pixel_size: PixelSize | None = None,
    frame_interval_s: float | None = None,
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
        pixel_size: height and width of a pixel in micrometres.
        frame_interval_s: seconds from frame to frame.
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
    contrast = contrast_of([shown])
    empty = np.zeros((*shown_labels.shape, 3), np.uint8)
    legend = legend_of(classes, False) + ([] if trails is None else [trails.legend])
    page = compose([empty], [""], 1, legend, title)
    odd_height, odd_width = page.shape[0] % 2, page.shape[1] % 2  # which MP4 does not take
    page = np.pad(page, ((0, odd_height), (0, odd_width), (0, 0)), constant_values=255)

    def picture(number: int, image: Image, labels: Labels) -> Picture:
        panel = blend(*fit_panel(image, labels, LONGEST, ENLARGED), classes, contrast, OUTLINE)
        if trails is not None:
            trails.draw(panel, number, len(panel) / len(labels))
        draw_scale_bar(panel, labels.shape, pixel_size)
        ignored = ", hatched: ignored" if (labels == IGNORE_INDEX).any() else ""
        caption = caption_of_frame(number, frame_interval_s) + ignored
        drawn, top = page.copy(), MARGIN + TITLE
        drawn[top : top + LINE, MARGIN:-MARGIN] = line_of_text(caption, page.shape[1] - 2 * MARGIN)
        drawn[top + LINE : top + LINE + len(panel), MARGIN : MARGIN + panel.shape[1]] = panel
        return drawn

    frames_drawn = (picture(*frame) for frame in chain([first], remaining))
    write_video(path, frames_drawn, FRAMES_PER_SECOND, comment)


class Trails:
    """The ways of all cells of a recording, to be drawn on pictures of its frames.

    The stage's drift is no way of a cell: it is taken off. A daughter's trail begins where her mother was.
    """

    def __init__(self, lives: Lives) -> None:
        self._lives = lives
        self._frame = lives.cells["frame"]
        self._places = lives.places
        last_of = [life.rows[-1:] for life in lives.lives]
        self._ways = [
            np.concatenate([last_of[life.parent - 1], life.rows]) if life.parent else life.rows
            for life in lives.lives
        ]

    def draw(self, panel: Picture, t: int, scale: float) -> None:
        """Draw the trails of the cells of frame t on its picture (h, w, 3), in place.

        Args:
            panel: the frame, enlarged or shrunk.
            t: number of the frame.
            scale: pixels of the panel for each of the frame.
        """
        for rows in self._ways:
            if not self._frame[rows[0]] <= t <= self._frame[rows[-1]]:
                continue
            own = rows[(self._frame[rows] <= t) & (self._frame[rows] >= t - TRAIL)]
            places = (self._places[own] + self._lives.drift[t] + 0.5) * scale
            _draw_line(panel, np.rint(places[:, ::-1]).astype(np.int32))

    @property
    def legend(self) -> tuple[str, Picture]:
        """Name and square of the trails."""
        square = np.full((SWATCH, SWATCH, 3), 110, np.uint8)
        _draw_line(square, np.array([[0, SWATCH - 1], [SWATCH * 2 // 3, SWATCH // 3]], np.int32))
        return f"path, last {TRAIL} frames", square


def _draw_line(panel: Picture, points: NDArray[np.int32]) -> None:
    """Draw a trail through points (P, 2) of columns and rows, with a dot at its end."""
    for colour, width in ((0, 3), (255, 1)):  # a dark rim, or white would not be seen on light cells
        cv2.polylines(panel, [points], False, (colour,) * 3, width, cv2.LINE_AA)
    cv2.circle(panel, points[-1].tolist(), 2, (255, 255, 255), -1, cv2.LINE_AA)


def write_strip(
    path: Path, series: Series, class_maps: dict[int, Labels], lives: Lives, life: Life, classes: Classes
) -> None:
    """Write small pictures around one cell, in order of time, as one PNG.

    Args:
        path: the PNG file.
        series: the recording.
        class_maps: (H, W) of the frames of `strip_rows`.
        lives: of the recording.
        life: the cell's.
        classes: the classes that the maps stand for.

    Raises:
        InputError: a frame that cannot be read, or a file that cannot be written.
    """
    rows = strip_rows(life)
    diameter = 2 * np.sqrt(float(lives.cells["area_px"][rows].max()) / np.pi)
    side = max(16, int(np.ceil(ROOM * diameter)))
    crops = [_crop(series, class_maps, lives, int(row), side) for row in rows]
    contrast = contrast_of([image for image, _ in crops])
    panels = [blend(*fit_panel(image, labels, STRIP_PANEL), classes, contrast) for image, labels in crops]
    captions = [caption_of_frame(int(lives.cells["frame"][row]), series.frame_interval) for row in rows]
    short = [caption.split(", ")[-1] for caption in captions]
    legend = legend_of(classes, any((labels == IGNORE_INDEX).any() for _, labels in crops))
    title = f"{series.name}, track {life.track} in the middle"
    write_png(path, compose(panels, short, min(STRIP_COLUMNS, len(panels)), legend, title))


def strip_rows(life: Life) -> NDArray[np.int64]:
    """The rows of a life that a strip shows, evenly spread over it."""
    chosen = np.linspace(0, len(life.rows) - 1, min(len(life.rows), STRIP_FRAMES))
    return np.asarray(life.rows[np.unique(chosen.round().astype(int))])


def _crop(
    series: Series, class_maps: dict[int, Labels], lives: Lives, row: int, side: int
) -> tuple[NDArray[Any], Labels]:
    """The surroundings of a cell, dark and without a class where they lie outside of the frame."""
    t = int(lives.cells["frame"][row])
    top, left = (round(float(lives.cells[name][row])) - side // 2 for name in ("row_px", "column_px"))
    height, width = series.shape[2:]
    outside = [(max(0, -top), max(0, top + side - height)), (max(0, -left), max(0, left + side - width))]
    rows, columns = (slice(max(0, start), max(0, start) + side) for start in (top, left))  # once padded
    labels = np.pad(class_maps[t], outside)[rows, columns]
    if not np.any(outside):
        return series.read(t, rows, columns), labels
    # the whole frame, as it is its lowest grey values that stand outside of it
    return np.pad(series.frame(t), [(0, 0), *outside], mode="minimum")[:, rows, columns], labels
