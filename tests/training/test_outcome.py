"""What a run ends with: the best checkpoint where one is kept, and the scores that its folder holds."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pytorch_lightning.callbacks import ModelCheckpoint

from hela_seg.system.errors import InputError
from hela_seg.training.outcome import best_checkpoint, earlier_result


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
