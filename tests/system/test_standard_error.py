"""Messages are printed above a progress bar on a terminal, and reach the file that they are sent to."""

from __future__ import annotations

import io
import logging

import pytest
from rich.console import Console
from rich.progress import Progress

from hela_seg.system.standard_error import StandardError


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def said_beside_a_bar(stderr: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> str:
    """What a terminal receives for standard output while a message is logged to standard error."""
    monkeypatch.setattr("sys.stderr", stderr)
    handler, terminal = StandardError(), Terminal()
    with Progress(console=Console(file=terminal, force_terminal=True, width=60)) as progress:
        progress.add_task("training")
        handler.emit(logging.makeLogRecord({"msg": "epoch 1"}))
    return terminal.getvalue()


def test_on_a_terminal_a_message_has_a_line_above_the_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    stderr = Terminal()
    lines = said_beside_a_bar(stderr, monkeypatch).splitlines()
    assert stderr.getvalue() == ""
    (line,) = (line for line in lines if "epoch" in line)
    assert "training" not in line


def test_in_a_file_messages_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    stderr = io.StringIO()
    assert "epoch" not in said_beside_a_bar(stderr, monkeypatch)
    assert stderr.getvalue() == "epoch 1\n"
