"""What single sections take from a run's files."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from fabricated import NAMES, frame_counts, write_run
from pages import ReadPage

from hela_seg.data.classes import Classes
from hela_seg.report.page import Page
from hela_seg.report.run.page import write_report
from hela_seg.report.run.sections import SECTIONS, Material, command_of
from hela_seg.runs.records import read_record, write_record
from hela_seg.scores.calibration import CONFIDENCE_STEPS, write_reliability
from hela_seg.scores.confusion import scores_of
from hela_seg.system.errors import InputError
from hela_seg.system.ranks import RankInfo


@dataclass
class Data:
    """What a section asks of the data, where it needs no frame."""

    classes: Classes
    recordings: tuple[Any, ...] = ()
    files: Any = None


@pytest.fixture
def material(tmp_path: Path) -> Material:
    """An evaluation of twelve frames of three recordings."""
    folder = write_run(tmp_path / "run", frame_counts(series=3))
    data: Any = Data(Classes(NAMES), files=SimpleNamespace(layout="synthetic", root=Path("drawn")))
    return Material(folder, "evaluate", data, (), None)


def test_the_command_can_be_typed_again(tmp_path: Path) -> None:
    (tmp_path / ".hydra").mkdir()
    overrides = ["model=unet", "data.root='/my data/$HOME \"x\"!'", "data.classes=[a,b]", "+note=a b&c"]
    kept = [*overrides, "data.images='images.tif'", "+a='null'", "+b='1e3'", "resume=true"]
    (tmp_path / ".hydra" / "overrides.yaml").write_text(json.dumps(kept))
    typed = ["python", "-m", "hela_seg.train", *overrides, "data.images=images.tif", "+a='null'", "+b='1e3'"]
    assert shlex.split(command_of(tmp_path, "train")) == typed


@pytest.mark.parametrize(
    ("launcher", "begins", "has_notes"),
    [
        ("torchrun", "torchrun --standalone --nproc-per-node=2 -m hela_seg.train model=unet", False),
        ("srun", "srun --nodes=1 --ntasks-per-node=2 --kill-on-bad-exit=1 python -m hela_seg.train", True),
    ],
)
def test_the_command_of_several_processes_has_their_launcher(
    launcher: str, begins: str, has_notes: bool, material: Material
) -> None:
    (material.folder / ".hydra").mkdir()
    (material.folder / ".hydra" / "overrides.yaml").write_text("[model=unet]")
    record = read_record(material.folder / "run.json")
    started = RankInfo(0, 2, 0, 2, launcher).to_plain()
    write_record(material.folder / "run.json", replace(record, launch=started))
    section = SECTIONS["Command"](replace(material, command="train"))
    assert section.command is not None
    assert section.command.startswith(begins)
    assert bool(section.notes) == has_notes
    assert SECTIONS["Command"](material).command == "python -m hela_seg.evaluate model=unet"


def test_what_was_not_done_has_a_reason(material: Material) -> None:
    for title in ("Learning curves", "Training tiles"):
        with pytest.raises(InputError, match="Nothing was trained here"):
            SECTIONS[title](material)
    with pytest.raises(InputError, match="No frame was predicted"):
        SECTIONS["Best, median and worst frame"](material)


def calibration_of(material: Material, wrong: int, right: int) -> None:
    counts = np.zeros((CONFIDENCE_STEPS, 2), np.int64)
    counts[-1] = wrong, right
    write_reliability(material.folder / "calibration.csv", counts)


def test_calibration_belongs_to_the_pixels_that_were_right(material: Material) -> None:
    pooled = frame_counts(series=3).pooled
    right = int(np.trace(pooled))
    calibration_of(material, int(pooled.sum()) - right, right)
    (drawing,) = SECTIONS["Calibration"](material).drawings
    assert f"share of right pixels {right / pooled.sum():.4f}" in drawing.caption
    calibration_of(material, right, int(pooled.sum()) - right)
    with pytest.raises(InputError, match="does not belong to the confusion matrix"):
        SECTIONS["Calibration"](material)


@pytest.mark.parametrize(
    ("series", "frames", "drawings", "sheets"), [(3, 12, 1, 1), (1, 12, 1, 0), (3, 3, 0, 1)]
)
def test_a_course_needs_frames_and_a_table_series(
    series: int, frames: int, drawings: int, sheets: int, tmp_path: Path, material: Material
) -> None:
    folder = write_run(tmp_path / "another", frame_counts(series=series, frames=frames))
    section = SECTIONS["Over time and by series"](replace(material, folder=folder))
    assert (len(section.drawings), len(section.sheets)) == (drawings, sheets)


def test_settings_are_closed_at_first(material: Material) -> None:
    section = SECTIONS["Settings, versions and hardware"](material)
    assert section.folded
    assert "<details>" in Page("Run", (section,)).html
    assert not SECTIONS["Costs"](material).folded


def test_the_facts_at_the_top_are_those_of_the_tables(material: Material) -> None:
    expected = scores_of(frame_counts(series=3).pooled)
    path = write_report(material)
    assert path is not None
    facts = ReadPage(path.read_text(encoding="utf-8")).facts
    assert facts["m-IoU with the background (95 % interval)"].startswith(f"{expected.mean_iou:.4f} (")
    assert facts["Mean Dice"] == f"{expected.mean_dice:.4f}"
    assert facts["Mean IoU without the background"] == f"{np.mean(expected.iou[1:]):.4f}"
    assert facts["Data"].startswith("drawn (data=synthetic, drawn by this program")
    assert facts["Scored"] == "12 frames of 3 series"
    assert facts["Parameters"] == "1,234"
