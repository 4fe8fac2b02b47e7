"""The best and the last of a run are kept, whole at any moment."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import EarlyStopping
from pytorch_lightning.demos.boring_classes import BoringModel

from hela_seg.system.errors import InputError
from hela_seg.training import checkpoints
from hela_seg.training.checkpoints import AtomicCheckpointIO, BestCheckpoint, LastCheckpoint


class Scripted(BoringModel):
    """Logs the validation losses it is given, one an epoch."""

    def __init__(self, losses: list[float]) -> None:
        super().__init__()
        self.losses = losses

    def on_validation_epoch_end(self) -> None:
        self.log("loss/validation", self.losses[self.current_epoch])


def fit(folder: Path, losses: list[float], go_on_from: Path | None = None, **settings: Any) -> pl.Trainer:
    more = settings.pop("more", [])
    every = {name: settings.pop(name) for name in ("every_minutes", "every_steps") if name in settings}
    trainer = pl.Trainer(
        accelerator="cpu",
        max_epochs=len(losses),
        limit_val_batches=1,
        num_sanity_val_steps=0,
        callbacks=[
            LastCheckpoint(str(folder), **every),
            BestCheckpoint(str(folder), "loss/validation"),
            *more,
        ],
        plugins=[AtomicCheckpointIO()],
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        **({"limit_train_batches": 1} | settings),
    )
    trainer.fit(Scripted(losses), ckpt_path=go_on_from, weights_only=True)
    return trainer


def steps_of(path: Path) -> int:
    return int(torch.load(path, weights_only=True)["global_step"])


@pytest.mark.parametrize(
    ("losses", "best"), [([3.0, 1.0, 2.0], 2), ([1.0, 2.0, 3.0], 1), ([3.0, 2.0, 1.0], 3)]
)
def test_the_best_the_last_and_the_one_before_are_kept_and_nothing_else(
    losses: list[float], best: int, tmp_path: Path
) -> None:
    fit(tmp_path, losses)
    kept = {path.name: steps_of(path) for path in tmp_path.iterdir()}
    assert kept == {"best.ckpt": best, "last.ckpt": 3, "previous.ckpt": 2}


@pytest.mark.parametrize(("later", "best"), [([5.0, 5.0], 2), ([5.0, 0.5], 4)])
def test_a_run_that_starts_from_another_keeps_the_best_of_both(
    later: list[float], best: int, tmp_path: Path
) -> None:
    former, latter = tmp_path / "former", tmp_path / "latter"
    fit(former, [3.0, 1.0])
    before = (former / "best.ckpt").read_bytes()
    fit(latter, [3.0, 1.0, *later], go_on_from=former / "last.ckpt")
    assert (steps_of(latter / "best.ckpt"), steps_of(latter / "last.ckpt")) == (best, 4)
    assert (former / "best.ckpt").read_bytes() == before
    assert steps_of(former / "last.ckpt") == 2


@pytest.mark.filterwarnings("ignore:Checkpoint directory")
def test_only_a_run_that_was_stopped_early_itself_does_not_train_on(tmp_path: Path) -> None:
    losses = [1.0, 2.0, 3.0, 4.0, 5.0]
    fit(tmp_path / "a", losses, more=[EarlyStopping("loss/validation", patience=1)])
    stopped = tmp_path / "a" / "last.ckpt"
    assert steps_of(stopped) == 2
    patient = EarlyStopping("loss/validation", patience=2)
    assert fit(tmp_path / "a", losses, go_on_from=stopped, more=[patient]).global_step == 2
    assert patient.patience == 2
    other = fit(
        tmp_path / "b", losses, go_on_from=stopped, more=[EarlyStopping("loss/validation", patience=2)]
    )
    assert other.global_step == 4  # two epochs more in which nothing improved


def test_a_run_that_starts_from_another_without_its_best_keeps_one_of_its_own(tmp_path: Path) -> None:
    former, latter = tmp_path / "former", tmp_path / "latter"
    fit(former, [3.0, 1.0])
    (former / "best.ckpt").unlink()
    fit(latter, [3.0, 1.0, 5.0], go_on_from=former / "last.ckpt")
    assert steps_of(latter / "best.ckpt") == 3


@pytest.mark.filterwarnings("ignore:Checkpoint directory")
@pytest.mark.parametrize("take", [shutil.move, shutil.copytree])
def test_a_run_that_was_moved_or_copied_keeps_its_own_best(take: Callable[..., Any], tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    fit(here, [3.0, 1.0])
    take(here, there)
    if here.exists():  # and went on by itself
        fit(here, [3.0, 1.0, 0.5], go_on_from=here / "last.ckpt")
    fit(there, [3.0, 1.0, 5.0], go_on_from=there / "last.ckpt")
    assert steps_of(there / "best.ckpt") == 2


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The steps of each last checkpoint, as they are written."""
    steps: list[int] = []
    rotate_checkpoints = checkpoints.rotate_checkpoints

    def record(folder: Path) -> None:
        steps.append(steps_of(folder / "next.ckpt"))
        rotate_checkpoints(folder)

    monkeypatch.setattr(checkpoints, "rotate_checkpoints", record)
    return steps


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"every_minutes": None}, [7, 14]),
        ({"every_minutes": 10}, [7, 14]),
        ({"every_minutes": 0}, [*range(1, 15)]),
        ({"every_steps": 3}, [3, 6, 7, 10, 13, 14]),
        ({"every_steps": 1, "accumulate_grad_batches": 3}, [1, 2, 3, 4, 5, 6]),
        ({"every_minutes": None, "max_steps": 9}, [7, 9]),
    ],
)
def test_the_last_is_written_at_each_epochs_end_and_every_so_often(
    settings: dict[str, Any], expected: list[int], written: list[int], tmp_path: Path
) -> None:
    fit(tmp_path, [1.0, 1.0], limit_train_batches=7, **settings)
    assert written == expected


def test_nothing_is_there_under_its_name_before_all_of_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[dict[str, int]] = []
    save = torch.save

    def look(content: Any, path: Path) -> None:
        save(content, path)
        seen.append({p.name: steps_of(p) for p in tmp_path.iterdir() if not p.name.startswith(".")})

    monkeypatch.setattr(torch, "save", look)
    fit(tmp_path, [3.0, 4.0])
    assert seen == [
        {},
        {"best.ckpt": 1},
        {"best.ckpt": 1, "last.ckpt": 1},
    ]


@pytest.mark.parametrize(
    "words",
    [
        "[enforce fail at inline_container.cc:671] . unexpected pos",
        "PytorchStreamWriter failed writing",
    ],
)
def test_a_full_disk_is_said_in_one_line(words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise RuntimeError(words)

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(InputError, match=r"last\.ckpt: No space left on device"):
        AtomicCheckpointIO().save_checkpoint({}, tmp_path / "last.ckpt")
    assert list(tmp_path.iterdir()) == []
