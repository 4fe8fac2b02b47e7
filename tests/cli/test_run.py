"""What goes wrong with a command is one line, on the command line and from Python."""

from __future__ import annotations

import logging
import shlex
from pathlib import Path

import pytest
from omegaconf import OmegaConf

import hela_seg
from hela_seg.cli import main
from hela_seg.system.errors import InputError, Interrupted


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["modle=unet"], "there is no key or group 'modle': did you mean model?"),
        (["model=unett"], "did you mean model=unet?"),
        (["model.depth=7"], "there is no key or group 'model.depth'"),
        (["epochs=5"], "there is no key or group 'epochs': did you mean trainer.max_epochs?"),
        (["--epochs", "5"], "--epochs is no option, expected settings as key=value: did you mean "),
        (["+sead=1"], "the command has the unknown key(s) sead, expected some of data"),
        (["+model.depth=7"], "model has the unknown key(s) depth, expected some of in_channels"),
        (["data=folder"], "data.classes is not given, expected the names of the classes"),
        (["trainer.max_epochs={"], "trainer.max_epochs={ is not understood"),
        (["data.classes=a,b"], "data.classes=a,b is a list without brackets, expected data.classes=[a,b]"),
        (
            ["data.images=cells"],
            "is given with data.layout=synthetic, which knows its files",
        ),
        (["data.layout=heap"], "data.layout is 'heap', expected folder, timelapse"),
        (["model.classes=7"], "there is no key or group 'model.classes'"),
        (["+model.classes=7"], "model.classes is 7 but the data have 3"),
        (["trainer.max_epochs=many"], "trainer.max_epochs is 'many', expected a whole number of 1 or more"),
        (["data.batch_size=four"], "data.batch_size is 'four', expected a whole number of 1 or more"),
        (["model=unet", "model.width=wide"], "model.width is 'wide', expected a whole number, such as 64"),
        (["optimizer.lr=fast"], "optimizer.lr is 'fast', expected a number, such as 0.001"),
        (["optimizer.lr=-1"], "optimizer: Invalid learning rate: -1"),
        (["seed=x"], "seed is 'x', expected a whole number from 0 to 4294967295"),
        (["data.tile=[30,30]"], "data.tile is [30, 30], expected multiples of 16"),
        (["data=null"], "a group such as data or model is set to what is no name"),
        (["model=3"], "a group such as data or model is set to what is no name"),
        (["ckpt_path=nowhere.ckpt"], "nowhere.ckpt is not there"),
        (["hydra.run.dir=/proc/nowhere"], "/proc/nowhere"),
    ],
)
def test_a_wrong_setting_gets_one_line_and_status_2(
    arguments: list[str],
    expected: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    quick = (
        ["data.drawing={series: 3, frames: 1, height: 32, width: 32, seed: 0}"]
        if "data=folder" not in arguments
        else []
    )
    assert main("train", [*quick, *arguments]) == 2
    error = capfd.readouterr().err
    lines = [line for line in error.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1
    assert expected in lines[0]
    assert "Traceback" not in error
    assert not list(tmp_path.rglob("*.ckpt"))


def test_a_fault_of_ours_shows_its_traceback_and_status_1(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("hela_seg.train.train", lambda config: 1 // 0)
    assert main("train", []) == 1
    error = capfd.readouterr().err
    assert "Traceback" in error
    assert "ZeroDivisionError" in error


def stopped(config: object) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (
            ["predict", "a.ckpt", "a.tif", "-o", "out"],
            "interrupted: the same command goes on where it stood\n",
        ),
        (["check"], "interrupted\n"),
    ],
)
def test_who_stops_a_command_gets_one_line_and_the_shell_s_status(
    typed: list[str],
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    name, *arguments = typed
    for path in ("a.ckpt", "a.tif"):
        (tmp_path / path).touch()
    monkeypatch.setattr(f"hela_seg.{name}.{name}", stopped)
    assert main(name, arguments) == 130
    assert capfd.readouterr().err == said


def test_who_stops_a_sweep_goes_on_with_all_of_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("hela_seg.train.train", stopped)
    assert main("train", ["--multirun", "seed=0,1", "hydra.sweep.dir=my sweep"]) == 130
    said, _, typed = capfd.readouterr().err.splitlines()[-1].partition(" with ")
    assert (said, shlex.split(typed)) == ("interrupted: go on", ["resume=my sweep"])


def settings_of(typed: list[str], monkeypatch: pytest.MonkeyPatch) -> dict:
    """What the function of the command is called with."""
    monkeypatch.setattr("hela_seg.train.train", lambda config: OmegaConf.to_container(config))
    found: dict = hela_seg.train(*typed, "hydra.output_subdir=null", "hydra.run.dir=.")
    return found


def test_of_a_class_that_is_typed_the_defaults_of_another_are_left_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    typed = ["loss._target_=my.Loss", "optimizer._target_=my.Optimizer", "optimizer.lr=0.5"]
    found = settings_of([*typed, "scheduler.decay._target_=my.decay", "model._target_=my.Net"], monkeypatch)
    assert found["loss"] == {"_target_": "my.Loss"}
    assert found["optimizer"] == {"_target_": "my.Optimizer", "_partial_": True, "lr": 0.5}
    assert found["scheduler"]["decay"] == {"_target_": "my.decay", "_partial_": True}
    assert found["model"] == {"_target_": "my.Net"}
    assert found["callbacks"]["best"]["mode"] == "min"


def test_values_of_python_are_what_would_be_typed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hela_seg.train.train", lambda config: OmegaConf.to_container(config))
    odd = "it's a {name} [1] \\"
    found = hela_seg.train(
        "hydra.output_subdir=null",
        "hydra.run.dir=.",
        model="unet",
        seed=3,
        minutes=1e-05,
        report=False,
        data={"classes": ["background", {"name": odd, "values": [1, 2]}], "axes": odd, "z": None},
        **{"trainer.max_epochs": 1, "data.tile": (8, 16), "data.root": Path("a b")},
    )
    assert found["model"]["_target_"] == "hela_seg.models.unet.UNet"
    assert (found["seed"], found["minutes"], found["report"]) == (3, 1e-05, False)
    assert found["data"]["classes"] == ["background", {"name": odd, "values": [1, 2]}]
    assert (found["data"]["axes"], found["data"]["z"], found["data"]["root"]) == (odd, None, "a b")
    assert (found["trainer"]["max_epochs"], found["data"]["tile"]) == (1, [8, 16])


@pytest.mark.parametrize(
    ("arguments", "settings", "message"),
    [
        (["--multirun"], {}, "'--multirun' is an option of the command line"),
        (["modle=unet"], {}, "there is no key or group 'modle'"),
        ([], {"loss": object()}, "loss is a object, expected a word"),
        ([], {"data": "folder"}, "data.classes is not given, expected the names of the classes"),
        ([], {"resume": "nowhere"}, "nowhere holds no run to go on with"),
    ],
)
def test_from_python_what_is_wrong_is_an_exception_of_one_line(
    arguments: list[str], settings: dict, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    root = logging.getLogger()
    handlers = list(root.handlers)
    with pytest.raises(InputError, match=message) as refused:
        hela_seg.train(*arguments, **settings)
    assert "\n" not in str(refused.value)
    assert root.handlers == handlers


def test_who_interrupts_a_training_from_python_gets_what_python_has(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(_: object) -> None:
        raise Interrupted(2, "go on with resume=a")

    monkeypatch.setattr("hela_seg.train.train", interrupted)
    with pytest.raises(KeyboardInterrupt, match="go on with resume=a"):
        hela_seg.train("hydra.output_subdir=null", "hydra.run.dir=.")


def test_runs_that_begin_in_the_same_second_have_folders_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for _ in range(3):
        with pytest.raises(InputError, match="nowhere is not there"):
            hela_seg.train("data=folder", "data.root=nowhere", "data.classes=[background,cell]")
    assert len(list(tmp_path.glob("outputs/train/*"))) == 3
