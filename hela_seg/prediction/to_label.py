"""Writes the frames to label next as a CSV table and as a sheet of thumbnails."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from hela_seg.data.classes import IGNORE_INDEX, Classes
from hela_seg.prediction.ranking import Choice
from hela_seg.report.pictures.blending import Image, Labels, blend, fit_panel
from hela_seg.report.pictures.overlay import caption_of, compose, legend_of, write_png
from hela_seg.system.files import write_table

COLUMNS = 5
PANEL = 240
"""Pixels of a thumbnail's longer side."""


def write_ranking(path: Path, choices: Sequence[Choice], names: Sequence[str]) -> None:
    """Write the frames to label as CSV, the first to label in the first row.

    Columns: ``rank`` from 1, ``series``, ``frame`` from 0, ``entropy``, ``distance`` and ``score``.

    Args:
        path: the file; it appears whole or not at all.
        choices: see `hela_seg.prediction.ranking.rank`.
        names: of each recording.

    Raises:
        InputError: the file cannot be written.
    """
    rows = []
    for place, choice in enumerate(choices, start=1):
        frame = choice.candidate
        figures = {"entropy": frame.entropy, "distance": choice.distance, "score": choice.score}
        rows.append(
            {"rank": place, "series": names[frame.series], "frame": frame.t}
            | {name: f"{value:.6g}" for name, value in figures.items()}
        )
    write_table(path, rows, ("rank", "series", "frame", "entropy", "distance", "score"))


def write_ranking_sheet(
    path: Path,
    frames: Iterable[tuple[Choice, Image, Labels]],
    names: Sequence[str],
    classes: Classes,
    title: str,
    comment: str = "",
) -> None:
    """Write the frames to label as thumbnails in a PNG, with what the net sees in them drawn over each.

    Args:
        path: the PNG file; it appears whole or not at all.
        frames: for each choice, in order of rank, its image (C, H, W) and predicted labels (H, W) uint8;
            asked for one by one, and kept as thumbnails only.
        names: of each recording.
        classes: the classes that the labels stand for.
        title: what stands above.
        comment: what made the figure, kept among its metadata.

    Raises:
        ValueError: no frames, or an image and its labels differ in H or W.
        InputError: the file cannot be written.
    """
    panels, captions, ignored = [], [], False
    for place, (choice, image, labels) in enumerate(frames, start=1):
        panels.append(blend(*fit_panel(image, labels, PANEL), classes))
        frame = choice.candidate
        captions.append(caption_of(f"{place}. ", names[frame.series], f", frame {frame.t}", panels[-1]))
        ignored |= bool((labels == IGNORE_INDEX).any())
    if not panels:
        raise ValueError("a sheet needs at least one frame")
    legend = legend_of(classes, ignored)
    write_png(path, compose(panels, captions, min(COLUMNS, len(panels)), legend, title), comment)
