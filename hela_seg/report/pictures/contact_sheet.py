"""A contact sheet: frames of many series, small, with their masks drawn over them."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from hela_seg.data.checks.examine import THREADS
from hela_seg.data.classes import IGNORE_INDEX, Classes
from hela_seg.data.frames import LabelFrames
from hela_seg.data.labels.readers import LabelReader
from hela_seg.data.layouts import Recording
from hela_seg.data.splits.table import Block
from hela_seg.report.pictures.blending import Picture, blend, fit_panel
from hela_seg.report.pictures.overlay import caption_of, compose, legend_of, write_png
from hela_seg.system.errors import InputError

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

    Above each stand the end of its series' name, its number and its part of the split. Frames that cannot be
    read are left out.

    Returns:
        Whether there was a frame to show; without one, nothing is written.
    """
    places = [(series, t) for series, of in enumerate(recordings) for t in range(of.image.shape[0])]
    count = min(COLUMNS * ROWS, len(places))
    chosen = [places[(2 * number + 1) * len(places) // (2 * count)] for number in range(count)]
    with ThreadPoolExecutor(THREADS) as pool:
        drawn = list(pool.map(lambda place: _panel(recordings[place[0]], reader, classes, place[1]), chosen))
    shown = [(place, panel) for place, panel in zip(chosen, drawn, strict=True) if panel is not None]
    if not shown:
        return False
    panels = [picture for _, (picture, _) in shown]
    parts = {(block.series, t): block.part for block in blocks for t in range(block.start, block.stop)}
    captions = [
        caption_of("", recordings[at].name, f", frame {t}, {parts.get((at, t), 'unused')}", picture)
        for (at, t), (picture, _) in shown
    ]
    legend = legend_of(classes, any(ignored for _, (_, ignored) in shown))
    write_png(path, compose(panels, captions, COLUMNS, legend, title))
    return True


def _panel(
    recording: Recording, reader: LabelReader, classes: Classes, t: int
) -> tuple[Picture, bool] | None:
    """A frame with its labels drawn over it, and whether some pixels are ignored; None if unreadable."""
    try:
        image, labels = recording.image.frame(t), LabelFrames(recording.mask, reader).whole(t)
    except InputError:
        return None
    return blend(*fit_panel(image, labels, PANEL), classes), bool((labels == IGNORE_INDEX).any())
