"""What a check of the data found: tables for people, JSON for machines."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.text import Text

from hela_seg.data.checks.examine import Examination, SeriesFacts
from hela_seg.data.checks.verdict import Verdict
from hela_seg.data.classes import Classes
from hela_seg.data.grey_values import PERCENTILES
from hela_seg.data.labels.balance import balanced_weights
from hela_seg.data.splits.table import Block, Part, rows_of_blocks
from hela_seg.report.tables import (
    ABSENT,
    Cell,
    Sheet,
    counted,
    number_cell,
    print_plain,
    print_sheet,
    print_split,
)
from hela_seg.system.errors import lines_by_kind
from hela_seg.system.files import whole_file

SERIES_SHOWN, SERIES_BESIDE_FAULTS = 20, 5
"""Most series with a line of their own in print, and where faults are to be seen."""

KINDS_SHOWN = 8
"""Most kinds of faults, and of warnings, in print."""

Counts = npt.NDArray[np.int64]


def print_findings(
    examination: Examination,
    blocks: Sequence[Block],
    classes: Classes,
    verdict: Verdict,
    console: Console | None = None,
) -> None:
    """Print series, classes, split, and then a line for each kind of warnings and faults.

    Where there are faults, tables of many series give way to them.
    """
    console = console or Console()
    shown = SERIES_BESIDE_FAULTS if verdict.faults else SERIES_SHOWN
    if examination.series:
        print_sheet(_series_sheet(examination.series, shown), console)
        print_sheet(_classes_sheet(examination, classes), console)
    if blocks and (not verdict.faults or len(blocks) <= shown):
        print_split(blocks, [facts.recording.name for facts in examination.series], console)
    for title, lines, style in (("Warnings", verdict.warnings, "yellow"), ("Faults", verdict.faults, "red")):
        if lines:
            print_plain(Text(title, style=f"bold {style}"), console)
        kinds = lines_by_kind(lines)
        if (left := len(kinds) - KINDS_SHOWN) > 0:
            kinds[KINDS_SHOWN:] = [f"and {counted(left, 'more kind')}, see check.json"]
        for line in kinds:
            console.print(Text(f"  {line}"), soft_wrap=True, highlight=False)


def write_findings(
    path: Path, examination: Examination, blocks: Sequence[Block], classes: Classes, verdict: Verdict
) -> None:
    """Write all of it as JSON.

    Keys: ``faults`` and ``warnings`` (lines), ``series``, ``classes`` (with pixels and frames that hold each,
    by part and in total), ``class_weights`` (balanced over the training pixels, or null), ``split`` (rows)
    and ``alike`` (pairs of frames with the correlation of their images, 1 at most, and whether images and
    masks are the same in every pixel).
    """
    names = [facts.recording.name for facts in examination.series]
    content = {
        "faults": verdict.faults,
        "warnings": verdict.warnings,
        "series": [_series_to_plain(facts) for facts in examination.series],
        "classes": _classes_to_plain(examination, classes),
        "class_weights": _weights(examination),
        "split": rows_of_blocks(blocks, names),
        "alike": [
            {
                **{
                    part: {"series": names[look.series], "frame": look.t}
                    for part, look in zip(pair.parts, (pair.first, pair.second), strict=True)
                },
                "similarity": round(pair.similarity, 3),
                "same": pair.same,
                "same_mask": pair.same_mask,
            }
            for pair in verdict.twins
        ],
    }
    text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    with whole_file(path) as unfinished:
        unfinished.write_text(text, encoding="utf-8")


def _series_sheet(series: Sequence[SeriesFacts], shown: int) -> Sheet:
    rows = []
    for facts in series[:shown]:
        image = facts.recording.image
        frames, channels, height, width = image.shape
        size = f"{height}x{width}" + (f"x{channels}" if channels > 1 else "")
        sides = image.pixel_size or ()
        pixel_size = "x".join(dict.fromkeys(f"{side:.3g}" for side in sides)) or ABSENT
        texts = (facts.recording.name, str(frames), size, str(image.dtype), pixel_size)
        rows.append(tuple(map(Cell, (*texts, *_over_channels(facts)))))
    left = len(series) - shown
    notes = (f"and {left} more series, see check.json",) if left > 0 else ()
    headings = ("Series", "Frames", "Size", "Type", "µm", *(f"{percent:g} %" for percent in PERCENTILES))
    title = "Series: µm a pixel, and percentiles of grey values over all channels"
    return Sheet(title, headings, rows, notes=notes)


def _over_channels(facts: SeriesFacts) -> list[str]:
    """The lowest dark end, the mean middle and the highest bright end."""
    if facts.percentiles is None:
        return [ABSENT] * len(PERCENTILES)
    dark, middle, bright = facts.percentiles.T
    return [
        f"{value:.4g}" if abs(value) < 1000 else f"{value:.0f}"
        for value in (dark.min(), middle.mean(), bright.max())
    ]


def _classes_sheet(examination: Examination, classes: Classes) -> Sheet:
    parts = [part for part in get_args(Part) if part in examination.pixels]
    total, frames = _total(examination.pixels, classes), _total(examination.frames, classes)
    counts_of = (total, *(examination.pixels[part] for part in parts))
    percents = [100 * pixels / max(int(pixels.sum()), 1) for pixels in counts_of]
    weights = _weights(examination) or [math.nan] * len(classes)
    rows = []
    for k, name in enumerate(classes.names):
        share, *in_parts = (number_cell(percent[k], ".2f") for percent in percents)
        counts = (Cell(_short(int(total[k]))), share, number_cell(int(frames[k]), "d"))
        rows.append((Cell(name), *counts, *in_parts, number_cell(weights[k], ".4g")))
    short = (f"{part[:5]}." if len(part) > 5 else part for part in parts)
    title = "Classes: pixels, share in %, frames that hold each, share in each part, balanced weight"
    return Sheet(title, ("Class", "Pixels", "Share", "Frames", *short, "Weight"), rows)


def _short(count: int) -> str:
    """Three digits of a large number: ``_short(4_428_409) == "4.43 M"``."""
    for factor, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if count >= factor:
            return f"{count / factor:.3g} {letter}"
    return str(count)


def _total(by_part: dict[Part | None, Counts], classes: Classes) -> Counts:
    return sum(by_part.values(), np.zeros(len(classes), np.int64))


def _weights(examination: Examination) -> list[float] | None:
    pixels = examination.pixels.get("train")
    return None if pixels is None or not pixels.any() else balanced_weights(pixels.tolist())


def _series_to_plain(facts: SeriesFacts) -> dict[str, Any]:
    image = facts.recording.image
    frames, channels, height, width = image.shape
    return {
        "name": facts.recording.name,
        "image": str(image.path),
        "mask": str(facts.recording.mask.path),
        "frames": frames,
        "channels": channels,
        "height": height,
        "width": width,
        "dtype": str(image.dtype),
        "pixel_size_um": image.pixel_size,
        "frame_interval_s": image.frame_interval,
        "percentiles": list(PERCENTILES),
        "grey_values": None if facts.percentiles is None else facts.percentiles.tolist(),
        "constant_frames": facts.constant,
        "saturated_frames": facts.saturated,
        "faults": facts.faults,
    }


def _classes_to_plain(examination: Examination, classes: Classes) -> list[dict[str, Any]]:
    found = {"pixels": examination.pixels, "frames": examination.frames}
    return [
        {
            **entry,
            **{
                what: {
                    "total": int(_total(by_part, classes)[index]),
                    **{part: int(counts[index]) for part, counts in by_part.items() if part is not None},
                }
                for what, by_part in found.items()
            },
        }
        for index, entry in enumerate(classes.to_plain())
    ]
