"""What version 0.1.0 left behind works: a checkpoint, and a run that was interrupted after 3 epochs.

``data/version_0_1_0`` was written by that version, of the recordings that `write_folder` draws.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from conftest import write_folder

import hela_seg
from hela_seg.cli import main

LEFT_BEHIND = Path(__file__).parent / "data" / "version_0_1_0"


@pytest.fixture
def run_of_then(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The run in a working folder with its data, as ``run`` and ``cells``."""
    write_folder(tmp_path / "cells")
    shutil.copytree(LEFT_BEHIND / "run", tmp_path / "run")
    monkeypatch.chdir(tmp_path)
    return tmp_path / "run"


def test_its_checkpoint_predicts_as_it_did(run_of_then: Path) -> None:
    net = hela_seg.load(run_of_then / "checkpoints" / "best.ckpt", "cpu")
    found = net.predict_proba("cells/images/dish 2.tif")
    then = np.load(LEFT_BEHIND / "probabilities.npz")["probabilities"]
    # written on a processor with AVX-512; rounding with AVX2 alone changes them by up to 3e-5
    np.testing.assert_allclose(found, then, atol=1e-4)


def test_its_checkpoint_is_scored_on_its_own_test_frames(
    run_of_then: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    best = run_of_then / "checkpoints" / "best.ckpt"
    arguments = [f"ckpt={best}", "data=folder", "data.root=cells", "data.classes=[background,dim,bright]"]
    assert main("evaluate", arguments) == 0
    assert "background" in capsys.readouterr().out


def test_its_unfinished_run_goes_on(run_of_then: Path) -> None:
    assert main("train", [f"resume={run_of_then}", "data.root=cells", "trainer.max_epochs=4"]) == 0
    epochs = (run_of_then / "logs" / "metrics.csv").read_text(encoding="utf-8").splitlines()
    assert {line.split(",")[0] for line in epochs[1:]} == {"0", "1", "2", "3"}
    assert (run_of_then / "finished.json").is_file()
