"""What the README and the documentation tell people to type works as it stands there."""

from __future__ import annotations

import pydoc
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
import warnings
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
import tifffile
from conftest import SMALL_NET, write_dryad, write_folder
from keras_h5 import graph, small_values, write_saved

from hela_seg import __main__ as console
from hela_seg.cli import CONFIG, main
from hela_seg.cli.keys import all_keys
from hela_seg.models.smp import encoder_names

ROOT = Path(__file__).parents[1]
PAGES = {
    path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
    for path in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md")))
}
README = PAGES["README.md"]
BLOCKS = [
    (language, text)
    for name, page in PAGES.items()
    if not (ROOT / f"tests/test_{Path(name).stem}_page.py").is_file()  # which runs what stands on that page
    for language, text in re.findall(r"^ *```(\w+)\n(.*?)^ *```$", page, re.MULTILINE | re.DOTALL)
]
TYPED = [
    command.strip()
    for language, text in BLOCKS
    if language == "bash"
    for line in text.replace("\\\n", " ").splitlines()
    for command in line.split(" && ")
    if command.strip()
]
ELSEWHERE = (
    *("pip install", "pytest", "bash .ci/run", "ruff", "mkdocs"),
    "torchrun",  # run by training/test_ddp.py
    "OMP_NUM_THREADS=1 python tests/benchmarks/",  # hours; test_benchmarks.py tries the scripts
)
COMMANDS = list(dict.fromkeys(command for command in TYPED if not command.startswith(ELSEWHERE)))
FOLLOWING = {"best.onnx": "format=onnx"}
"""What a command reads that another one writes, and words of that one."""

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
    """A folder with all that the examples name."""
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
    """Settings that shorten a training run, less those that stand on the page."""
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
        settings.append("hydra.sweeper.n_trials=2")
    if chosen & {"search", "minutes"}:
        settings.append("minutes=null")
    shorter = {"data.steps_per_epoch", "model.encoder_name", "minutes"}
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
def test_commands_of_the_documentation_work(
    commands: list[str], desk: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    for command in commands:
        if command.startswith("hela-seg --"):
            monkeypatch.setattr(sys, "argv", shlex.split(command))
            assert console.main() == 0
            continue
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
        # the settings that stand on the page come last but for what makes a run short
        short = {
            "train": small(arguments),
            "benchmark": [*SHORT_BENCHMARK, DRAWING],
            "convert": ["model.width=4"],
        }
        assert main(name, [*arguments, *short.get(name, [])]) == 0


def test_scripts_that_the_documentation_names_are_there() -> None:
    named = {
        name for page in PAGES.values() for name in re.findall(r"(?:tests/benchmarks|docs)/\w+\.py", page)
    }
    assert len(named) > 10
    assert [name for name in sorted(named) if not (ROOT / name).is_file()] == []


def test_the_encoder_that_the_documentation_names_is_there() -> None:
    (named,) = re.findall(r"^python .*model\.encoder_name=(\S+)$", PAGES["docs/nets.md"], re.MULTILINE)
    assert named in encoder_names()  # a smaller one is trained above


@pytest.mark.parametrize("code", [text for language, text in BLOCKS if language == "python"])
def test_the_python_of_the_documentation_works(code: str, desk: Path) -> None:
    names: dict[str, object] = {}
    exec(code, names)
    labels = names["labels"]
    assert isinstance(labels, np.ndarray)
    assert labels.dtype == np.uint8
    assert labels.shape == tifffile.imread("movie.tif").shape


def test_files_of_a_run_that_are_named_are_there(run: Path) -> None:
    table = PAGES["docs/training.md"].split("holds:")[1].split("\n\n")[1]
    for cell in re.findall(r"^\| (`[^|]*`) \|", table, re.MULTILINE):
        for name in re.findall(r"`([^`]+)`", cell):
            assert (run / name).exists(), name


def test_choices_that_are_named_are_there_and_none_is_missing() -> None:
    table = PAGES["docs/settings.md"].split("```bash")[0]
    for group, choices in re.findall(r"^\| `(\w+)` \| (.*) \|$", table, re.MULTILINE):
        named = set(re.findall(r"`(\w+)`", choices)) - {"32"}
        shipped = {path.stem for path in (CONFIG / group).glob("*.yaml")}
        assert shipped <= named, group


def test_extras_that_are_named_are_those_that_can_be_installed() -> None:
    table = PAGES["docs/quickstart.md"].split("## Extras")[1].split("\n\n")[2]
    named = {
        name
        for cell in re.findall(r"^\| (`.*?`) \|", table, re.MULTILINE)
        for name in re.findall(r"`(\w+)`", cell)
    }
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert named == set(project["optional-dependencies"])


def test_messages_that_are_explained_are_those_of_the_program() -> None:
    lines = [path.read_text(encoding="utf-8") for path in (ROOT / "hela_seg").rglob("*.py")]
    source = re.sub(r'"\s*\n\s*f?"', "", "\n".join(lines))
    table = PAGES["docs/errors.md"].split("| the line says |")[1]
    explained = re.findall(r"^\| `([^`]+)` \|", table, re.MULTILINE)
    assert len(explained) > 10
    assert [message for message in explained if message not in source] == []


def _anchors(text: str) -> set[str]:
    headings = [heading.lower() for heading in re.findall(r"^#+ (.*)$", text, re.MULTILINE)]
    return {re.sub(r"[^\w -]", "", heading).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("name", PAGES)
def test_links_lead_to_files_and_headings_and_lines_are_short(name: str) -> None:
    text, here = PAGES[name], (ROOT / name).parent
    assert [line for line in text.splitlines() if len(line) > 120] == []
    links = re.findall(r"\]\(([^)\s]+)\)", text) + re.findall(r"^\[[^\]]+\]: (\S+)$", text, re.MULTILINE)
    for link in links:
        file, _, anchor = link.partition("#")
        if not link.startswith("http"):
            target = (here / file).resolve() if file else ROOT / name
            assert target.exists(), link
            assert not anchor or anchor in _anchors(target.read_text(encoding="utf-8")), link
    assert set(re.findall(r"\]\[([^\]]+)\]", text)) <= set(re.findall(r"^\[([^\]]+)\]: ", text, re.MULTILINE))


def test_the_readme_is_read_in_a_few_minutes() -> None:
    assert len(README.split()) <= 1300


def test_pictures_are_there_whole_and_small() -> None:
    shown = [
        ((ROOT / name).parent / path, words)
        for name, page in PAGES.items()
        for words, path in re.findall(r"!\[([^]]+)\]\(([^)]+)\)", page)
    ]
    assert len(shown) >= 3
    for path, words in shown:
        assert len(words) > 20
        assert 1000 < path.stat().st_size < 300 * 2**10
    for path in (ROOT / "docs" / "pictures").glob("*.svg"):
        assert ElementTree.parse(path).getroot().tag == "{http://www.w3.org/2000/svg}svg"
        assert "var(--ink)" in path.read_text(encoding="utf-8")  # light or dark as the page


@pytest.mark.slow
def test_the_site_is_built_without_a_warning_and_without_a_network(tmp_path: Path) -> None:
    pytest.importorskip("mkdocstrings", reason="the site needs the extra docs")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "-f", ".github/mkdocs.yml"]
    done = subprocess.run([*command, "-d", str(tmp_path)], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    built = {path.stem for path in tmp_path.glob("*.html")}
    assert {Path(name).stem for name in PAGES if name.startswith("docs/")} <= built
    settings = (tmp_path / "settings.html").read_text(encoding="utf-8")
    assert all(key.path in settings for command in console.COMMANDS for key in all_keys(command))


def test_what_the_page_of_the_api_names_is_there() -> None:
    names = re.findall(r"^::: (\S+)$", PAGES["docs/api.md"], re.MULTILINE)
    assert names
    assert [name for name in names if pydoc.locate(name) is None] == []


def test_every_page_is_in_the_navigation_of_the_site() -> None:
    listed = re.findall(r"- (?:Home: )?(\w+\.md)$", (ROOT / ".github/mkdocs.yml").read_text(), re.MULTILINE)
    pages = {Path(name).name for name in PAGES if name.startswith("docs/")}
    assert pages | {"index.md", "contributing.md"} <= set(listed)
