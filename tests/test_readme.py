"""What the README tells people to type works as it stands there."""

from __future__ import annotations

import re
import shlex
import shutil
import tomllib
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from conftest import SMALL_NET, write_dryad, write_folder
from keras_h5 import graph, small_values, write_saved

from hela_seg.cli import main
from hela_seg.models.smp import encoder_names

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
TYPED = [
    command
    for language, text in BLOCKS
    if language == "bash"
    for line in text.replace("\\\n", " ").splitlines()
    for command in line.split(" && ")
    if command.strip()
]
ELSEWHERE = ("pip install", "pytest", "torchrun")  # the last is run by test_ddp.py
COMMANDS = [command for command in TYPED if not command.startswith(ELSEWHERE)]
FOLLOWING = {"best.onnx": "format=onnx"}
"""What a command reads that another one of the README writes, and words of that one."""

SHORT_BENCHMARK = ["data.tile=[32,32]", "model.width=4", "repeats=1"]
EXTRAS = {
    "search=": "hydra_plugins.hydra_optuna_sweeper",
    "hydra/launcher=joblib": "hydra_plugins.hydra_joblib_launcher",
    "hydra/launcher=submitit_local": "hydra_plugins.hydra_submitit_launcher",
    "logger=mlflow": "mlflow",
    "logger=wandb": "wandb",
}
"""Choices of commands that only run where a package of an extra is installed, and its modules."""

DRAWING = "data.drawing={series: 3, frames: 1, height: 64, width: 64, seed: 0}"


@pytest.fixture
def desk(tmp_path: Path, run: Path, checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with all that the README's examples name."""
    for name in ("best.ckpt", "last.ckpt"):
        shutil.copy(checkpoint, tmp_path / name)
    shutil.copytree(run, tmp_path / "outputs" / "train" / "2026-01-31_12-00-00")
    recordings = write_folder(tmp_path / "my cells")
    shutil.copytree(recordings / "images", tmp_path / "films of May")
    shutil.copytree(recordings / "masks", tmp_path / "their masks")
    shutil.copy(recordings / "images" / "dish 0.tif", tmp_path / "movie.tif")
    write_dryad(tmp_path / "dryad")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def small(arguments: list[str]) -> list[str]:
    """Settings that shorten a training run, less those that the README sets."""
    chosen = {argument.split("=")[0] for argument in arguments}
    if "resume" in chosen and "--multirun" not in chosen:
        return []  # the run's own settings
    narrow = SMALL_NET
    if "model=smp" in arguments:  # which has no width
        narrow = ["model.encoder_name=tu-convnext_atto", *SMALL_NET[1:]]
    settings = [*narrow, "trainer.max_epochs=1"]
    if not any(argument.startswith(("data=", "experiment=")) for argument in arguments):
        settings.append(DRAWING)
    if any(argument.startswith("search=") for argument in arguments):
        settings += ["hydra.sweeper.n_trials=2", "minutes=null"]
    shorter = {"data.steps_per_epoch", "model.encoder_name"}
    return [setting for setting in settings if setting.split("=")[0] not in chosen - shorter]


def words_of(command: str) -> tuple[str, list[str]]:
    """The command's name and what is typed behind it."""
    words = shlex.split(command)
    if words[0] == "hela-seg":
        return words[1], words[2:]
    assert words[:2] == ["python", "-m"]
    return words[2].removeprefix("hela_seg."), words[3:]


def in_order() -> list[Any]:
    """Each command once, behind those whose files it reads; what needs the real images is slow."""
    before = {
        command: [
            other
            for other in COMMANDS
            if any(file in command and words in other for file, words in FOLLOWING.items())
        ]
        for command in COMMANDS
    }
    taken = {other for others in before.values() for other in others}
    slow = [pytest.mark.slow]
    return [
        pytest.param([*before[command], command], marks=slow if "../shared" in command else [], id=command)
        for command in COMMANDS
        if command not in taken
    ]


def test_it_opens_with_the_two_commands_that_a_fresh_machine_needs() -> None:
    first, second = (text.strip() for language, text in BLOCKS[:2] if language == "bash")
    assert first == "pip install -e . && python -m hela_seg.train"
    assert second == 'pip install -e ".[test]" && pytest'


@pytest.mark.parametrize("commands", in_order())
def test_commands_of_the_readme_work(commands: list[str], desk: Path, request: pytest.FixtureRequest) -> None:
    for command in commands:
        for choice, package in EXTRAS.items():
            if choice in command:
                pytest.importorskip(package, reason=f"{choice} needs an extra")
                warnings.simplefilter("ignore")  # of these packages about their own
        name, arguments = words_of(command)
        if "../shared" in command:
            shared = request.getfixturevalue("shared")
            arguments = [word.replace("../shared/data", str(shared)) for word in arguments]
        if name == "convert":
            values, config = small_values("resnet34_unet"), graph("resnet34_unet", by=57)
            write_saved(desk / "ResNet34_UNet.hdf5", values, config, by=57)
        # the settings that stand in the README come last but for what makes a run short
        short = {
            "train": small(arguments),
            "benchmark": [*SHORT_BENCHMARK, DRAWING],
            "convert": ["model.width=4"],
        }
        assert main(name, [*arguments, *short.get(name, [])]) == 0


def test_the_encoder_that_the_readme_names_is_there() -> None:
    (named,) = re.findall(r"^python .*model\.encoder_name=(\S+)$", README, re.MULTILINE)
    assert named in encoder_names()  # a smaller one is trained above


@pytest.mark.parametrize("code", [text for language, text in BLOCKS if language == "python"])
def test_the_python_of_the_readme_works(code: str, desk: Path) -> None:
    names: dict[str, object] = {}
    exec(code, names)
    labels = names["labels"]
    assert isinstance(labels, np.ndarray)
    assert labels.dtype == np.uint8
    assert labels.shape == tifffile.imread("movie.tif").shape


def test_files_that_the_readme_names_are_there(run: Path) -> None:
    for name in re.findall(r"\]\(((?!http|#)[^)]+)\)", README):
        assert (ROOT / name).exists(), name
    in_a_run = re.findall(r"^\| (`[^|]*`) \|", README.split("holds:")[1].split("\n\n")[1], re.MULTILINE)
    for cell in in_a_run:
        for name in re.findall(r"`([^`]+)`", cell):
            assert (run / name).exists(), name


def test_choices_that_the_readme_names_are_there_and_none_is_missing() -> None:
    from hela_seg.cli import CONFIG

    table = README.split("## Settings")[1].split("```bash")[0]
    for group, choices in re.findall(r"^\| `(\w+)` \| (.*) \|$", table, re.MULTILINE):
        named = set(re.findall(r"`(\w+)`", choices)) - {"32"}
        shipped = {path.stem for path in (CONFIG / group).glob("*.yaml")}
        assert shipped <= named, group


def test_extras_of_the_readme_are_those_that_can_be_installed() -> None:
    table = README.split("## Extras")[1].split("\n\n")[2]
    named = {
        name
        for cell in re.findall(r"^\| (`.*?`) \|", table, re.MULTILINE)
        for name in re.findall(r"`(\w+)`", cell)
    }
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert named == set(project["optional-dependencies"])


@pytest.mark.parametrize(
    "name", ["README.md", *sorted(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md"))]
)
def test_links_lead_to_headings_and_lines_are_short(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    assert [line for line in text.splitlines() if len(line) > 120] == []
    headings = [heading.lower() for heading in re.findall(r"^#+ (.*)$", text, re.MULTILINE)]
    anchors = {re.sub(r"[^\w -]", "", heading).replace(" ", "-") for heading in headings}
    assert set(re.findall(r"\]\(#([^)]+)\)", text)) <= anchors
