"""The ways of cells drawn over the frames of a film, and one cell's life as small pictures in a row."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from hela_seg.data.classes import IGNORE_INDEX, Classes
from hela_seg.data.stacks import Series
from hela_seg.report.pictures.blending import Labels, Picture, blend, contrast_of, fit_panel
from hela_seg.report.pictures.overlay import SWATCH, compose, legend_of, write_png
from hela_seg.report.pictures.scale import caption_of_frame
from hela_seg.tracking.lives import Life, Lives

TRAIL = 15
"""Frames that a trail goes back."""

STRIP_FRAMES, STRIP_COLUMNS, STRIP_PANEL = 24, 8, 120
"""Most pictures in a strip, how many stand side by side, and the pixels of each one's sides."""

ROOM = 2.6
"""Side of a strip's pictures, in diameters of the cell."""


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
    rows: NDArray[np.int64] = life.rows[np.unique(chosen.round().astype(int))]
    return rows


def _crop(
    series: Series, class_maps: dict[int, Labels], lives: Lives, row: int, side: int
) -> tuple[NDArray[Any], Labels]:
    """The surroundings of a cell, dark and without a class where they lie outside of the frame."""
    t = int(lives.cells["frame"][row])
    image, labels = series.frame(t), class_maps[t]
    top, left = (round(float(lives.cells[name][row])) - side // 2 for name in ("row_px", "column_px"))
    margin = side
    padded = np.pad(image, ((0, 0), (margin, margin), (margin, margin)), mode="minimum")
    padded_labels = np.pad(labels, margin)
    window = slice(top + margin, top + margin + side), slice(left + margin, left + margin + side)
    return padded[(slice(None), *window)], padded_labels[window]
