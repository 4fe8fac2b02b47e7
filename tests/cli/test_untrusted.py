"""A run's record is replayed as data: what would call or write by a stranger's word is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import SMALL_NET, write_folder
from omegaconf import OmegaConf

from hela_seg.cli import main
from hela_seg.cli.untrusted import refuse_untrusted
from hela_seg.system.errors import InputError


@pytest.mark.parametrize(
    "line",
    [
        "augment._target_=shutil.copyfile",
        "+callbacks.mine={_target_: os.system, command: id}",
        "loss={'_target_': 'pip.main'}",
        "loss._target_=torch.hub.load",
        "optimizer._target_=torch.optim.os.system",
        "model._target_=hela_seg.system.files.write_table",
        "+model._args_=[1]",
        "callbacks.last.folder=/etc",
        "logger.tensorboard.save_dir='elsewhere'",
        "+logger.more={_target_: pytorch_lightning.loggers.CSVLogger, save_dir: elsewhere}",
        "output_dir=elsewhere",
        "hydra.launcher.setup=[reboot]",
        "hydra.job_logging.handlers.file.filename=elsewhere",
        "hydra.searchpath=[file:///elsewhere]",
        "data.drawing={series: 1000, frames: 1000, height: 1000, width: 1000}",
        "model=../../secret",
        "model=/secret",
    ],
)
def test_what_would_act_is_refused_with_its_line(line: str) -> None:
    with pytest.raises(InputError, match="expected plain settings") as refused:
        refuse_untrusted(Path("overrides.yaml"), ["seed=1", line])
    assert line in str(refused.value)


def test_plain_settings_and_known_parts_are_replayed() -> None:
    lines = [
        *(
            "model=unet",
            "data.root='my cells'",
            "trainer.max_epochs=3",
            "data.classes=[background,{name: cell}]",
        ),
        *("loss._target_=hela_seg.training.losses.DiceLoss", "optimizer._target_=torch.optim.RAdam"),
        *("hydra/sweeper=optuna", "hydra.sweeper.n_trials=3", "data.drawing={series: 3, frames: 2}"),
        *("+callbacks.rate={_target_: pytorch_lightning.callbacks.LearningRateMonitor}", "data.seed=${seed}"),
    ]
    refuse_untrusted(Path("overrides.yaml"), lines)


def test_a_foreign_folder_plants_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "source").write_text("planted")
    planted = ["augment._target_=shutil.copyfile", "+augment.src=source", "+augment.dst=target"]
    (tmp_path / "run" / ".hydra").mkdir(parents=True)
    OmegaConf.save(OmegaConf.create(planted), tmp_path / "run" / ".hydra" / "overrides.yaml")
    assert main("train", ["resume=run"]) == 2
    assert "names code that is not of this program" in capfd.readouterr().err
    assert not (tmp_path / "target").exists()


def test_a_run_resumed_elsewhere_finds_its_own_data_and_settings_that_refer_to_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, elsewhere = tmp_path / "here", tmp_path / "elsewhere"
    write_folder(here / "cells")
    (elsewhere / "cells").mkdir(parents=True)
    monkeypatch.chdir(here)
    arguments = [
        "data=folder",
        "data.root=cells",
        "data.classes=[background,dim,bright]",
        "data.seed=${seed}",
    ]
    assert (
        main("train", [*arguments, *SMALL_NET, "trainer.max_epochs=1", f"hydra.run.dir={here / 'run'}"]) == 0
    )
    monkeypatch.chdir(elsewhere)
    assert main("train", [f"resume={here / 'run'}", "trainer.max_epochs=2"]) == 0


def test_a_record_may_name_what_the_user_trusts_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "lab_losses.py").write_text("import os\nclass Loss: pass\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    record = Path("overrides.yaml")
    refuse_untrusted(record, ["++loss._target_=lab_losses.Loss"], ["lab_losses"])
    for line, trust in (
        ("loss._target_=lab_losses.Loss", ["lab"]),
        ("loss._target_=lab_losses.os.system", ["lab_losses"]),
        ("loss={_target_: lab_losses.Loss, inner: {_target_: os.system}}", ["lab_losses"]),
        ("trust=lab_losses", ["lab_losses"]),
    ):
        with pytest.raises(InputError):
            refuse_untrusted(record, [line], trust)
