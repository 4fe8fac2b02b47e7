"""``python -m hela_seg.check data=...``: look at all data once, and say all that is wrong before training."""

from __future__ import annotations

import sys

from hela_seg.cli import main

if __name__ == "__main__":
    # before the imports below, which take seconds that --help need not take
    sys.exit(main("check"))

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from hela_seg.data.checks.examine import Examination, examine
from hela_seg.data.checks.gather import Gathered, gather
from hela_seg.data.checks.verdict import Verdict, judge
from hela_seg.data.datamodule import TimelapseData
from hela_seg.data.splits.split import write_split
from hela_seg.report.findings import print_findings, write_findings
from hela_seg.report.pictures.contact_sheet import write_contact_sheet
from hela_seg.report.tables import print_files
from hela_seg.runs.run_folder import SPLIT_TABLE
from hela_seg.system.errors import InputError
from hela_seg.system.files import make_folder
from hela_seg.system.settings import Group, build, checked

CHECK_JSON = "check.json"
CONTACT_SHEET = "contact_sheet.png"


@dataclass(frozen=True)
class CheckSettings:
    """All settings; see ``conf/check.yaml``."""

    data: Group
    output_dir: str
    seed: int = 0
    trainer: Group | None = None  # of data=synthetic, of no effect here


def check(config: Mapping[str, Any]) -> Verdict:
    """Look at all frames and masks as a configuration says; see ``conf/check.yaml`` for its keys.

    Writes tables to standard output, and check.json, split.csv and a contact sheet into the run's folder.

    Returns:
        What was found, where training would not be wrong.

    Raises:
        InputError: training would be wrong, or the settings cannot be used.
    """
    settings = checked(CheckSettings, config)
    data: TimelapseData = build(settings.data, "data")
    folder = make_folder(Path(settings.output_dir))
    gathered = gather(data)
    examination = _examine(gathered, data)
    verdict = judge(gathered.faults, examination, gathered.blocks, data.classes)
    print_findings(examination, gathered.blocks, data.classes, verdict)
    print_files(_write(folder, gathered, examination, data, verdict))
    if verdict.faults:
        raise InputError(
            f"{len(verdict.faults)} fault(s) that make training wrong, expected none: mend what is listed "
            f"under Faults above and in {folder / CHECK_JSON}"
        )
    return verdict


def _examine(gathered: Gathered, data: TimelapseData) -> Examination:
    frames = sum(recording.image.shape[0] for recording in gathered.recordings)
    console = Console(stderr=True)
    columns = (TextColumn("frames"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("frames", total=frames)
        return examine(gathered.recordings, gathered.blocks, data.labels, lambda: bar.advance(task))


def _write(
    folder: Path, gathered: Gathered, examination: Examination, data: TimelapseData, verdict: Verdict
) -> dict[str, object]:
    """Write all files.

    Returns:
        What each is, and where.
    """
    written: dict[str, object] = {"findings": folder / CHECK_JSON}
    write_findings(folder / CHECK_JSON, examination, gathered.blocks, data.classes, verdict)
    if gathered.blocks:
        names = [recording.name for recording in gathered.recordings]
        written["split"] = folder / SPLIT_TABLE
        write_split(folder / SPLIT_TABLE, gathered.blocks, names)
    sheet, title = folder / CONTACT_SHEET, f"{len(gathered.recordings)} series"
    if write_contact_sheet(sheet, gathered.recordings, gathered.blocks, data.labels, data.classes, title):
        written["contact sheet"] = sheet
    return written
