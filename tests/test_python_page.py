"""Each block of docs/python.md runs, in its order, on small drawings."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from conftest import write_folder
from documents import blocks

import hela_seg
from hela_seg.cli import main
from hela_seg.runs.checkpoint import read_checkpoint

PAGE = Path(__file__).parents[1] / "docs" / "python.md"
SHORTER = {
    '"tile": [128, 128]': '"tile": [32, 32], "batch_size": 2, "steps_per_epoch": 1',
    'trainer={"max_epochs": 20},': 'trainer={"max_epochs": 1}, report=False, **{"model.width": 4},',
    "tile=(128, 128), batch_size=8": "tile=(32, 32), batch_size=2, steps_per_epoch=1",
    "width=16": "width=4",
    "pl.Trainer(max_epochs=20": "pl.Trainer(max_epochs=1, accelerator='cpu', enable_progress_bar=False",
}
"""What a quick run changes in the page; each of these stands in it."""


@pytest.mark.filterwarnings("ignore:.*class '.*' has:UserWarning")  # nets of one step
def test_the_page_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_folder(tmp_path / "cells")
    monkeypatch.chdir(tmp_path)
    arguments = list(sys.argv)
    code = blocks(PAGE)
    assert all(sum(there in block for block in code) == 1 for there in SHORTER)
    here: dict[str, Any] = {}
    for block in code:
        for there, instead in SHORTER.items():
            block = block.replace(there, instead)
        exec(compile(block, str(PAGE), "exec"), here)

    assert sys.argv == arguments
    assert Path.cwd() == tmp_path
    result, said = here["result"], capsys.readouterr().out
    assert result.checkpoint == result.folder / "checkpoints" / "best.ckpt"
    assert f"{result.scores.mean_iou}" in said
    assert "nowhere is not there, expected" in said
    assert "Predictor(unet, classes: background, dim, bright; 1 channel; on cpu)" in said
    assert here["maps"].shape == (2, 48, 64)

    again = hela_seg.train(resume=result.folder)  # which has ended
    assert (again.checkpoint, again.scores.mean_iou) == (result.checkpoint, result.scores.mean_iou)

    # what Lightning's trainer leaves by itself is as good as a run of the command
    bare = tmp_path / "bare" / "best.ckpt"
    assert read_checkpoint(bare)[0].net["width"] == 4
    assert hela_seg.load(bare).predict(tmp_path / "cells" / "images" / "dish 1.tif").shape == (2, 48, 64)
    assert list((tmp_path / "logs").rglob("metrics.csv"))
    assert main("evaluate", [str(bare), "boundaries=null", "cells=null", "hydra.run.dir=scores"]) == 0
    assert main("export", [str(bare), "format=card"]) == 0
