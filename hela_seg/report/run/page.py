"""The report of a run as one page, from the files in the run's folder and from its frames.

Every number comes from the files that lie beside the page, so that the two cannot differ. What a run lacks,
or what cannot be read or drawn, is named in its section, and the other sections stand.
"""

from __future__ import annotations

import logging
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from omegaconf import OmegaConf

from hela_seg.comparison import Comparison, NetRow, compare_runs
from hela_seg.comparison.found import QUALITY, TRACKS, Run, read_run
from hela_seg.data.classes import Classes
from hela_seg.data.datamodule import TimelapseData
from hela_seg.data.splits.split import Block
from hela_seg.report.comparison.sheets import interval_cell
from hela_seg.report.page import Page, Section
from hela_seg.report.pictures.lineage import lineage_drawing
from hela_seg.report.quality import quality_sheets, track_sheets
from hela_seg.report.run.balance import balance_sheet, draw_balance, parts_sheet, split_sheet
from hela_seg.report.run.class_maps import ClassMaps
from hela_seg.report.run.examples import examples_of, training_tiles
from hela_seg.report.run.learning import draw_learning, read_log
from hela_seg.report.run.sheets import (
    class_sheet,
    confusion_sheets,
    cost_sheet,
    series_sheet,
    settings_sheet,
)
from hela_seg.report.run.stability import draw_by_series, draw_over_time, draw_reliability
from hela_seg.report.run.verdict import foreground_mean_iou, verdict_of
from hela_seg.report.tables import ABSENT, counted, number_cell
from hela_seg.runs import records, run_folder
from hela_seg.runs.sweep.folders import JOB_RECORD
from hela_seg.scores.calibration import BINS, curve_of, read_reliability
from hela_seg.system.errors import InputError
from hela_seg.system.ranks import MEETING_POINT, launch_command
from hela_seg.tracking.tables import Followed

log = logging.getLogger(__name__)

MOST_LINEAGES = 3
"""Recordings whose lineages are drawn on the page."""


def write_report(
    folder: Path,
    command: str,
    data: TimelapseData,
    blocks: Sequence[Block],
    maps: ClassMaps | None,
    warnings: Sequence[str] = (),
    followed: Sequence[Followed] = (),
) -> Path | None:
    """Write the report of a run beside its results; whatever goes wrong with it is only warned of.

    Args:
        folder: of the run, with its results.
        command: that made it: ``train``, where the data are prepared for training, or ``evaluate``.
        data: opened.
        blocks: the frames that were scored.
        maps: the class maps that were scored; None where there were none.
        warnings: what stands above all, a line each, without the full stop.
        followed: recordings whose cells were followed.

    Returns:
        Where it is; None where it could not be written.
    """
    try:
        material = Material(folder, command, data, blocks, maps, followed)
        wanted = {title: make for title, make in SECTIONS.items() if followed or make is not _tracks}
        sections = tuple(_section(title, make, material) for title, make in wanted.items())
        told = tuple(f"{line[:1].upper()}{line[1:]}." for line in warnings)
        page = Page(_title(material), _shown(sections), tuple(_facts(material)), told, _verdict(material))
        page.write(folder / run_folder.REPORT)
    # the run's results are whole and must not be lost to a fault in a figure of them
    except Exception as error:
        log.warning("warning: the report could not be written (%s); the results are whole", _text_of(error))
        return None
    return folder / run_folder.REPORT


@dataclass(frozen=True, eq=False)
class Material:
    """What sections are made of, see `write_report`; each part is read when the first section asks for it."""

    folder: Path
    command: str
    data: TimelapseData
    blocks: Sequence[Block]
    maps: ClassMaps | None
    followed: Sequence[Followed] = ()

    @cached_property
    def record(self) -> records.RunRecord:
        """Settings and costs."""
        return records.read_record(self.folder / run_folder.RUN_RECORD)

    @cached_property
    def run(self) -> Run:
        """Record and counted pixels.

        Raises:
            InputError: nothing was scored, or a file is damaged.
        """
        return read_run(self.folder)

    @cached_property
    def comparison(self) -> Comparison:
        """A comparison of this run alone, for its intervals."""
        (comparison,) = compare_runs([self.run])
        return comparison

    @property
    def row(self) -> NetRow:
        """All scores of the run, with intervals."""
        return self.comparison.rows[0]

    @property
    def checkpoint(self) -> Path:
        """The one that was scored: the best, or the last where nothing was validated."""
        best = self.folder / run_folder.CHECKPOINTS / run_folder.BEST_CHECKPOINT
        return best if best.exists() else best.with_name(run_folder.LAST_CHECKPOINT)

    @property
    def prepared(self) -> TimelapseData:
        """The data as training prepared them.

        Raises:
            InputError: nothing was trained.
        """
        if not self.record.of_net:
            raise InputError("Label images were scored, and no net was trained for them here.")
        if self.command != "train":
            raise InputError(NOT_TRAINED)
        return self.data


NOT_TRAINED = "Nothing was trained here: see the report of the training run."
NOT_MEASURED = "Not measured while training: hela_seg.evaluate measures them."


def _shown(sections: Sequence[Section]) -> tuple[Section, ...]:
    """Sections without those that this kind of page never has."""
    return tuple(section for section in sections if section.missing not in (NOT_TRAINED, NOT_MEASURED))


def _verdict(material: Material) -> str:
    try:
        return verdict_of(material.run)
    except InputError:  # nothing was scored, which the sections say
        return ""


def _section(title: str, make: Callable[[Material], Section], material: Material) -> Section:
    try:
        return replace(make(material), title=title)
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


def command_of(folder: Path, command: str, launch: Mapping[str, Any] | None = None) -> str:
    """The line for the shell that repeats a run.

    Args:
        folder: of the run.
        command: that made it.
        launch: how several processes were started for it, see `hela_seg.system.ranks.RankInfo.to_plain`.

    Raises:
        InputError: the run was not begun from a shell.
    """
    path = folder / JOB_RECORD
    if not path.is_file():
        raise InputError(f"There is no {JOB_RECORD}: the run was not begun from a shell.")
    given: Any = OmegaConf.load(path)
    typed = [str(override) for override in given if not str(override).startswith("resume=")]
    words = ["python"] if launch is None else launch_command(**launch)
    return " ".join([*words, "-m", f"hela_seg.{command}", *map(_in_shell, typed)])


def _in_shell(word: str) -> str:
    """A word for the shell; in double quotes where it has single ones, which is easier to read."""
    return f'"{word}"' if "'" in word and not set('"$`\\!') & set(word) else shlex.quote(word)


def _scores(material: Material) -> Section:
    sheet = class_sheet(material.run, material.row)
    notes = list(material.comparison.notes)
    if material.command == "train" and not material.run.quality:
        checkpoint = shlex.quote(str(material.checkpoint))
        notes.append(f"Boundaries and cells are measured by: python -m hela_seg.evaluate {checkpoint}")
    return Section(sheets=(sheet,), notes=tuple(notes))


def _confusion(material: Material) -> Section:
    return Section(sheets=confusion_sheets(material.run))


def _quality(material: Material) -> Section:
    quality = material.run.quality
    switched_off = [f"{name}=null" for name in QUALITY if name not in quality]
    if not quality:
        raise InputError(NOT_MEASURED if material.command == "train" else _off(switched_off))
    notes = (_off(switched_off),) if switched_off else ()
    return Section(sheets=tuple(quality_sheets(quality, material.run.classes)), notes=notes)


def _off(switched_off: Sequence[str]) -> str:
    return f"Switched off: {' '.join(switched_off)}."


def _tracks(material: Material) -> Section:
    drawings = tuple(map(lineage_drawing, material.followed[:MOST_LINEAGES]))
    more = len(material.followed) - MOST_LINEAGES
    notes = (f"Not shown: lineages of {counted(more, 'further recording')}.",) if more > 0 else ()
    return Section(sheets=tuple(track_sheets(material.run.quality[TRACKS])), drawings=drawings, notes=notes)


def _learning(material: Material) -> Section:
    classes = material.prepared.classes
    path = material.folder / run_folder.LOGS / run_folder.METRICS_TABLE
    drawings = draw_learning(read_log(path), classes)
    if not drawings:
        raise InputError(f"{path} holds no losses and no scores.")
    notes = ("Scores of training are those of augmented tiles, those of validation of tiles on a grid.",)
    return Section(drawings=drawings, notes=notes)


def _examples(material: Material) -> Section:
    run = material.run
    if material.maps is None:
        raise InputError("No frame was predicted.")
    galleries = examples_of(material.data, material.blocks, material.maps, run.counts)
    if not galleries:
        raise InputError("No frame has a score.")
    note = (
        "Frames by their own m-IoU. In errors, wrong pixels have the colour of the class that was found "
        "there. Hatched pixels count nowhere."
    )
    return Section(legend=_legend(run.classes), galleries=galleries, notes=(note,))


def _variation(material: Material) -> Section:
    run = material.run
    drawn = (draw_over_time(run.counts, run.classes), draw_by_series(run.counts, run.classes))
    missing = (
        "No course over time: no series has two scored frames.",
        "No spread over series: fewer than two have a score.",
    )
    return Section(
        drawings=tuple(drawing for drawing in drawn if drawing is not None),
        sheets=(series_sheet(run),),
        notes=tuple(why for drawing, why in zip(drawn, missing, strict=True) if drawing is None),
    )


def _calibration(material: Material) -> Section:
    if not material.record.of_net:
        raise InputError("Label images hold classes and do not say how sure their program was of them.")
    right, path = int(np.trace(material.run.counts.pooled)), material.folder / run_folder.RELIABILITY
    counts = read_reliability(path)
    if int(counts[:, 1].sum()) != right:
        raise InputError(f"{path} does not belong to the confusion matrix of this run.")
    curve = curve_of(counts)
    if not len(curve.share):
        raise InputError("No pixel was scored.")
    note = (
        f"Confidence: the probability of the class chosen. {BINS} bins; expected calibration error (Guo et "
        "al. 2017): the mean gap between confidence and share of right pixels, over all pixels. Neighbouring "
        "pixels are no independent witnesses."
    )
    return Section(drawings=(draw_reliability(curve),), notes=(note,))


def _balance(material: Material) -> Section:
    rows, classes = material.record.split, material.data.classes
    if material.command == "train":
        pixels: Mapping[Any, Any] = material.data.survey.pixels
    else:  # the masks of the scored frames alone were read
        pixels = {"scored": material.run.counts.pooled.sum(axis=1)}
    return Section(
        legend=_legend(classes),
        drawings=(draw_balance(pixels, classes),),
        sheets=(balance_sheet(pixels, classes), parts_sheet(rows), split_sheet(rows)),
    )


def _tiles(material: Material) -> Section:
    data = material.prepared
    return Section(legend=_legend(data.classes), galleries=(training_tiles(data),))


def _command(material: Material) -> Section:
    launch = material.record.launch if material.command == "train" else None
    notes: tuple[str, ...] = ()
    if launch is not None and launch["launcher"] == "srun":
        notes = ("What else srun was given, such as GPUs and a partition, is not known here.",)
    elif launch is not None and launch["nodes"] > 1:
        notes = (f"To be started on each node; {MEETING_POINT}: a free port of one of them.",)
    return Section(command=command_of(material.folder, material.command, launch), notes=notes)


def _costs(material: Material) -> Section:
    if not material.record.of_net:
        raise InputError("What it cost to make label images elsewhere is not known here.")
    return Section(sheets=(cost_sheet(material.record),))


def _settings(material: Material) -> Section:
    record = material.record
    facts = {"Hardware": record.hardware, "Versions": record.versions, "Settings": record.config}
    sheets = tuple(settings_sheet(title, values) for title, values in facts.items() if values)
    return Section(sheets=sheets, folded=True)


def _legend(classes: Classes) -> tuple[tuple[str, str], ...]:
    return tuple((entry.name, entry.colour) for entry in classes)


SECTIONS: dict[str, Callable[[Material], Section]] = {
    "Scores by class": _scores,
    "Confusion matrix": _confusion,
    "Boundaries and cells": _quality,
    "Tracks": _tracks,
    "Learning curves": _learning,
    "Best, median and worst frame": _examples,
    "Over time and by series": _variation,
    "Calibration": _calibration,
    "Split and class balance": _balance,
    "Training tiles": _tiles,
    "Command": _command,
    "Costs": _costs,
    "Settings, versions and hardware": _settings,
}
"""What makes each section, by its title, in the order of the page; `InputError` says why there is none."""
