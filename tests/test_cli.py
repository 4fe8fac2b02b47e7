"""What is typed reaches the configuration unharmed, and what goes wrong is one line."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from pathlib import Path

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import given
from hypothesis import strategies as st
from omegaconf import OmegaConf

import hela_seg
from hela_seg import cli
from hela_seg.cli import COMMANDS, Command, arguments, main, overrides
from hela_seg.system.errors import InputError, Interrupted

PREDICT = COMMANDS["predict"]


def parsed(override: str) -> object:
    return OverridesParser.create().parse_override(override).value()


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        (["best.ckpt", "film.tif", "-o", "out"], ["ckpt='best.ckpt'", "input='film.tif'", "output='out'"]),
        (["input=film.tif", "best.ckpt"], ["input='film.tif'", "ckpt='best.ckpt'"]),
        (["ckpt=[a.ckpt,b.ckpt]"], ["ckpt=[a.ckpt,b.ckpt]"]),
        (["ckpt='a b.ckpt'"], ["ckpt='a b.ckpt'"]),
        (["overwrite=true", "--cfg", "job"], ["--cfg", "job", "overwrite=true"]),
        (["output=null"], ["output=null"]),
        (["-v", "a.ckpt"], ["verbose=true", "ckpt='a.ckpt'"]),
        (["ckpt=a.ckpt,b.ckpt", "-m", "axes=TYX"], ["-m", "ckpt=a.ckpt,b.ckpt", "axes=TYX"]),
    ],
)
def test_positions_and_options_become_overrides(typed: list[str], expected: list[str]) -> None:
    assert overrides(PREDICT, typed) == expected


@pytest.mark.parametrize(
    "path",
    ["my cells", "a (1)", "x,y", "k=v", "Zellen für Müller", "it's", "back\\slash\\", "[1]", "{a}", "a:b #1"],
)
def test_a_path_means_what_the_shell_means(
    path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path(path).mkdir()
    for typed in ([f"input={path}"], [path]):
        (override,) = overrides(Command(("input",), paths=frozenset({"input"})), typed)
        assert parsed(override) == path


def test_a_folder_named_as_a_setting_leaves_it_a_setting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("seed=0", "model=unet", "axes=TYX", "lr=0.1"):
        Path(name).mkdir()
    assert overrides(COMMANDS["train"], ["seed=0", "model=unet"]) == ["seed=0", "model=unet"]
    assert overrides(PREDICT, ["a.ckpt", "axes=TYX"]) == ["ckpt='a.ckpt'", "axes=TYX"]
    assert overrides(PREDICT, ["seed=0"]) == ["ckpt='seed=0'"]  # predict has no such key
    assert overrides(COMMANDS["compare"], ["lr=0.1", "./seed=0"]) == ["runs=['lr=0.1','./seed=0']"]


def test_the_users_folder_is_meant_by_a_tilde_in_paths_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    typed = ["input=~/movie.tif", "-o", "out", "shard=~/x"]
    assert overrides(PREDICT, typed) == [f"input='{tmp_path}/movie.tif'", "output='out'", "shard=~/x"]
    assert overrides(COMMANDS["train"], ["data.root=~/cells"]) == [f"data.root='{tmp_path}/cells'"]
    Path("~").mkdir()
    assert overrides(PREDICT, ["input=~"]) == ["input='~'"]


@given(st.text(st.characters(codec="utf-8", exclude_characters="\0\n\r$"), min_size=1))
def test_quoting_survives_hydras_grammar(path: str) -> None:
    assert parsed(arguments._quoted("input", path)) == path


def test_an_argument_too_many_and_an_option_without_value_are_refused() -> None:
    with pytest.raises(InputError, match="'c' is one argument too many"):
        overrides(PREDICT, ["a", "b", "c"])
    with pytest.raises(InputError, match="-o stands last"):
        overrides(PREDICT, ["a", "b", "-o"])


def test_a_long_list_is_no_path_that_is_too_long() -> None:
    named = f"data.classes=[{','.join(f'class {number}' for number in range(100))}]"
    assert overrides(COMMANDS["train"], [named]) == [named]


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
        (["data=folder"], "data.classes and data.root not given"),
        (["trainer.max_epochs={"], "trainer.max_epochs={ is not understood"),
        (["data.layout=heap"], "data.layout is 'heap', expected one of folder"),
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


WRONG_VALUES = """
import sys
from hela_seg.cli import main
for typed in sys.argv[1:]:
    print(main("train", [typed, "hydra.run.dir=run"]), "torch" in sys.modules)
"""


def test_a_wrong_value_is_refused_without_torch(tmp_path: Path) -> None:
    said = {
        "data.batch_size=no": "data.batch_size is 'no', expected a whole number of 1 or more, such as 4",
        "data.workers=1.5": "data.workers is 1.5, expected a whole number of 0 or more or null",
        "trainer.max_steps=x": "trainer.max_steps is 'x', expected a whole number of 1 or more",
        "minutes=-1": "minutes is -1, expected a number above 0 or null",
        "report=3": "report is 3, expected true or false",
    }
    typed = [sys.executable, "-c", WRONG_VALUES, *said]
    done = subprocess.run(typed, capture_output=True, text=True, cwd=tmp_path)
    assert done.stdout == "2 False\n" * len(said)
    refused = [
        line.removeprefix("error: ") for line in done.stderr.splitlines() if line.startswith("error: ")
    ]
    assert refused == list(said.values())


HELP_OF_ALL = """
import contextlib, io, json, runpy, sys
said = {}
for command in sys.argv[1:]:  # as ``python -m`` runs it, for a command's own module may import too early
    sys.argv[1:] = ["--help"]
    with contextlib.redirect_stdout(io.StringIO()) as printed, contextlib.suppress(SystemExit):
        runpy.run_module(f"hela_seg.{command}", run_name="__main__")
    said[command] = [printed.getvalue(), "torch" in sys.modules]
print(json.dumps(said))
"""


def test_help_names_groups_and_three_examples_without_torch() -> None:
    typed = [sys.executable, "-c", HELP_OF_ALL, *sorted(COMMANDS)]
    done = subprocess.run(typed, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    said = json.loads(done.stdout)
    assert {command: torch for command, (_, torch) in said.items()} == dict.fromkeys(COMMANDS, False)
    for command, (printed, _) in said.items():
        assert printed.count(f"python -m hela_seg.{command}") >= 3
        if command not in {"predict", "track", "compare", "convert", "export"}:
            assert "data: auto, ctc, dryad, folder, synthetic, timelapse" in printed


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("data.images={series}/phase_{t}.tif", "data.images='{series}/phase_{t}.tif'"),
        ("data.masks={id}/masks/*.png", "data.masks='{id}/masks/*.png'"),
        ("data.images=[{n}_a.tif, {n}_b.tif]", "data.images=['{n}_a.tif','{n}_b.tif']"),
        (
            "data.masks={round: {n}_r.png, spread: {n}_s.png}",
            "data.masks={round: '{n}_r.png',spread: '{n}_s.png'}",
        ),
        ("data.images=['{n}, a.tif']", "data.images=['{n}, a.tif']"),
        ("data.images=[]", "data.images=[]"),
    ],
)
def test_patterns_need_no_quotes_beside_those_of_the_shell(typed: str, expected: str) -> None:
    assert overrides(COMMANDS["train"], [typed]) == [expected]


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        (["loss._target_=my.Loss"], ["++loss._target_=my.Loss"]),
        (
            ["loss._target_=my.Loss", "loss.share=0.5", "loss=dice", "losses.a=1"],
            ["++loss._target_=my.Loss", "++loss.share=0.5", "loss=dice", "losses.a=1"],
        ),
        (
            ["+callbacks.a._target_=my.A", "callbacks.b.x=1"],
            ["+callbacks.a._target_=my.A", "callbacks.b.x=1"],
        ),
        (["data._target_=my.Data", "data.tile=[8,8]"], ["data._target_=my.Data", "data.tile=[8,8]"]),
    ],
)
def test_keys_of_a_class_that_is_typed_may_be_new(typed: list[str], expected: list[str]) -> None:
    assert overrides(COMMANDS["train"], typed) == expected


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
        ([], {"data": "folder"}, "data.classes and data.root not given"),
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


TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0\n\r$"))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXT,
    lambda inside: (
        st.lists(inside, max_size=3)
        | st.dictionaries(st.from_regex(r"key_[a-z]{1,3}", fullmatch=True), inside, max_size=3)
    ),
    max_leaves=6,
)


@given(VALUES)
def test_a_value_of_python_comes_back_from_hydras_grammar(value: object) -> None:
    assert parsed(cli.setting("data.anything", value)) == value
