"""Help says what the configuration files say, at once."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from hela_seg.cli import COMMANDS, CONFIG, main
from hela_seg.cli.help import help_of
from hela_seg.cli.keys import groups_of, keys_of
from hela_seg.system.errors import InputError


def test_help_has_a_line_for_each_key_and_fits_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    printed = help_of("train").splitlines()
    assert "  trainer.tf32=auto               on GPUs that have it; or true, false" in printed
    keys = printed[
        printed.index("Keys, set with key=value, and what they mean (--help WORD: those of a word)") :
    ]
    assert [line for line in keys if len(line) > 80] == []
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
    assert "  data.root=." in help_of("train", ["data=folder", "root"])
    with pytest.raises(InputError, match=r"did you mean trainer\.max_epochs"):
        help_of("train", ["epohcs"])
    with pytest.raises(InputError, match="model=unett is no choice, expected one of attention_unet"):
        help_of("train", ["model=unett"])


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


def test_help_that_is_asked_for_has_status_0(capsys: pytest.CaptureFixture[str]) -> None:
    assert main("train", ["model=unet", "--help"]) == 0
    assert "model: " in capsys.readouterr().out
    assert main("train", ["--help", "loss"]) == 0
    of_loss = capsys.readouterr().out
    assert main("train", ["--help=loss"]) == 0
    assert capsys.readouterr().out == of_loss
    assert main("train", ["--help", "qqqq"]) == 2
