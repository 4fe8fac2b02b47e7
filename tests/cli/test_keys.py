"""The keys that are read from the configuration files as text are those that Hydra composes."""

from __future__ import annotations

from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from hela_seg.cli import COMMANDS, CONFIG
from hela_seg.cli.keys import all_keys, choices_of, groups_of, keys_of
from hela_seg.system.settings import flatten

FILES = sorted(path for path in CONFIG.rglob("*.yaml") if "hydra" not in path.parts)


@pytest.mark.parametrize("file", FILES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_the_keys_of_a_file_are_those_that_hydra_finds_in_it(file: Path) -> None:
    """An independent reading: OmegaConf's."""
    loaded = OmegaConf.to_container(OmegaConf.load(file), resolve=False)
    assert isinstance(loaded, dict)
    paths = [path for path in flatten(loaded) if not path.startswith(("defaults", "hydra"))]
    expected = {path for path in paths if not path.rpartition(".")[2].startswith("_")}
    assert expected <= {key.path for key in keys_of(file)}


@pytest.mark.parametrize("command", COMMANDS)
def test_groups_and_defaults_are_those_that_hydra_composes(command: str) -> None:
    with initialize_config_dir(str(CONFIG), version_base="1.3"):
        composed = compose(command, return_hydra_config=True)
    choices = composed.hydra.runtime.choices
    assert groups_of(command) == {group: choices[group] for group in groups_of(command)}
    assert set(groups_of(command)) == {group for group in choices if not group.startswith("hydra/")}


@pytest.mark.parametrize("command", COMMANDS)
def test_every_key_has_a_meaning(command: str) -> None:
    lacking = [key.path for key in all_keys(command) if not key.meaning]
    assert lacking == []
    assert all(choice for group in groups_of(command) for choice in choices_of(group).values())


def test_a_value_and_its_comment_are_told_apart() -> None:
    keys = {key.path: key for key in keys_of(CONFIG / "data" / "ctc.yaml", "data.")}
    assert keys["data.labels.kind"].default == "instances"
    assert keys["data.masks"].meaning.startswith("GT: drawn by people")
    assert keys["data.labels.ignore_value"].meaning.endswith('for colours one such as "#ff00ff"')
    classes = {key.path: key for key in keys_of(CONFIG / "convert.yaml")}["classes"]
    assert (classes.default, classes.meaning[:13]) == ("[background, round, spread]", "as in data=dr")
