"""The console script runs the commands, and says which there are."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

import hela_seg
from hela_seg import __main__ as console
from hela_seg.cli import COMMANDS


def typed(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["hela-seg", *arguments])
    return console.main()


@pytest.mark.parametrize("arguments", [[], ["--help"], ["-h"]])
def test_help_explains_every_command_in_a_line(arguments, monkeypatch, capsys) -> None:
    assert typed(monkeypatch, *arguments) == 0
    said = capsys.readouterr()
    lines = said.out.splitlines()
    for name, command in COMMANDS.items():
        assert sum(line.split() == [name, *command.about.split()] for line in lines) == 1
    assert said.err == ""


def test_the_version_is_that_of_the_package(monkeypatch, capsys) -> None:
    assert typed(monkeypatch, "--version") == 0
    assert typed(monkeypatch, "train", "--version") == 0
    assert capsys.readouterr().out == f"hela_seg {hela_seg.__version__}\n" * 2


@pytest.mark.parametrize(
    ("name", "said"), [("tarin", "did you mean train?"), ("xyz", "expected one of check")]
)
def test_an_unknown_command_is_one_line_and_status_2(name, said, monkeypatch, capsys) -> None:
    assert typed(monkeypatch, name, "model=unet") == 2
    printed = capsys.readouterr()
    assert (printed.out, printed.err.count("\n")) == ("", 1)
    assert printed.err.startswith(f"error: '{name}' is no command: {said}")


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_gets_what_is_typed_behind_it_and_its_status_is_returned(name, monkeypatch) -> None:
    called = []
    monkeypatch.setattr(console, "run", lambda *given: called.append(given) or 7)
    assert typed(monkeypatch, name, "a=1", "--help") == 7
    assert called == [(name, ["a=1", "--help"])]


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [(["tarin"], 2, "error: 'tarin' is no command"), (["train", "--help"], 0, "Train a net")],
)
def test_the_package_runs_as_a_module(arguments: list[str], status: int, said: str) -> None:
    command = [sys.executable, "-m", "hela_seg", *arguments]
    ended = subprocess.run(command, capture_output=True, text=True)
    assert ended.returncode == status
    assert (ended.stdout + ended.stderr).startswith(said)


@pytest.mark.parametrize("arguments", [["train", "--help"], ["--help"], ["train", "--version"]])
def test_an_answer_whose_reader_has_gone_ends_quietly(arguments: list[str]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        command = [sys.executable, "-m", "hela_seg", *arguments]
        ended = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, text=True)
    finally:
        os.close(writing)
    assert (ended.returncode, ended.stderr) == (0, "")
