"""A contact sheet: frames of many series, small, with their masks drawn over them."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np

from hela_seg.data.checks.examine import THREADS
from hela_seg.data.classes import IGNORE_INDEX, Classes
from hela_seg.data.frames import LabelFrames
from hela_seg.data.labels.readers import LabelReader
from hela_seg.data.layouts import Recording
from hela_seg.data.splits.table import Block
from hela_seg.report.pictures.blending import Picture, blend, fit_panel
from hela_seg.report.pictures.overlay import caption_of, compose, legend_of, png_of
from hela_seg.system.errors import InputError
from hela_seg.system.files import whole_file

COLUMNS, ROWS = 5, 4
PANEL = 240
"""Pixels of a panel's longer side."""


def write_contact_sheet(
    path: Path,
    recordings: Sequence[Recording],
    blocks: Sequence[Block],
    reader: LabelReader,
    classes: Classes,
    title: str,
) -> bool:
    """Write up to 20 frames, evenly spread over all series and all time, as one PNG.

    Above each stand the end of its series' name, its number and its part. Frames that cannot be read are left
    out; where none can, nothing is written.

    Args:
        path: the PNG file; it appears whole or not at all.
        recordings: images and masks.
        blocks: the split.
        reader: of the masks.
        classes: of the data.
        title: what stands above.

    Returns:
        Whether there was a frame to show.

    Raises:
        InputError: the file cannot be written.
    """
    chosen = _chosen(recordings)
    with ThreadPoolExecutor(THREADS) as pool:
        drawn = list(pool.map(lambda place: _panel(recordings[place[0]], reader, classes, place[1]), chosen))
    shown = [(place, panel) for place, panel in zip(chosen, drawn, strict=True) if panel is not None]
    if not shown:
        return False
    captions = [
        caption_of("", recordings[series].name, f", t={t}, {_part(blocks, series, t)}", panel.picture)
        for (series, t), panel in shown
    ]
    legend = legend_of(classes, any(panel.ignored for _, panel in shown))
    figure = compose([panel.picture for _, panel in shown], captions, COLUMNS, legend, title)
    with whole_file(path) as part:
        part.write_bytes(png_of(figure))
    return True


def _chosen(recordings: Sequence[Recording]) -> list[tuple[int, int]]:
    """Series and frame of those to show, in order."""
    ends = np.cumsum([recording.image.shape[0] for recording in recordings])
    total = int(ends[-1]) if len(ends) else 0
    count = min(COLUMNS * ROWS, total)
    chosen = [(2 * place + 1) * total // (2 * count) for place in range(count)]
    series = [int(np.searchsorted(ends, frame, side="right")) for frame in chosen]
    return [(s, f - int(ends[s]) + recordings[s].image.shape[0]) for s, f in zip(series, chosen, strict=True)]


class _Panel(NamedTuple):
    """A frame with its labels drawn over it, and whether pixels of it are ignored ones."""

    picture: Picture
    ignored: bool


def _panel(recording: Recording, reader: LabelReader, classes: Classes, t: int) -> _Panel | None:
    """A frame as it is shown; None where it cannot be read, which is said among the faults."""
    try:
        image, labels = recording.image.frame(t), LabelFrames(recording.mask, reader).whole(t)
    except InputError:
        return None
    return _Panel(blend(*fit_panel(image, labels, PANEL), classes), bool((labels == IGNORE_INDEX).any()))


def _part(blocks: Sequence[Block], series: int, t: int) -> str:
    return next((b.part for b in blocks if b.series == series and b.start <= t < b.stop), "unused")
