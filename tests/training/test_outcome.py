"""What a run ends with: the best checkpoint where one is kept, and the scores that its folder holds."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pytorch_lightning.callbacks import ModelCheckpoint

from hela_seg.cli import main
from hela_seg.data.datamodule import TimelapseData
from hela_seg.runs.checkpoint import read_checkpoint
from hela_seg.runs.records import read_record
from hela_seg.system.errors import InputError
from hela_seg.training.outcome import best_checkpoint, earlier_result, score


def trainer(*best: str) -> Any:
    """One that kept these as the best by one measure each; "" stands for none yet."""
    callbacks = [ModelCheckpoint() for _ in best]
    for callback, path in zip(callbacks, best, strict=True):
        callback.best_model_path = path
    return SimpleNamespace(checkpoint_callbacks=[*callbacks, object()])


def test_the_best_goes_before_the_last_and_the_last_before_none(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no checkpoint was kept"):
        best_checkpoint(trainer(""), tmp_path)
    last = tmp_path / "checkpoints" / "last.ckpt"
    last.parent.mkdir()
    last.touch()
    assert best_checkpoint(trainer(""), tmp_path) == last
    assert best_checkpoint(trainer("", "best.ckpt"), tmp_path) == Path("best.ckpt")


def test_scores_of_an_ended_run_are_those_of_its_matrix(tmp_path: Path) -> None:
    nothing = earlier_result(tmp_path, tmp_path / "a.ckpt")
    assert (nothing.matrix, nothing.scores) == (None, None)
    (tmp_path / "scores.json").write_text(json.dumps({"confusion_matrix": [[2, 1], [0, 1]]}))
    result = earlier_result(tmp_path, tmp_path / "a.ckpt")
    assert result.matrix is not None
    assert result.scores is not None
    assert result.matrix.tolist() == [[2, 1], [0, 1]]
    assert result.scores.iou.tolist() == pytest.approx([2 / 3, 1 / 2])
    assert result.scores.recall.tolist() == pytest.approx([2 / 3, 1])
    assert result.checkpoint == tmp_path / "a.ckpt"


METHOD = ("frames", "truth", "found", "neck", "least_area", "true_cells")


def measured(folder: Path) -> dict[str, Any]:
    """Boundaries and cells of a run or an evaluation."""
    scores = json.loads((folder / "scores.json").read_text())
    return {key: scores[key] for key in ("boundaries", "cells")}


@pytest.mark.usefixtures("no_report")
def test_training_measures_boundaries_and_cells_as_evaluation_does(run: Path, tmp_path: Path) -> None:
    assert main("evaluate", [str(run / "checkpoints" / "best.ckpt"), f"hydra.run.dir={tmp_path}"]) == 0
    ours, theirs = measured(run), measured(tmp_path)
    for key in ("tolerance", "unit", "frames"):
        assert ours["boundaries"][key] == theirs["boundaries"][key]
    for name, of_class in ours["boundaries"]["classes"].items():
        # a pixel where two classes are equal but for rounding may have either, see near_ties.py
        expected = theirs["boundaries"]["classes"][name]["boundary_pixels"]
        assert of_class["boundary_pixels"] == pytest.approx(expected, rel=0.01)
    assert {key: ours["cells"][key] for key in METHOD} == {key: theirs["cells"][key] for key in METHOD}
    assert ours["cells"]["true_cells"] == 4
    for table in ("boundary_scores.csv", "cell_scores.csv"):
        titles, *rows = (run / table).read_text().splitlines()
        assert [titles, len(rows)] == [
            (tmp_path / table).read_text().splitlines()[0],
            len((tmp_path / table).read_text().splitlines()) - 1,
        ]


def test_of_a_large_test_set_frames_at_even_intervals_are_measured_and_the_page_says_so(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint = Path(shutil.copytree(run / "checkpoints", tmp_path / "checkpoints") / "best.ckpt")
    info = read_checkpoint(checkpoint)[0]
    data = TimelapseData.from_plain(info.config["data"])
    data.open(info.split)
    data.prepare()
    monkeypatch.setattr("hela_seg.training.outcome.MOST_MEASURED", 48 * 64)  # one of the two frames
    result = score(checkpoint, data, tmp_path, read_record(run / "run.json"))
    assert result.matrix is not None
    assert result.matrix.sum() == 2 * 48 * 64
    assert measured(tmp_path)["boundaries"]["frames"] == measured(tmp_path)["cells"]["frames"] == 1
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "1 of the 2 test frames" in page
    assert " in 1 frame " in page  # the verdict on cells
