"""Misspelt words, and words of other programs, are answered with what is there."""

from __future__ import annotations

from pathlib import Path

import pytest

from hela_seg.cli import COMMANDS
from hela_seg.cli.keys import all_keys, groups_of
from hela_seg.cli.nearest import CALLED_HERE, nearest, no_option, with_suggestion


@pytest.mark.parametrize(
    ("command", "word", "meant"),
    [
        ("train", "modle", "model"),
        ("train", "data.tle", "data.tile"),
        ("train", "split.gap", "data.split.gap"),
        ("train", "--batch-size", "data.batch_size"),
        ("train", "max_epoch", "trainer.max_epochs"),
        ("train", "learning-rate", "optimizer.lr"),
        ("train", "data_dir", "data.root"),
        ("check", "data.instances", "data.labels.kind=instances"),
        ("train", "model.epochs", "trainer.max_epochs"),
        ("predict", "ouput", "output"),
        ("predict", "output_dir", "output"),
        ("train", "output", "output_dir"),
        ("predict", "epochs", None),
        ("train", "qqqq", None),
    ],
)
def test_what_was_meant(command: str, word: str, meant: str | None) -> None:
    assert nearest(command, word) == meant


def test_words_of_other_programs_are_called_what_is_there() -> None:
    known = {key.path for command in COMMANDS for key in all_keys(command)}
    known |= {group for command in COMMANDS for group in groups_of(command)}
    assert {meant.partition("=")[0] for meant in CALLED_HERE.values()} <= known
    assert no_option("train", "--epochs", "5").endswith("did you mean trainer.max_epochs=5?")
    assert no_option("train", "--lr=0.1", None).endswith("did you mean optimizer.lr=0.1?")


def test_a_folder_where_a_layout_belongs_is_answered_with_what_looks_at_it(tmp_path: Path) -> None:
    (folder := tmp_path / "my cells").mkdir()
    meant = f"did you mean data=auto 'data.root={folder}'?"
    assert no_option("check", "--data", str(folder)).endswith(meant)
    assert no_option("check", "--data", "folder").endswith("did you mean data=folder?")
    assert with_suggestion("check", f"Could not find 'data/{folder}'").endswith(meant)


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("predict", "expected axes=TYX or z=max: set axes"),
        ("check", "expected data.axes=TYX or data.z=max: set data.axes"),
    ],
)
def test_a_message_names_the_keys_of_the_command(command: str, said: str) -> None:
    message = "expected data.axes=TYX or data.z=max: set data.axes (z and axes, to predict)"
    assert with_suggestion(command, message) == said
