"""The card says what the checkpoint and its run's folder hold."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from hela_seg.cli import main
from hela_seg.formats.card import card, intervals, run_of
from hela_seg.inference import TrainedNet
from hela_seg.runs import read_json


@pytest.fixture(scope="module")
def text(checkpoint: Path) -> str:
    return card(TrainedNet.from_checkpoint(checkpoint))


def test_scores_are_those_of_the_run(text: str, run: Path) -> None:
    scores = read_json(run / "scores.json")
    rows = dict(re.findall(r"^\| (\w+) \| ([\d.]+|-)", text, re.MULTILINE))
    for name, found in (scores["scores"] | {"mean": scores["mean"]}).items():
        assert rows[name] == ("-" if found["iou"] is None else f"{found['iou']:.4f}")
    assert len(scores["scores"]) == 3


def test_intervals_hold_the_scores_and_say_how_many_images_they_rest_on(checkpoint: Path) -> None:
    found = run_of(TrainedNet.from_checkpoint(checkpoint))
    assert found is not None
    by_measure, units = intervals(found)
    assert units == 1
    assert not any(interval.known for interval in by_measure["iou"])
    np.testing.assert_allclose(
        by_measure["iou"][0].value, np.nanmean([i.value for i in by_measure["iou"][1:]])
    )


def test_data_split_use_and_limits_are_stated(text: str) -> None:
    assert text.startswith("# unet, 3 classes\n")
    assert "| train | 3 | 6 |" in text
    assert "| test | 1 | 2 |" in text
    for heading in ("## Data", "## Scores", "## Intended use", "## Limits"):
        assert heading in text
    assert "Few independent test images" in text
    assert max(map(len, text.splitlines())) < 200


def test_a_checkpoint_by_itself_has_no_scores(checkpoint: Path, tmp_path: Path) -> None:
    shutil.copy(checkpoint, tmp_path / "alone.ckpt")
    assert main("export", [str(tmp_path / "alone.ckpt"), "format=card"]) == 0
    text = (tmp_path / "alone.md").read_text(encoding="utf-8")
    assert "No scores stand beside this checkpoint" in text
    assert "| train | 3 | 6 |" in text


def test_scores_of_another_net_in_the_same_folder_are_not_its_own(
    checkpoint: Path, run: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    shutil.copytree(run, folder)
    record = folder / "run.json"
    record.write_text(record.read_text().replace('"width": 4', '"width": 8'))
    assert run_of(TrainedNet.from_checkpoint(folder / "checkpoints" / "best.ckpt")) is None
