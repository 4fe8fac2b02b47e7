"""Work in a thread: what it finds and why it fails come to the window's own thread."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from typing import Any

import pytest

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
pytest.importorskip("napari.layers", reason="the extra [napari] is not installed")
pytest.importorskip("pytestqt", reason="pytest-qt is not installed")

from hela_seg.napari.background import in_one_line, start
from hela_seg.system.errors import InputError

pytestmark = pytest.mark.filterwarnings("default")  # napari's own


def numbers(error: Exception | None) -> Iterator[tuple[int, int]]:
    yield 1, threading.get_ident()
    if error is not None:
        raise error
    yield 2, threading.get_ident()


@pytest.mark.parametrize(
    ("error", "found", "line"),
    [
        (None, [1, 2], None),
        (InputError("no such file"), [1], "no such file"),
        (ValueError("odd"), [1], "this is a fault of hela_seg, not of your input: ValueError odd"),
    ],
)
def test_what_is_found_is_shown_in_the_windows_thread_and_then_the_end(
    error: Exception | None, found: list[int], line: str | None, qtbot: Any
) -> None:
    shown: list[tuple[int, int, int]] = []
    ended: list[str | None] = []
    held = start(numbers(error), lambda one: shown.append((*one, threading.get_ident())), ended.append)
    qtbot.waitUntil(lambda: bool(ended), timeout=60_000)
    assert [number for number, _, _ in shown] == found
    assert {there != here for _, there, here in shown} == {True}
    assert {here for _, _, here in shown} == {threading.get_ident()}
    assert ended == [line]
    assert held is not None


def test_what_a_click_cannot_do_is_said() -> None:
    said: list[str] = []
    in_one_line(lambda: None, said.append)
    in_one_line(lambda: {}.clear(1), said.append)  # type: ignore[call-arg]
    (line,) = said
    assert line.startswith("this is a fault of hela_seg, not of your input: TypeError")
