"""What each section of a run's report shows, from the files in the run's folder and from its frames.

A section that a run cannot have, or whose file is missing or damaged, is refused with the reason in one line.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from omegaconf import OmegaConf

from hela_seg.comparison.found import QUALITY, TRACKS, Run, read_run
from hela_seg.comparison.notes import hardware_notes
from hela_seg.comparison.rows import Comparison, NetRow, compare_runs
from hela_seg.data.classes import Classes
from hela_seg.data.datamodule import TimelapseData
from hela_seg.data.splits.split import Block
from hela_seg.report.page import Section
from hela_seg.report.pictures.lineage import lineage_drawing
from hela_seg.report.quality import quality_sheets, track_sheets
from hela_seg.report.run.examples import ClassMaps, examples_of, training_tiles
from hela_seg.report.run.figures import draw_learning, draw_over_time, draw_reliability, read_log
from hela_seg.report.run.sheets import (
    MOST_ROWS,
    balance_sheet,
    class_sheet,
    confusion_sheet,
    cost_sheet,
    series_sheet,
    settings_sheet,
)
from hela_seg.report.tables import counted, split_sheet
from hela_seg.runs import records, run_folder
from hela_seg.runs.sweep.folders import JOB_RECORD
from hela_seg.scores.calibration import BINS, curve_of, read_reliability
from hela_seg.system.errors import InputError
from hela_seg.system.ranks import MEETING_POINT, launch_command
from hela_seg.tracking.tables import Followed

MOST_LINEAGES = 3
"""Recordings whose lineages are drawn on the page."""

_QUOTED_NAME = re.compile(r"^([\w.]+=)'(?!(?:null|true|false|nan|inf)$)([A-Za-z/][\w./-]*)'$", re.IGNORECASE)
"""A value in quotes that means the same without them."""

NOT_SCORED = "No series is kept for testing, so nothing is scored."


class NotOnThisPageError(InputError):
    """Why a section is left out, where nobody looks for it on this kind of page."""


@dataclass(frozen=True, eq=False)
class Material:
    """What sections are made of; what they need of the run's files is read when the first one asks for it.

    Attributes:
        folder: of the run, with its results.
        command: that made it: ``train``, where the data are prepared for training, or ``evaluate``.
        data: opened.
        blocks: the frames that were scored.
        maps: the class maps that were scored; None where there were none.
        followed: recordings whose cells were followed.
        known: the results, where they have been read from the folder.
    """

    folder: Path
    command: str
    data: TimelapseData
    blocks: Sequence[Block]
    maps: ClassMaps | None
    followed: Sequence[Followed] = ()
    known: Run | None = None

    @cached_property
    def record(self) -> records.RunRecord:
        """Settings and costs."""
        return self.known.record if self.known else records.read_record(self.folder / run_folder.RUN_RECORD)

    @cached_property
    def run(self) -> Run:
        """Record and counted pixels.

        Raises:
            InputError: nothing was scored, or a file is damaged.
        """
        if self.command == "train" and not self.blocks:
            raise NotOnThisPageError(NOT_SCORED)
        return self.known or read_run(self.folder)

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
            raise NotOnThisPageError("Label images were scored, and no net was trained for them here.")
        if self.command != "train":
            raise NotOnThisPageError("Nothing was trained here: see the report of the training run.")
        return self.data


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
    word = _QUOTED_NAME.sub(r"\1\2", word)
    return f'"{word}"' if "'" in word and not set('"$`\\!') & set(word) else shlex.quote(word)


def _scores(material: Material) -> Section:
    sheet = class_sheet(material.run, material.row)
    of_costs = hardware_notes([material.run])  # below these, where they belong
    return Section(
        sheets=(sheet,), notes=tuple(note for note in material.comparison.notes if note not in of_costs)
    )


def _quality(material: Material) -> Section:
    quality, frames = material.run.quality, len(material.run.counts)
    switched_off = [f"{name}=null" for name in QUALITY if name not in quality]
    notes = [f"Switched off: {' '.join(switched_off)}."] if switched_off else []
    if len(switched_off) == len(QUALITY):
        raise InputError(*notes)
    measured = min(quality[name]["frames"] for name in QUALITY if name in quality)
    if measured < frames:
        checkpoint = shlex.quote(str(material.checkpoint))
        notes.append(
            f"Training measures boundaries and cells of {measured} of the {frames} test frames, at even "
            f"intervals, to end in time. All are measured by: python -m hela_seg.evaluate {checkpoint}"
        )
    return Section(sheets=tuple(quality_sheets(quality, material.run.classes)), notes=tuple(notes))


def _tracks(material: Material) -> Section:
    if not material.followed:
        raise NotOnThisPageError("No tracks were scored.")
    drawings = tuple(map(lineage_drawing, material.followed[:MOST_LINEAGES]))
    more = len(material.followed) - MOST_LINEAGES
    notes = (f"Not shown: lineages of {counted(more, 'further recording')}.",) if more > 0 else ()
    return Section(sheets=tuple(track_sheets(material.run.quality[TRACKS])), drawings=drawings, notes=notes)


def _learning(material: Material) -> Section:
    classes = material.prepared.classes
    path = material.folder / run_folder.LOGS / run_folder.METRICS_TABLE
    log = read_log(path)
    drawings = draw_learning(log, classes)
    if not drawings:
        raise InputError(f"{path} holds no losses and no scores.")
    note = "Training is scored on augmented tiles, validation on tiles side by side over whole frames."
    if max(len(logged.epochs) for logged in log.values()) > 1:
        return Section(drawings=drawings, notes=(note,))
    told = "One epoch was trained, too few for curves."
    return Section(notes=(told, *(drawing.caption for drawing in drawings), note))


def _examples(material: Material) -> Section:
    run = material.run
    if material.maps is None:
        raise InputError("No frame was predicted.")
    galleries = examples_of(
        material.data,
        material.blocks,
        material.maps,
        run.counts,
        "prediction" if material.record.of_net else "labels",
    )
    if not galleries:
        raise InputError("No frame has a score.")
    note = (
        "Frames by their own m-IoU. In errors, wrong pixels have the colour of the class that was found "
        "there. Hatched pixels count nowhere."
    )
    if all(material.data.recordings[block.series].image.pixel_size is None for block in material.blocks):
        note += " There is no scale bar, since the images do not state the size of their pixels."
    return Section(legend=_legend(run.classes), galleries=galleries, notes=(note,))


def _variation(material: Material) -> Section:
    run = material.run
    over_time = draw_over_time(run.counts, run.classes)
    sheets = (series_sheet(run),) if len(set(run.counts.series)) > 1 else ()
    if over_time is None and not sheets:
        raise NotOnThisPageError("A single image has no course over time and no other series beside it.")
    return Section(drawings=() if over_time is None else (over_time,), sheets=sheets)


def _calibration(material: Material) -> Section:
    if not material.record.of_net:
        raise NotOnThisPageError("Label images do not say how sure their program was of the classes.")
    right, path = int(np.trace(material.run.counts.pooled)), material.folder / run_folder.RELIABILITY
    counts = read_reliability(path)
    if int(counts[:, 1].sum()) != right:
        raise InputError(f"{path} does not belong to the confusion matrix of this run.")
    curve = curve_of(counts)
    if not len(curve.share):
        raise InputError("No pixel was scored.")
    note = (
        "Confidence: the probability that the net gives to the class that it chooses. By it, pixels are put "
        f"into {BINS} bins; the expected calibration error (Guo et al. 2017) is the gap between the mean "
        "confidence of a bin and its share of right pixels, averaged over all pixels."
    )
    return Section(drawings=(draw_reliability(curve),), notes=(note,))


def _balance(material: Material) -> Section:
    split, data = split_sheet(material.record.split, MOST_ROWS), material.data
    # of an evaluation the pixels of each class stand beside their scores, and no other masks were read
    trained = material.command == "train"
    return Section(sheets=(balance_sheet(data.survey.pixels, data.classes), split) if trained else (split,))


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
        raise NotOnThisPageError("What it cost to make label images elsewhere is not known here.")
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
    "Confusion matrix": lambda material: Section(sheets=(confusion_sheet(material.run),)),
    "Boundaries and cells": _quality,
    "Tracks": _tracks,
    "Learning curves": _learning,
    "Best, median and worst frame": _examples,
    "Over time and by series": _variation,
    "Calibration": _calibration,
    "Split and class balance": _balance,
    "Training tiles": lambda material: Section(
        legend=_legend(material.prepared.classes), galleries=(training_tiles(material.prepared),)
    ),
    "Command": _command,
    "Costs": _costs,
    "Settings, versions and hardware": _settings,
}
"""What makes each section, by its title, in the order of the page; `InputError` says why there is none."""
