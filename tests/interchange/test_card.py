"""The card says what the checkpoint and its run's folder hold."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fabricated import frame_counts, write_run
from torch import nn

from hela_seg.cli import main
from hela_seg.comparison.found import read_run
from hela_seg.comparison.rows import compare_runs
from hela_seg.data.classes import Classes
from hela_seg.data.normalise import Normalisation
from hela_seg.inference import TrainedNet
from hela_seg.interchange.card import _in_words, card, intervals, run_of
from hela_seg.interchange.card import test_counts as counts_of
from hela_seg.runs.checkpoint import (
    TEST_KEY,
    ModelInfo,
    add_to_checkpoint,
    read_checkpoint,
    write_checkpoint,
)
from hela_seg.runs.records import read_json
from hela_seg.scores.statistics import Interval
from hela_seg.system.errors import InputError


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
    found = counts_of(TrainedNet.from_checkpoint(checkpoint))
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


def test_a_checkpoint_by_itself_has_the_scores_of_its_run(
    checkpoint: Path, text: str, tmp_path: Path
) -> None:
    shutil.copy(checkpoint, tmp_path / "alone.ckpt")
    assert main("export", [str(tmp_path / "alone.ckpt"), "format=card"]) == 0
    assert (tmp_path / "alone.md").read_text(encoding="utf-8") == text


def test_a_checkpoint_that_was_not_scored_says_so(checkpoint: Path, tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "new.ckpt", *read_checkpoint(checkpoint))
    alone = card(TrainedNet.from_checkpoint(tmp_path / "new.ckpt"))
    assert "No test scores are in this checkpoint or beside it" in alone
    assert "| train | 3 | 6 |" in alone


@pytest.mark.parametrize(
    "planted", [5, {"series": []}, {"series": ["a"], "frame": [0], "block": [0], "matrix": [[1]]}]
)
def test_scores_that_are_none_are_refused(planted: Any, checkpoint: Path, tmp_path: Path) -> None:
    path = Path(shutil.copy(checkpoint, tmp_path / "a.ckpt"))
    add_to_checkpoint(path, TEST_KEY, planted)
    with pytest.raises(InputError, match="test scores are damaged"):
        card(TrainedNet.from_checkpoint(path))


def test_scores_of_another_net_in_the_same_folder_are_not_its_own(
    checkpoint: Path, run: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    shutil.copytree(run, folder)
    record = folder / "run.json"
    text = record.read_text()
    for mine, others in (('"width": 4', '"width": 8'), ('"part": "test"', '"part": "validation"')):
        assert mine in text
        record.write_text(text.replace(mine, others))
        assert run_of(TrainedNet.from_checkpoint(folder / "checkpoints" / "best.ckpt")) is None


SPLIT = [
    {"series": "b", "start": 5, "stop": 6, "part": "test"},
    {"series": "a", "start": 0, "stop": 4, "part": "train"},
    {"series": "a", "start": 6, "stop": 9, "part": "train"},
    {"series": "b", "start": 0, "stop": 3, "part": "validation"},
]


def by_itself(split: list[dict[str, Any]], **normalisation: Any) -> str:
    """The card of a net that no run's folder holds."""
    classes = Classes(["background", "dim"]).to_plain()
    plain = Normalisation("dtype").to_plain() | normalisation
    info = ModelInfo({"_target_": "a.unet.UNet"}, classes, plain, 1, "YX", split, {}, {})
    return card(TrainedNet(nn.Identity(), info, "nowhere/checkpoints/best.ckpt"))


def test_parts_stand_in_their_order_and_a_series_of_two_blocks_counts_once() -> None:
    rows = [line for line in by_itself(SPLIT).splitlines() if line.startswith(("| tr", "| v", "| te"))]
    assert rows == ["| train | 1 | 7 |", "| validation | 1 | 3 |", "| test | 1 | 1 |"]


def test_limits_follow_from_data_and_normalisation() -> None:
    alone, fitted = "One single recording", "a film of another exposure is not"
    text = by_itself(SPLIT)
    assert alone not in text
    assert fitted not in text
    text = by_itself(SPLIT[1:3], kind="percentile", low=[10.0, 20.0], high=[200.0, 255.0])
    assert alone in text
    assert fitted in text
    assert "10 to 200 becomes 0 to 1; 20 to 255 becomes 0 to 1 (percentile)" in text
    assert "Nothing is known of what it was trained on" in by_itself([])


def test_an_interval_goes_from_low_to_high() -> None:
    assert _in_words(Interval(0.5, 0.25, 0.75)) == "0.5000 (0.250-0.750)"
    assert _in_words(Interval(0.5)) == "0.5000"
    assert _in_words(Interval(float("nan"))) == "-"


def test_intervals_are_those_of_a_comparison(tmp_path: Path) -> None:
    run = read_run(write_run(tmp_path / "run", frame_counts(frames=5, series=5)))
    found, units = intervals(run.counts)
    (comparison,) = compare_runs([run])
    assert units == 5
    for measure in ("iou", "dice", "precision", "recall"):
        expected = [comparison.rows[0].means[measure], *comparison.rows[0].by_class[measure]]
        ends = [(of.value, of.low, of.high) for of in found[measure]]
        own = [(of.interval.value, of.interval.low, of.interval.high) for of in expected]
        np.testing.assert_allclose(ends, own)
