"""Mended frames saved as masks, and training from napari's panel in a process that outlives the window."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import tifffile
from hydra.core.override_parser.overrides_parser import OverridesParser

from hela_seg.data.labels.settings import LabelSettings
from hela_seg.data.layouts import FileRules
from hela_seg.data.on_disk import DataOnDisk
from hela_seg.data.stacks import ArraySeries, FrameSequence, open_series
from hela_seg.napari import finetune
from hela_seg.napari.finetune import Epoch, command, save_masks, train
from hela_seg.napari.frames import LazyFrames
from hela_seg.runs import run_folder
from hela_seg.runs.checkpoint import read_checkpoint, read_content
from hela_seg.system.errors import InputError

EPOCHS = """
import sys, time
from pathlib import Path
run = Path(sys.argv[1])
(run / "logs").mkdir(parents=True)
(run / "checkpoints").mkdir()
table = run / "logs" / "metrics.csv"
table.write_text("epoch,loss/train,m-IoU/validation\\n0,0.5,\\n0,,0.25\\n")
print("error: the end")
"""
WAITS = "time.sleep(60)\n"
ENDS = '(run / "checkpoints" / "best.ckpt").touch()\n'
FAILS = "sys.exit(2)\n"


def pairs(folder: Path, count: int) -> Path:
    """So many mended frames with their images."""
    for name in ("images", "masks"):
        (folder / name).mkdir(parents=True)
        for t in range(count):
            tifffile.imwrite(folder / name / f"dish_t{t:04}.tif", np.eye(48, dtype=np.uint8))
    return folder


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch):
    """Trains by a few lines that write what a training writes, and then do something else."""

    def by(*more: str) -> None:
        monkeypatch.setattr(finetune, "WAIT_S", 0.02)
        lines = EPOCHS + "".join(more)
        python = [sys.executable, "-c", lines]
        monkeypatch.setattr(finetune, "command", lambda _, __, run, ___: [*python, str(run)])

    return by


@pytest.mark.parametrize(("masks", "held_out"), [(1, 0), (2, 1), (10, 2)])
def test_the_command_takes_all_masks_and_the_nets_own_settings(
    masks: int, held_out: int, checkpoint: Path, tmp_path: Path
) -> None:
    folder = pairs(tmp_path / "it's mended", masks)
    python, _, module, *typed = command(checkpoint, folder, folder / "runs" / "a", 7)
    assert (python, module) == (sys.executable, "hela_seg.train")
    given = {key: value for key, _, value in (one.partition("=") for one in typed)}
    assert given["data.root"] == str(folder)
    assert given["start_from"] == str(checkpoint)
    parsed = {
        key: OverridesParser.create().parse_override(f"{key}={value}").value()
        for key, value in given.items()
        if str(tmp_path) not in value and key != "start_from"
    }
    assert [entry["name"] for entry in parsed["data.classes"]] == ["background", "dim", "bright"]
    assert (parsed["data.tile"], parsed["trainer.max_epochs"]) == ([32, 32], 7)
    assert (parsed["data.split.validation"], parsed["data.split.test"]) == (held_out, 0)


def test_without_masks_it_says_what_to_do(checkpoint: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="mend frames and save them first"):
        command(checkpoint, tmp_path, tmp_path / "run", 1)


def test_epochs_are_told_as_they_are_logged_and_then_the_best_checkpoint(quick, tmp_path: Path) -> None:
    quick(ENDS)
    told = [one for one in train(tmp_path / "a.ckpt", tmp_path, 3, lambda: False) if one is not None]
    assert told[:-1] == [Epoch(1, 3, 0.5, 0.25)]
    assert isinstance(told[-1], Path)
    assert told[-1].name == "best.ckpt"
    assert str(told[0]) == "epoch 1/3  loss 0.5000  m-IoU 0.250"
    assert str(Epoch(2, 3, 0.5, None)) == "epoch 2/3  loss 0.5000"


def test_what_a_training_ends_with_is_said(quick, tmp_path: Path) -> None:
    quick(FAILS)
    with pytest.raises(InputError, match=r"^the end$"):
        list(train(tmp_path / "a.ckpt", tmp_path, 3, lambda: False))


def test_a_training_that_is_stopped_is_told_so_and_leaves_what_it_has(quick, tmp_path: Path) -> None:
    quick('(run / "checkpoints" / "last.ckpt").touch()\n', WAITS)
    begun: list[object] = []
    work = train(tmp_path / "a.ckpt", tmp_path, 3, lambda: bool(begun))
    for one in work:
        if isinstance(one, Epoch):
            begun.append(one)
        last = one
    assert isinstance(last, Path)
    assert last.name == "last.ckpt"


WINDOW = """
import sys
from napari.qt import get_qapp
app = get_qapp()
from napari.components import ViewerModel
from qtpy.QtCore import QTimer
from hela_seg.napari.widget import SegmentWidget
widget = SegmentWidget(ViewerModel())
widget.checkpoint.setText(sys.argv[1])
widget.folder.setText(sys.argv[2])
widget.epochs.setValue(40)
widget.train.click()
look = QTimer()
look.timeout.connect(lambda: widget.progress.value() and app.quit())
look.start(20)
app.exec_() if hasattr(app, "exec_") else app.exec()
"""


def test_a_window_that_is_closed_while_a_net_trains_leaves_the_training_to_its_end(
    checkpoint: Path, tmp_path: Path
) -> None:
    pytest.importorskip("napari.layers", reason="the extra [napari] is not installed")
    folder = pairs(tmp_path / "mended", 2)
    environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen"}
    window = subprocess.run(
        [sys.executable, "-c", WINDOW, str(checkpoint), str(folder)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert window.returncode == 0, window.stderr
    (run,) = (path for path in (folder / "runs").iterdir() if path.is_dir())
    assert not (run / run_folder.FINISHED).exists(), "the training ended before its window was closed"
    end = time.monotonic() + 300
    while not (run / run_folder.FINISHED).exists():
        assert time.monotonic() < end, run.with_suffix(".log").read_text()
        time.sleep(0.1)
    checkpoints = run / run_folder.CHECKPOINTS
    assert read_content(checkpoints / run_folder.LAST_CHECKPOINT)["epoch"] == 40
    assert (
        read_checkpoint(checkpoints / run_folder.BEST_CHECKPOINT)[0].net == read_checkpoint(checkpoint)[0].net
    )
    assert "error" not in run.with_suffix(".log").read_text()


def recording(channels=1, dtype=np.uint16):
    grey = np.random.default_rng(1).integers(0, 999, (3, channels, 24, 32)).astype(dtype)
    labels = np.random.default_rng(2).integers(0, 3, (3, 24, 32)).astype(np.uint8)
    return ArraySeries(grey, "TCYX", channels), grey, labels


def as_maps(labels):
    return LazyFrames(lambda t: labels[t], labels.shape)


ORIENTATIONS = [(turns, flipped) for turns in range(4) for flipped in (False, True)]


@pytest.mark.parametrize(("turns", "flipped"), ORIENTATIONS)
def test_a_saved_frame_is_read_back_pixel_by_pixel_in_all_orientations(turns, flipped, tmp_path):
    _, *whole = recording()
    grey, labels = (stack[..., 2:21, 3:30] for stack in whole)
    turned = [np.rot90(stack[..., ::-1] if flipped else stack, turns, (-2, -1)) for stack in (grey, labels)]
    save_masks(tmp_path, ArraySeries(turned[0], "TCYX", 1), as_maps(turned[1]), [0, 2])
    for t, pair in zip((0, 2), DataOnDisk("folder", tmp_path, "images", "masks").recordings(), strict=True):
        assert pair.name == f"array_t{t:04d}"
        assert np.array_equal(pair.image.frame(0), turned[0][t])
        assert np.array_equal(pair.mask.frame(0)[0], turned[1][t])


def test_channels_come_back_as_channels(tmp_path):
    series, grey, labels = recording(channels=2)
    save_masks(tmp_path, series, as_maps(labels), [1])
    (pair,) = DataOnDisk("folder", tmp_path, "images", "masks").recordings()
    assert np.array_equal(pair.image.frame(0), grey[1])


def test_frames_that_are_files_of_their_own_get_masks_beside_them(tmp_path):
    _, grey, labels = recording()
    (tmp_path / "images").mkdir()
    for t in range(3):
        tifffile.imwrite(tmp_path / "images" / f"f{t}.tif", grey[t, 0], photometric="minisblack")
    opened = [open_series(tmp_path / "images" / f"f{t}.tif", "YX") for t in range(3)]
    (mask,) = save_masks(tmp_path, FrameSequence(opened, "dish"), as_maps(labels), [1])
    assert mask == tmp_path / "masks" / "f1.tif"
    rules = FileRules(LabelSettings(sparse=True))
    (pair,) = DataOnDisk("folder", tmp_path, "images", "masks", rules=rules).recordings()
    assert np.array_equal(pair.mask.frame(0)[0], labels[1])


def test_masks_are_replaced_only_where_that_is_asked_for(tmp_path):
    series, _, labels = recording()
    (mask,) = save_masks(tmp_path, series, as_maps(labels), [0])
    other = 2 - labels
    with pytest.raises(InputError, match=r"holds array_t0000\.tif already"):
        save_masks(tmp_path, series, as_maps(other), [1, 0])
    assert np.array_equal(tifffile.imread(mask), labels[0])
    assert sorted(path.name for path in mask.parent.iterdir()) == ["array_t0000.tif"]
    save_masks(tmp_path, series, as_maps(other), [0], overwrite=True)
    assert np.array_equal(tifffile.imread(mask), other[0])


def test_another_image_of_the_same_name_is_not_taken_for_this_one(tmp_path):
    series, grey, labels = recording()
    save_masks(tmp_path, series, as_maps(labels), [0])
    other = ArraySeries(grey + 1, "TCYX", 1)
    with pytest.raises(InputError, match="differs from frame 0"):
        save_masks(tmp_path, other, as_maps(labels), [0], overwrite=True)


def test_class_maps_of_another_size_are_refused(tmp_path):
    series, _, labels = recording()
    with pytest.raises(InputError, match="expected"):
        save_masks(tmp_path, series, as_maps(labels[:, :-1]), [0])
    assert list(tmp_path.iterdir()) == []


def test_two_windows_save_into_one_folder(tmp_path):
    """What one has saved stays as it is, and the other's frames stand beside it."""
    series, _, labels = recording()
    save_masks(tmp_path, series, as_maps(labels), [0])
    save_masks(tmp_path, series, as_maps(labels), [2])
    with pytest.raises(InputError, match=r"holds array_t0000\.tif already"):
        save_masks(tmp_path, series, as_maps(2 - labels), [0, 1])
    found = {
        pair.name: pair.mask.frame(0)[0]
        for pair in DataOnDisk("folder", tmp_path, "images", "masks").recordings()
    }
    assert sorted(found) == ["array_t0000", "array_t0002"]
    assert all(np.array_equal(found[f"array_t{t:04d}"], labels[t]) for t in (0, 2))
