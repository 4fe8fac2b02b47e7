"""A training run, as a user starts it, leaves what it promises."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import pytorch_lightning as pl
import torch
from conftest import SMALL_NET, draw_cells, write_folder

import hela_seg
from hela_seg.cli import main
from hela_seg.models import build
from hela_seg.runs.checkpoint import read_checkpoint
from hela_seg.runs.records import read_record
from hela_seg.scores.counts import read_counts


def train(cells: Path, folder: Path, *more: str) -> int:
    data = ["data=folder", f"data.root={cells}", "data.classes=[background,dim,bright]"]
    return main("train", [*data, *SMALL_NET, "trainer.max_epochs=1", f"hydra.run.dir={folder}", *more])


def state(path: Path) -> dict[str, torch.Tensor]:
    return read_checkpoint(path)[1]


def test_a_run_leaves_checkpoints_logs_split_and_scores(run: Path) -> None:
    names = {str(path.relative_to(run)) for path in run.rglob("*") if path.is_file()}
    assert {"checkpoints/best.ckpt", "checkpoints/last.ckpt", "logs/metrics.csv", "split.csv"} <= names
    assert {"scores.csv", "scores.json", "frames.csv", "run.json", ".hydra/config.yaml"} <= names
    assert any("tfevents" in name for name in names)
    with (run / "logs" / "metrics.csv").open() as file:
        logged = list(csv.DictReader(file))
    assert {"loss/train", "loss/validation", "m-IoU/validation", "IoU dim/validation"} <= logged[0].keys()
    scores = json.loads((run / "scores.json").read_text())
    assert (
        np.sum(scores["confusion_matrix"]) == 2 * 48 * 64
    )  # the frames of the one test series, each pixel once


def test_frames_add_up_to_the_scores_and_costs_are_on_record(run: Path) -> None:
    scores = json.loads((run / "scores.json").read_text())
    counts = read_counts(run / "frames.csv", ["background", "dim", "bright"])
    assert counts.pooled.tolist() == scores["confusion_matrix"]
    assert [(t, block) for _, t, block in counts.places] == [(0, 0), (1, 0)]
    record = read_record(run / "run.json")
    assert record.costs.parameters == sum(p.numel() for p in build(record.net).parameters())
    assert (record.costs.tile, record.costs.batch_size) == ((32, 32), 2)
    assert 0 < record.costs.step_ms < 60_000
    assert 0 < record.costs.frame_s < 60
    assert record.costs.peak_memory is None or record.costs.peak_memory > 2**20
    assert record.split == read_checkpoint(run / "checkpoints" / "best.ckpt")[0].split
    assert set(json.loads((run / "run.json").read_text())["measured"]) >= {
        "step_ms",
        "frame_s",
        "peak_memory",
    }


def test_the_checkpoint_describes_the_run(checkpoint: Path, cells: Path) -> None:
    info, _ = read_checkpoint(checkpoint)
    assert (info.channels, info.axes, info.versions["hela_seg"]) == (1, "TYX", hela_seg.__version__)
    assert [entry["name"] for entry in info.classes] == ["background", "dim", "bright"]
    assert info.config["data"]["root"] == str(cells)
    assert {row["part"] for row in info.split} == {"train", "validation", "test"}
    json.dumps(info.to_plain())


def test_one_seed_gives_the_same_weights_and_another_does_not(cells: Path, tmp_path: Path) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        assert train(cells, tmp_path / name, f"seed={seed}") == 0
    a, b, c = (state(tmp_path / name / "checkpoints" / "last.ckpt") for name in "abc")
    assert all(torch.equal(a[key], b[key]) for key in a)
    assert not all(torch.equal(a[key], c[key]) for key in a)


@pytest.mark.filterwarnings("ignore:This DataLoader will create")  # more processes than cores
def test_the_number_of_workers_changes_nothing(cells: Path, tmp_path: Path) -> None:
    more = ["model=unet", "augment=microscopy", "trainer.max_epochs=2"]  # this net has dropout
    for workers in (0, 3):
        assert train(cells, tmp_path / str(workers), *more, f"data.workers={workers}") == 0
    none, three = (state(tmp_path / workers / "checkpoints" / "last.ckpt") for workers in "03")
    assert all(torch.equal(none[key], three[key]) for key in none)


def test_a_resumed_run_ends_like_one_that_was_never_interrupted(cells: Path, tmp_path: Path) -> None:
    constant = "scheduler=constant"  # another one depends on the whole length
    assert train(cells, tmp_path / "whole", "trainer.max_epochs=2", constant) == 0
    assert train(cells, tmp_path / "half", "trainer.max_epochs=1", constant) == 0
    last = tmp_path / "half" / "checkpoints" / "last.ckpt"
    assert train(cells, tmp_path / "rest", "trainer.max_epochs=2", constant, f"ckpt_path={last}") == 0
    whole = state(tmp_path / "whole" / "checkpoints" / "last.ckpt")
    rest = state(tmp_path / "rest" / "checkpoints" / "last.ckpt")
    assert all(torch.equal(whole[key], rest[key]) for key in whole)


@pytest.mark.parametrize("workers", [0, 2])
def test_a_file_that_goes_bad_in_the_middle_names_itself_and_the_last_checkpoint_is_whole(
    workers: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    root, run = write_folder(tmp_path / "cells", series=3), tmp_path / "run"
    images = sorted((root / "images").iterdir())
    whole = {path: path.read_bytes() for path in images}

    def cut(_: object, trainer: pl.Trainer, task: object) -> None:
        if trainer.current_epoch == 1:
            for path in images:
                path.write_bytes(whole[path][:-2000])

    monkeypatch.setattr("hela_seg.training.callbacks.EpochLine.on_train_epoch_start", cut)
    more = ["trainer.max_epochs=3", f"data.workers={workers}"]
    assert train(root, run, *more) == 2
    said = capfd.readouterr().err
    assert said.splitlines()[-1].startswith(f"error: {root / 'images' / 'dish '}")
    assert "Traceback" not in said
    last = run / "checkpoints" / "last.ckpt"
    content = torch.load(last, weights_only=True)
    assert content["global_step"] == 2  # those of the first epoch
    assert sorted(path.name for path in last.parent.iterdir()) == ["best.ckpt", "last.ckpt"]

    monkeypatch.undo()
    for path, content in whole.items():
        path.write_bytes(content)
    assert train(root, tmp_path / "rest", f"ckpt_path={last}", "trainer.max_epochs=2") == 0


def test_a_folder_that_holds_a_run_is_not_overwritten(
    cells: Path, run: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    before = (run / "checkpoints" / "best.ckpt").read_bytes()
    assert train(cells, run) == 2
    assert "is there from an earlier run" in capfd.readouterr().err
    assert (run / "checkpoints" / "best.ckpt").read_bytes() == before


@pytest.mark.parametrize("steps", [1, 3])
def test_what_max_steps_ends_within_an_epoch_is_validated_and_can_be_made_longer(
    steps: int, cells: Path, tmp_path: Path
) -> None:
    assert train(cells, tmp_path, "trainer.max_epochs=-1", f"trainer.max_steps={steps}") == 0
    with (tmp_path / "logs" / "metrics.csv").open() as file:
        validated = [row["step"] for row in csv.DictReader(file) if row["m-IoU/validation"]]
    assert validated[-1] == str(steps - 1)
    content = torch.load(tmp_path / "checkpoints" / "last.ckpt", weights_only=True)
    settled = {int(value) for name, value in content["state_dict"].items() if "batches_tracked" in name}
    assert settled == {1}  # one batch was left of the epoch
    assert main("train", [f"resume={tmp_path}", f"trainer.max_steps={steps + 1}"]) == 0
    again = torch.load(tmp_path / "checkpoints" / "last.ckpt", weights_only=True)
    assert again["global_step"] == steps + 1


@pytest.mark.parametrize("from_python", [False, True])
def test_output_dir_names_the_folder_of_a_run_that_goes_on(
    from_python: bool, cells: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    typed = ["data=folder", f"data.root={cells}", "data.classes=[background,dim,bright]", *SMALL_NET]
    if from_python:
        hela_seg.train(*typed, output_dir="my run", trainer={"max_epochs": 1})
    else:
        assert main("train", [*typed, "output_dir=my run", "trainer.max_epochs=1"]) == 0
    assert [path.name for path in tmp_path.iterdir()] == ["my run"]
    assert main("train", ["resume=my run", "trainer.max_epochs=2"]) == 0
    content = torch.load(tmp_path / "my run" / "checkpoints" / "last.ckpt", weights_only=True)
    assert content["epoch"] == 2


def test_output_dir_names_the_folder_of_a_sweep(
    cells: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    typed = ["data=folder", f"data.root={cells}", "data.classes=[background,dim,bright]", *SMALL_NET]
    assert main("train", ["-m", *typed, "output_dir=swept", "seed=0,1", "trainer.max_epochs=1"]) == 0
    assert [path.name for path in tmp_path.iterdir()] == ["swept"]
    assert len(list(tmp_path.glob("swept/*/checkpoints/best.ckpt"))) == 2


def test_a_relative_folder_keeps_what_else_lies_in_it_and_gets_no_log_that_was_switched_off(
    cells: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine" / "logs").mkdir(parents=True)
    (tmp_path / "mine" / "logs" / "notes.txt").write_text("mine")
    (tmp_path / "mine" / ".film.mp4.part").write_text("a download")
    monkeypatch.chdir(tmp_path)
    off = ["callbacks.early_stopping=null", "callbacks.validation_pictures=null", "logger.tensorboard=null"]
    assert train(cells, tmp_path / "hydra", "output_dir=mine", *off) == 0
    ended = json.loads((tmp_path / "mine" / "finished.json").read_text())
    assert ended["checkpoint"] == "checkpoints/best.ckpt"
    assert {path.name for path in (tmp_path / "mine" / "logs").iterdir()} == {"metrics.csv", "notes.txt"}
    assert (tmp_path / "mine" / ".film.mp4.part").exists()


@pytest.fixture(scope="module")
def without_validation(cells: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run whose schedule watches the loss in training, with balanced classes."""
    folder = tmp_path_factory.mktemp("without validation") / "run"
    more = ["scheduler=plateau", "scheduler.monitor=loss/train", "loss.class_weights=balanced"]
    assert train(cells, folder, "data.split.validation=0", *more) == 0
    return folder


def test_without_validation_the_last_checkpoint_is_scored(without_validation: Path) -> None:
    assert {path.name for path in (without_validation / "checkpoints").iterdir()} == {"last.ckpt"}
    assert (without_validation / "scores.json").is_file()


def test_class_weights_are_balanced_from_the_training_labels(without_validation: Path) -> None:
    info, _ = read_checkpoint(without_validation / "checkpoints" / "last.ckpt")
    trained = [row["series"] for row in info.split if row["part"] == "train"]
    labels = np.concatenate([draw_cells(int(name.split()[1]), 2)[1].ravel() for name in trained])
    counts = np.bincount(labels, minlength=3)
    np.testing.assert_allclose(info.config["loss"]["class_weights"], counts.sum() / (3 * counts), rtol=1e-6)


def test_a_schedule_that_waits_for_the_validation_loss_is_refused_without_validation(
    cells: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert train(cells, tmp_path, "scheduler=plateau", "data.split.validation=0") == 2
    error = capfd.readouterr().err
    assert error.count("\n") == 1
    assert "scheduler.monitor is loss/validation" in error


def test_a_schedule_that_waits_for_the_validation_loss_looks_where_epochs_are_validated(
    cells: Path, tmp_path: Path
) -> None:
    every_second = ["trainer.check_val_every_n_epoch=2", "trainer.max_epochs=4"]
    never_better = ["scheduler=plateau", "scheduler.build.patience=0", "+scheduler.build.threshold=0.99"]
    assert train(cells, tmp_path, *every_second, *never_better, "optimizer.lr=1e-6") == 0
    content = torch.load(tmp_path / "checkpoints" / "last.ckpt", weights_only=True)
    assert content["optimizer_states"][0]["param_groups"][0]["lr"] == pytest.approx(0.5e-6)


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("trainer.max_epochs=0", "trainer.max_epochs is 0, expected a whole number of 1 or more"),
        ("trainer.max_steps=0", "trainer.max_steps is 0, expected a whole number of 1 or more"),
        (
            "trainer.accumulate_grad_batches=0",
            "trainer.accumulate_grad_batches is 0, expected a whole",
        ),
        ("seed=-1", "seed is -1, expected a whole number from 0 to 4294967295"),
        ("callbacks.best.monitor=miou", "callbacks.best.monitor is 'miou', expected one of loss/validation"),
        ("callbacks.best.mode=up", "callbacks: `mode` can be min, max but got up"),
        ("callbacks.settled_batch_norm.batches=0", "batches is 0, expected a whole number of 1 or more"),
        ("callbacks.validation_pictures.every_epochs=0", "every_epochs is 0, expected a whole number of 1"),
        ("callbacks.loss_watch.every_steps=0", "every_steps is 0, expected a whole number of 1 or more"),
        (
            "loss.class_weights=equal",
            "loss.class_weights is 'equal', expected a number a class, balanced or null",
        ),
        ("+scheduler.interval=week", "scheduler.interval is 'week', expected epoch or step"),
    ],
)
def test_training_that_is_none_is_refused(
    setting: str, said: str, cells: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert train(cells, tmp_path, setting) == 2
    (error,) = [line for line in capfd.readouterr().err.splitlines() if line.startswith("error: ")]
    assert said in error


def test_a_single_process_inside_of_a_cluster_job_trains(
    cells: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = {"JOB_ID": 7, "NTASKS": 4, "JOB_NAME": "train", "PROCID": 0, "LOCALID": 0, "NODEID": 0}
    for name, value in said.items():
        monkeypatch.setenv(f"SLURM_{name}", str(value))
    assert train(cells, tmp_path) == 0


def test_without_test_series_nothing_is_scored(
    cells: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert train(cells, tmp_path, "data.split.test=0") == 0
    assert not (tmp_path / "scores.json").exists()
    said = capfd.readouterr()
    assert "no series is kept for testing" in said.err
    assert "look at" not in said.out


def test_a_class_that_training_cannot_learn_is_named_before_it_starts_and_stands_in_the_end_table(
    cells: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    classes = "data.classes=[background,dim,bright,ghost]"
    arguments = ["data=folder", f"data.root={cells}", classes, *SMALL_NET, "model=unet"]
    more = ["report=true", "trainer.max_epochs=1", f"hydra.run.dir={tmp_path}"]
    assert main("train", [*arguments, *more]) == 0
    output, said = capfd.readouterr()
    warned = said.index("warning: class 'ghost' has no pixel in the training frames, no net can learn it: ")
    assert warned < said.index("trainable parameters")
    assert said.count("has no pixel in the training frames") == 1
    rows = [line.split() for line in output[output.index("Test scores") :].splitlines()]
    assert {"background", "dim", "bright", "ghost", "mean"} <= {row[0] for row in rows if row}
    assert ["Class", "Precision", "Recall", "IoU", "Dice", "Accuracy"] in rows
    assert " found (IoU from 0.5 on), and " in " ".join(output.split())  # what that means for cells
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "Class &#39;ghost&#39; has no pixel in the training frames" in page
    assert "One epoch was trained, too few for curves." in page


def test_training_stops_early_when_nothing_improves(cells: Path, tmp_path: Path) -> None:
    stop = ["callbacks.early_stopping.patience=1", "optimizer.lr=0.0", "trainer.max_epochs=9"]
    assert train(cells, tmp_path, *stop) == 0
    content = torch.load(tmp_path / "checkpoints" / "last.ckpt", weights_only=True)
    assert content["epoch"] < 5


def test_too_few_series_for_the_split_say_so(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    write_folder(tmp_path / "two", series=2)
    assert train(tmp_path / "two", tmp_path / "run") == 2
    error = capfd.readouterr().err
    assert error.count("\n") == 1
    assert "data.split.validation=0" in error
