"""Misspelt words, and words of other programs, are answered with what is there."""

from __future__ import annotations

import pytest

from hela_seg.cli import COMMANDS
from hela_seg.cli.keys import all_keys, groups_of
from hela_seg.cli.nearest import CALLED_HERE, nearest, no_option


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
    assert {meant.partition("=")[0] for meant in CALLED_HERE.values()} <= known
    assert no_option("train", "--epochs", "5").endswith("did you mean trainer.max_epochs=5?")
    assert no_option("train", "--lr=0.1", None).endswith("did you mean optimizer.lr=0.1?")
