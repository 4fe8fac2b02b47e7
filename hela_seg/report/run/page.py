"""The report of a run as one page, from the files in the run's folder and from its frames.

Every number comes from the files that lie beside the page, so that the two cannot differ. What a run lacks,
or what cannot be read or drawn, is named in its section, and the other sections stand.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

from hela_seg.report.comparison.sheets import interval_cell
from hela_seg.report.page import Page, Section
from hela_seg.report.run.sections import NOT_SCORED, SECTIONS, Material, NotOnThisPageError
from hela_seg.report.run.verdict import foreground_mean_iou, verdict_of
from hela_seg.report.tables import ABSENT, counted, number_cell
from hela_seg.runs import run_folder
from hela_seg.system.errors import InputError

log = logging.getLogger(__name__)

SCORED_BY = "On other frames it is scored by: python -m hela_seg.evaluate best.ckpt data=folder data.root=..."


def write_report(material: Material, warnings: Sequence[str] = ()) -> Path | None:
    """Write the report of a run beside its results; whatever goes wrong with it is only warned of.

    Args:
        material: what is known of the run.
        warnings: what stands above all, a line each, without the full stop.

    Returns:
        Where it is; None where it could not be written.
    """
    path = material.folder / run_folder.REPORT
    try:
        sections = (_section(title, make, material) for title, make in SECTIONS.items())
        shown = tuple(filter(None, sections))
        told = tuple(f"{line[:1].upper()}{line[1:]}." for line in warnings)
        Page(_title(material), shown, tuple(_facts(material)), told, _verdict(material)).write(path)
    # the run's results are whole and must not be lost to a fault in a figure of them
    except Exception as error:
        log.warning("warning: the report could not be written (%s); the results are whole", _text_of(error))
        return None
    return path


def _verdict(material: Material) -> str:
    try:
        return verdict_of(material.run)
    except InputError as error:  # of a damaged file the sections say what is wrong
        return f"{NOT_SCORED} {SCORED_BY}" if str(error) == NOT_SCORED else ""


def _section(title: str, make: Callable[[Material], Section], material: Material) -> Section | None:
    try:
        return replace(make(material), title=title)
    except NotOnThisPageError:
        return None
    except InputError as error:
        return Section(title, missing=str(error))
    except Exception as error:  # a fault of ours in one figure, which the others need not share
        log.warning("warning: the report lacks '%s' (%s)", title, _text_of(error))
        return Section(title, missing=f"This could not be drawn ({_text_of(error)}).")


def _text_of(error: Exception) -> str:
    return str(error) if isinstance(error, InputError) else f"{type(error).__name__}: {error}"


def _title(material: Material) -> str:
    if not material.record.of_net:
        return f"Label images: {material.record.net.get('name', 'unknown')}"
    what = "Training run" if material.command == "train" else "Evaluation"
    return f"{what}: {material.record.kind}"


def _facts(material: Material) -> Iterator[tuple[str, str]]:
    """Names and values at the top of the page."""
    record = material.record
    try:
        counts, iou = material.run.counts, material.row.means["iou"].interval
        interval = f" ({interval_cell(iou).text})" if iou.known else ""
        told = " (95 % interval)" if iou.known else ""
        yield f"m-IoU with the background{told}", f"{number_cell(iou.value).text}{interval}"
        yield "Mean IoU without the background", number_cell(foreground_mean_iou(material.run)).text
        yield "Mean Dice", number_cell(material.row.means["dice"].interval.value).text
        yield "Scored", f"{counted(len(counts), 'frame')} of {len(set(counts.series))} series"
    except InputError:
        yield "m-IoU", ABSENT
    files = material.data.files
    drawn = ", drawn by this program: no real cells" if files.layout == "synthetic" else ""
    yield "Data", f"{files.root.resolve().name} (data={files.layout}{drawn})"
    yield "Folder", material.folder.resolve().name
    yield "Written", f"{date.today():%Y-%m-%d}"
    if record.of_net:
        if material.command == "train":
            yield "Checkpoint", material.checkpoint.relative_to(material.folder).as_posix()
        yield "Parameters", number_cell(record.costs.parameters, ",").text
        yield "Seed", ABSENT if record.seed is None else str(record.seed)
        yield "Device", str(record.hardware.get("device", "unknown"))
