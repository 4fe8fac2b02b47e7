"""A run's report: all that its folder says, and what its net makes of its frames, as one page.

Every number comes from the files that lie beside it, so that none can differ from these. What a run lacks, or
what cannot be read or drawn, is named in its section, and the rest stands.
"""

from __future__ import annotations

import logging
import re
import shlex
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from omegaconf import OmegaConf

from hela_seg import runs
from hela_seg.classes import Classes
from hela_seg.comparison import Comparison, NetRow, compare_runs
from hela_seg.comparison.found import Run, read_run
from hela_seg.data.datamodule import TimelapseData
from hela_seg.data.splits import Block
from hela_seg.errors import InputError
from hela_seg.inference import Predictor
from hela_seg.reliability import BINS, curve_of, read_reliability
from hela_seg.report.balance import Pixels, balance_sheet, draw_balance, parts_sheet, split_sheet
from hela_seg.report.examples import Scored, examples_of, training_tiles
from hela_seg.report.holding import draw_by_series, draw_over_time, draw_reliability
from hela_seg.report.learning import draw_learning, read_log
from hela_seg.report.page import Page, Section
from hela_seg.report.run_sheets import (
    ABSENT,
    class_sheet,
    confusion_sheets,
    cost_sheet,
    series_sheet,
    words_sheet,
)
from hela_seg.report.sheets import ends, number

log = logging.getLogger(__name__)

OVERRIDES = Path(".hydra") / "overrides.yaml"


def write_report(
    folder: Path, command: str, data: TimelapseData, blocks: Sequence[Block], predictor: Predictor | None
) -> Path | None:
    """Write the report of a run beside its results; whatever goes wrong with it is only warned of.

    Args:
        folder: of the run, with its results.
        command: that made it: ``train``, where the data are prepared for training, or ``evaluate``.
        data: opened.
        blocks: the frames that were scored.
        predictor: that they were scored with; None where there were none.

    Returns:
        Where it is; None where it could not be written.
    """
    try:
        material = _Material(folder, command, data, blocks, predictor)
        _page(material).write(folder / runs.REPORT)
    # the run's results are whole and must not be lost to a fault in a figure of them
    except Exception as error:
        log.warning("warning: the report could not be written (%s); the results are whole", _said(error))
        return None
    return folder / runs.REPORT


def _said(error: Exception) -> str:
    return str(error) if isinstance(error, InputError) else f"{type(error).__name__}: {error}"


def command_of(folder: Path, command: str) -> str:
    """The line for the shell that makes a run like this one anew.

    Raises:
        InputError: the run was not begun from a shell.
    """
    path = folder / OVERRIDES
    if not path.is_file():
        raise InputError(f"There is no {OVERRIDES}: the run was not begun from a shell.")
    given: Any = OmegaConf.load(path)
    typed = [str(override) for override in given if not str(override).startswith("resume=")]
    return " ".join(["python", "-m", f"hela_seg.{command}", *map(_for_shell, typed)])


def _for_shell(override: str) -> str:
    """In quotes where needed; in double ones around Hydra's own."""
    if "'" not in override:
        return shlex.quote(override)
    return '"' + re.sub(r'([\\"$`])', r"\\\1", override) + '"'


@dataclass(frozen=True, eq=False)
class _Material:
    """What sections are made of, each part read when the first one asks for it."""

    folder: Path
    command: str
    data: TimelapseData
    blocks: Sequence[Block]
    predictor: Predictor | None

    @cached_property
    def record(self) -> runs.RunRecord:
        return runs.read_record(self.folder / runs.RUN_RECORD)

    @cached_property
    def run(self) -> Run:
        return read_run(self.folder)

    @cached_property
    def comparison(self) -> Comparison:
        """Of this run alone, for its intervals."""
        (comparison,) = compare_runs([self.run])
        return comparison

    @property
    def row(self) -> NetRow:
        return self.comparison.rows[0]

    @property
    def prepared(self) -> TimelapseData:
        """The data as training prepared them."""
        if self.command != "train":
            raise InputError("Nothing was trained here: see the report of the training run.")
        return self.data


def _page(material: _Material) -> Page:
    sections: dict[str, Callable[[_Material], Section]] = {
        "Scores by class": _scores,
        "Confusion matrix": _confusion,
        "Learning curves": _learning,
        "Best, median and worst frame": _examples,
        "Over time and by series": _holding,
        "Calibration": _calibration,
        "Split and class balance": _balance,
        "Training tiles": _tiles,
        "Command": _command,
        "Costs": lambda of: Section("", sheets=(cost_sheet(of.record),)),
        "Settings, versions and hardware": _settings,
    }
    made = tuple(_attempt(title, make, material) for title, make in sections.items())
    what = "Training run" if material.command == "train" else "Evaluation"
    return Page(f"{what}: {_kind(material.record)}", made, tuple(_facts(material)))


def _attempt(title: str, make: Callable[[_Material], Section], material: _Material) -> Section:
    try:
        return replace(make(material), title=title)
    except InputError as error:
        return Section(title, missing=str(error))
    except Exception as error:  # a fault of ours in one figure, which the others need not share
        log.warning("warning: the report lacks '%s' (%s)", title, _said(error))
        return Section(title, missing=f"This could not be drawn ({_said(error)}).")


def _kind(record: runs.RunRecord) -> str:
    return str(record.net.get("_target_", "net")).split(".")[-2:][0]


def _facts(material: _Material) -> Iterator[tuple[str, str]]:
    record = material.record
    try:
        counts, iou = material.run.counts, material.row.means["iou"].interval
        interval = f" ({ends(iou).text})" if iou.known else ""
        yield "m-IoU (95 % interval)", f"{number(iou.value, absent=ABSENT).text}{interval}"
        yield "Mean Dice", number(material.row.means["dice"].interval.value, absent=ABSENT).text
        yield "Scored", f"{len(counts)} frame(s) of {len(set(counts.series))} series"
    except InputError:
        yield "m-IoU", ABSENT
    yield "Parameters", f"{record.costs.parameters:,}"
    yield "Seed", str(record.seed)
    yield "Device", str(record.hardware.get("device", "unknown"))


def _scores(material: _Material) -> Section:
    return Section(
        "", sheets=(class_sheet(material.run, material.row),), notes=tuple(material.comparison.notes)
    )


def _confusion(material: _Material) -> Section:
    return Section("", sheets=confusion_sheets(material.run))


def _learning(material: _Material) -> Section:
    classes = material.prepared.classes
    path = material.folder / runs.LOGS / runs.METRICS_TABLE
    drawings = draw_learning(read_log(path), classes)
    if not drawings:
        raise InputError(f"{path} holds no losses and no scores.")
    notes = ("Scores of training are those of augmented tiles, those of validation of tiles on a grid.",)
    return Section("", drawings=drawings, notes=notes)


def _examples(material: _Material) -> Section:
    run = material.run
    if material.predictor is None:
        raise InputError("No frame was predicted.")
    galleries = examples_of(
        Scored(material.data, material.blocks, material.predictor), run.counts, run.classes
    )
    if not galleries:
        raise InputError("No frame has a score.")
    note = (
        "Frames by their own m-IoU. In errors, wrong pixels have the colour of the class that was predicted "
        "there. Hatched pixels count nowhere."
    )
    return Section("", legend=_legend(run.classes), galleries=galleries, notes=(note,))


def _holding(material: _Material) -> Section:
    run = material.run
    drawn = (draw_over_time(run.counts, run.classes), draw_by_series(run.counts, run.classes))
    missing = (
        "No course over time: no series has two scored frames.",
        "No spread over series: fewer than two have a score.",
    )
    return Section(
        "",
        drawings=tuple(drawing for drawing in drawn if drawing is not None),
        sheets=(series_sheet(run),),
        notes=tuple(why for drawing, why in zip(drawn, missing, strict=True) if drawing is None),
    )


def _calibration(material: _Material) -> Section:
    right, path = int(np.trace(material.run.counts.pooled)), material.folder / runs.RELIABILITY
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
    return Section("", drawings=(draw_reliability(curve),), notes=(note,))


def _balance(material: _Material) -> Section:
    rows = material.record.split
    parts, table = parts_sheet(rows), split_sheet(rows)
    classes, pixels = material.data.classes, _pixels(material)
    drawing = draw_balance(pixels, classes)
    return Section(
        "",
        legend=_legend(classes),
        drawings=(drawing,),
        sheets=(balance_sheet(pixels, classes), parts, table),
    )


def _pixels(material: _Material) -> Pixels:
    """Of each class by part; without training, of the scored frames alone, whose masks were read."""
    if material.command == "train":
        return material.data.survey.pixels
    return {"scored": material.run.counts.pooled.sum(axis=1)}


def _tiles(material: _Material) -> Section:
    data = material.prepared
    return Section("", legend=_legend(data.classes), galleries=(training_tiles(data),))


def _command(material: _Material) -> Section:
    return Section("", command=command_of(material.folder, material.command))


def _settings(material: _Material) -> Section:
    record = material.record
    return Section(
        "",
        sheets=(
            words_sheet("Hardware", record.hardware),
            words_sheet("Versions", record.versions),
            words_sheet("Settings", record.config),
        ),
        folded=True,
    )


def _legend(classes: Classes) -> tuple[tuple[str, str], ...]:
    return tuple((entry.name, entry.colour) for entry in classes)
