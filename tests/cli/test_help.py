"""Help, the Tab key and "did you mean" say what the configuration files say, at once."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from hela_seg.cli import COMMANDS, CONFIG, main
from hela_seg.cli.completion import SCRIPTS, completions
from hela_seg.cli.help import help_of
from hela_seg.cli.keys import all_keys, choices_of, groups_of, keys_of
from hela_seg.cli.nearest import CALLED_HERE, nearest, no_option
from hela_seg.system.errors import InputError
from hela_seg.system.settings import flatten

FILES = sorted(path for path in CONFIG.rglob("*.yaml") if "hydra" not in path.parts)


@pytest.mark.parametrize("file", FILES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_the_keys_of_a_file_are_those_that_hydra_finds_in_it(file: Path) -> None:
    """An independent reading: OmegaConf's."""
    loaded = OmegaConf.to_container(OmegaConf.load(file), resolve=False)
    assert isinstance(loaded, dict)
    paths = [path for path in flatten(loaded) if not path.startswith(("defaults", "hydra"))]
    expected = {path for path in paths if not path.rpartition(".")[2].startswith("_")}
    found = {key.path: key.default for key in keys_of(file)}
    spelt_out = {path for path, default in found.items() if default.startswith("{")}
    assert {path for path in expected if not path.startswith(tuple(spelt_out))} <= found.keys()


@pytest.mark.parametrize("command", COMMANDS)
def test_groups_and_defaults_are_those_that_hydra_composes(command: str) -> None:
    with initialize_config_dir(str(CONFIG), version_base="1.3"):
        composed = compose(command, return_hydra_config=True)
    choices = composed.hydra.runtime.choices
    assert groups_of(command) == {group: choices[group] for group in groups_of(command)}
    assert set(groups_of(command)) == {group for group in choices if not group.startswith("hydra/")}


@pytest.mark.parametrize("command", COMMANDS)
def test_every_key_has_a_meaning(command: str) -> None:
    spelt_out = ("output_dir", "data.labels", "data.split", "data.drawing")
    lacking = [key.path for key in all_keys(command) if not key.meaning and key.path not in spelt_out]
    assert lacking == []
    assert all(choice for group in groups_of(command) for choice in choices_of(group).values())


def test_a_value_and_its_comment_are_told_apart() -> None:
    keys = {key.path: key for key in keys_of(CONFIG / "data" / "ctc.yaml", "data.")}
    assert keys["data.labels.kind"].default == "instances"
    assert keys["data.masks"].meaning.startswith("GT: drawn by people")
    assert keys["data.labels.ignore_value"].meaning.endswith('for colours one such as "#ff00ff"')
    classes = {key.path: key for key in keys_of(CONFIG / "convert.yaml")}["classes"]
    assert (classes.default, classes.meaning[:13]) == ("[background, round, spread]", "as in data=dr")


def test_help_has_a_line_for_each_key_and_fits_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    printed = help_of("train").splitlines()
    assert "  trainer.tf32=auto               on GPUs that have it; or true, false" in printed
    keys = printed[printed.index("Keys, set with key=value, their defaults and what they mean") :]
    assert [line for line in keys if len(line) > 80 and "=" not in line and ":" not in line] == []
    for group, choice in groups_of("train").items():
        assert any(line.startswith(f"{group}: ") for line in printed)
        for key in keys_of(CONFIG / group / f"{choice}.yaml", f"{group}.") if choice else ():
            assert any(line.startswith(f"  {key.path}") for line in printed), key.path


def test_help_is_searched_by_words_groups_and_choices() -> None:
    flicker = help_of("predict", ["majority"])
    assert flicker.startswith("  majority=1")
    assert len(flicker.splitlines()) < 4
    data = help_of("train", ["data"])
    assert data.startswith("data: auto, ctc, dryad, folder, synthetic, timelapse (here synthetic)")
    assert "  data=ctc  " in data
    assert "trainer." not in data
    assert "  data.root=???" in help_of("train", ["data=folder", "root"])
    with pytest.raises(InputError, match=r"did you mean trainer\.max_epochs"):
        help_of("train", ["epohcs"])
    with pytest.raises(InputError, match="model=unett is no choice, expected one of attention_unet"):
        help_of("train", ["model=unett"])


@pytest.mark.parametrize(
    ("command", "word", "meant"),
    [
        ("train", "modle", "model"),
        ("train", "data.tle", "data.tile"),
        ("train", "split.gap", "data.split.gap"),
        ("train", "--batch-size", "data.batch_size"),
        ("train", "max_epoch", "trainer.max_epochs"),
        ("train", "learning-rate", "optimizer.lr"),
        ("predict", "ouput", "output"),
        ("predict", "epochs", None),
        ("train", "qqqq", None),
    ],
)
def test_what_was_meant(command: str, word: str, meant: str | None) -> None:
    assert nearest(command, word) == meant


def test_words_of_other_programs_are_called_what_is_there() -> None:
    known = {key.path for command in COMMANDS for key in all_keys(command)}
    known |= {group for command in COMMANDS for group in groups_of(command)} | {"hydra.run.dir"}
    assert set(CALLED_HERE.values()) <= known
    assert no_option("train", "--epochs", "5").endswith("did you mean trainer.max_epochs=5?")
    assert no_option("train", "--lr=0.1", None).endswith("did you mean optimizer.lr=0.1?")


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        (["tr"], ["track ", "train "]),
        (["train", "loss=d"], ["loss=dice", "loss=dice_ce"]),
        (["train", "data.split.f"], ["data.split.folds=", "data.split.fold=", "data.split.file="]),
        (["train", "call"], ["callbacks=", "callbacks."]),
        (["predict", "best.ckpt", "maj"], ["majority="]),
        (["nothing", "x"], []),
    ],
)
def test_the_tab_key_offers(typed: list[str], expected: list[str]) -> None:
    assert sorted(completions(typed)) == sorted(expected)


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash here")
def test_bash_completes_after_the_equal_sign(tmp_path: Path) -> None:
    program = tmp_path / "hela-seg"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m hela_seg "$@"\n')
    program.chmod(0o755)
    script = SCRIPTS["bash"] + '\nCOMP_LINE="hela-seg train loss=di"; COMP_POINT=${#COMP_LINE}; _hela_seg'
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", f'{script}\necho "${{COMPREPLY[@]}}"'],
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
    )
    assert (done.stdout, done.stderr) == ("dice dice_ce\n", "")


WITHOUT_HYDRA = """
import sys
from hela_seg.cli import main
statuses = [main("predict", ["nowhere.ckpt", "movie.tif", "-o", "out"]), main("train", ["--epochs", "5"])]
statuses += [main("train", ["data=folder", "data.root=nowhere"]), main("train", ["--help", "loss"])]
print(statuses, {"hydra", "torch", "yaml", "numpy"} & set(sys.modules))
"""


def test_paths_and_options_are_looked_at_before_anything_slow_is_imported(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_HYDRA], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "[2, 2, 2, 0] set()"
    refused = done.stderr.splitlines()
    assert refused[0].startswith("error: nowhere.ckpt is not there, expected a file or folder to read")
    assert refused[2].startswith("error: nowhere is not there")


def test_help_that_is_asked_for_has_status_0(capsys: pytest.CaptureFixture[str]) -> None:
    assert main("train", ["model=unet", "--help"]) == 0
    assert "model: " in capsys.readouterr().out
    assert main("train", ["--help", "qqqq"]) == 2
