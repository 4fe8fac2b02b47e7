"""What is of another kind than a default is refused by name, and the rest is left alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf

from hela_seg.system.errors import InputError
from hela_seg.system.settings import flatten, refuse_counts, refuse_unfit

MAIN = "seed: 0\nresume: false\ncallbacks: {last: {every_minutes: 10}}\n"
DATA = """# @package _global_
data: {root: "???", seed: "${seed}", images: images, batch_size: 4, z: null, split: {validation: 1}}
"""
MODEL = "width: 64\nactivation: relu\n"
AUTO, CPU = "precision: auto\nmax_epochs: 100\ndevices: 1\n", "defaults: [auto, _self_]\naccelerator: cpu\n"


@pytest.fixture
def main(tmp_path: Path) -> Path:
    texts = {"train.yaml": MAIN, "data/folder.yaml": DATA, "model/unet.yaml": MODEL}
    for path, text in (texts | {"trainer/auto.yaml": AUTO, "trainer/cpu.yaml": CPU}).items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(text)
    return tmp_path / "train.yaml"


def refuse(main: Path, key: str, value: Any) -> None:
    config = OmegaConf.create()
    OmegaConf.update(config, key, value, force_add=True)
    refuse_unfit(config, [f"{key}={value}"], main, {"data": "folder", "model": "unet", "trainer": "cpu"})


@pytest.mark.parametrize(
    ("key", "shipped"),
    [("seed", "0"), ("data.batch_size", "4"), ("model.width", "64"), ("trainer.max_epochs", "100")],
)
def test_a_word_for_a_number_is_refused(main: Path, key: str, shipped: str) -> None:
    with pytest.raises(InputError, match=f"^{key} is 'many', expected a number such as {shipped}$"):
        refuse(main, key, "many")


@pytest.mark.parametrize(
    ("key", "value", "found"),
    [
        ("data.batch_size", None, "null"),
        ("data.split.validation", None, "null"),
        ("model.width", [1], r"'\[1\]'"),
    ],
)
def test_null_and_a_list_for_a_number_are_refused(main: Path, key: str, value: Any, found: str) -> None:
    with pytest.raises(InputError, match=f"^{key} is {found}, expected a number such as"):
        refuse(main, key, value)


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("data.images", None, "data.images is null, expected a word such as images"),
        ("trainer.precision", None, "trainer.precision is null, expected a word such as auto"),
        ("data.split", -1, "data.split is '-1', expected null or its settings: set data.split.validation"),
        ("callbacks", "none", "callbacks is 'none', expected null or its settings: set callbacks."),
    ],
)
def test_null_for_a_word_and_a_value_for_settings_are_refused(
    main: Path, key: str, value: Any, said: str
) -> None:
    with pytest.raises(InputError) as refused:
        refuse(main, key, value)
    assert str(refused.value).startswith(said)


@pytest.mark.parametrize("value", [0, -1, 1.5, "many", [1]])
def test_what_is_no_count_is_refused(value: Any) -> None:
    refuse_counts("data", {"batch_size": 1, "steps_per_epoch": None})
    with pytest.raises(InputError, match=r"^data\.batch_size is .*, expected a whole number of 1 or more$"):
        refuse_counts("data", {"steps_per_epoch": None, "batch_size": value})


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("seed", 3),
        ("callbacks.last.every_minutes", None),
        ("trainer.devices", [1]),
        ("data.split.test", ["dish 1", "dish 2"]),
        ("resume", "outputs/run"),
        ("data.z", "max"),
        ("data.split.validation", "dish 3"),
        ("model.width", 8),
        ("model.activation", "leaky_relu"),
        ("model.new", "word"),
        ("other.width", "wide"),
        ("trainer.accelerator", "gpu"),
        ("data.split", {"test": 1}),
        ("data.labels", None),
        ("data.root", None),
        ("data.seed", 7),
        ("data.seed", None),
        ("hydra.run.dir", None),
    ],
)
def test_the_rest_is_left_alone(main: Path, key: str, value: Any) -> None:
    refuse(main, key, value)


def test_settings_by_their_paths() -> None:
    assert flatten({"a": {"b": 1, "c": {"d": [2]}}, "e": {}}) == {"a.b": 1, "a.c.d": [2], "e": {}}
