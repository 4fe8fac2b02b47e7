"""A run's report: all that its folder says, and what was made of its frames, as one page.

Every number comes from the files that lie beside it, so that none can differ from these. What a run lacks, or
what cannot be read or drawn, is named in its section, and the rest stands.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from hela_seg.data.datamodule import TimelapseData
from hela_seg.data.splits.split import Block
from hela_seg.report.comparison.sheets import ends, number
from hela_seg.report.page import Page, Section
from hela_seg.report.run.class_maps import ClassMaps
from hela_seg.report.run.run_sheets import ABSENT
from hela_seg.report.run.sections import SECTIONS, Material
from hela_seg.runs import run_folder
from hela_seg.system.errors import InputError

log = logging.getLogger(__name__)


def write_report(
    folder: Path,
    command: str,
    data: TimelapseData,
    blocks: Sequence[Block],
    maps: ClassMaps | None,
    warning: str = "",
) -> Path | None:
    """Write the report of a run beside its results; whatever goes wrong with it is only warned of.

    Args:
        folder: of the run, with its results.
        command: that made it: ``train``, where the data are prepared for training, or ``evaluate``.
        data: opened.
        blocks: the frames that were scored.
        maps: what was scored of them; None where there were none.
        warning: a sentence that stands above all.

    Returns:
        Where it is; None where it could not be written.
    """
    try:
        material = Material(folder, command, data, blocks, maps)
        _page(material, warning).write(folder / run_folder.REPORT)
    # the run's results are whole and must not be lost to a fault in a figure of them
    except Exception as error:
        log.warning("warning: the report could not be written (%s); the results are whole", _said(error))
        return None
    return folder / run_folder.REPORT


def _said(error: Exception) -> str:
    return str(error) if isinstance(error, InputError) else f"{type(error).__name__}: {error}"


def _page(material: Material, warning: str) -> Page:
    made = tuple(_attempt(title, make, material) for title, make in SECTIONS.items())
    warnings = (f"{warning}.",) if warning else ()
    return Page(_title(material), made, tuple(_facts(material)), warnings)


def _title(material: Material) -> str:
    if not material.record.of_net:
        return f"Label images: {material.record.net.get('name', 'unknown')}"
    what = "Training run" if material.command == "train" else "Evaluation"
    return f"{what}: {material.record.kind}"


def _attempt(title: str, make: Callable[[Material], Section], material: Material) -> Section:
    try:
        return replace(make(material), title=title)
    except InputError as error:
        return Section(title, missing=str(error))
    except Exception as error:  # a fault of ours in one figure, which the others need not share
        log.warning("warning: the report lacks '%s' (%s)", title, _said(error))
        return Section(title, missing=f"This could not be drawn ({_said(error)}).")


def _facts(material: Material) -> Iterator[tuple[str, str]]:
    record = material.record
    try:
        counts, iou = material.run.counts, material.row.means["iou"].interval
        interval = f" ({ends(iou).text})" if iou.known else ""
        yield "m-IoU (95 % interval)", f"{number(iou.value, absent=ABSENT).text}{interval}"
        yield "Mean Dice", number(material.row.means["dice"].interval.value, absent=ABSENT).text
        yield "Scored", f"{len(counts)} frame(s) of {len(set(counts.series))} series"
    except InputError:
        yield "m-IoU", ABSENT
    if not record.of_net:
        return
    yield "Parameters", number(record.costs.parameters, ",", ABSENT).text
    yield "Seed", ABSENT if record.seed is None else str(record.seed)
    yield "Device", str(record.hardware.get("device", "unknown"))
