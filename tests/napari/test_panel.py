"""The panel in a dock as narrow as napari makes it."""

from __future__ import annotations

import os
from typing import Any

import pytest

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
pytest.importorskip("qtpy", reason="the extra [napari] is not installed")
pytest.importorskip("pytestqt", reason="pytest-qt is not installed")

from qtpy.QtWidgets import QPushButton

from hela_seg.napari.panel import Panel


@pytest.fixture
def panel(qtbot: Any) -> Panel:
    made = Panel()
    qtbot.addWidget(made)
    made.show()
    return made


def test_no_button_is_cut_in_a_narrow_dock(panel: Panel) -> None:
    panel.image.addItem("a recording whose name is longer than any dock is wide, for it says all of its dyes")
    panel.say("an error may be as long as this one, and is broken into lines rather than cut: " * 3)
    panel.resize(panel.minimumSizeHint())
    assert panel.width() <= 400
    assert [
        button.text()
        for button in panel.findChildren(QPushButton)
        if button.isVisible() and button.width() < button.minimumSizeHint().width()
    ] == []


def test_what_runs_is_ended_before_anything_else_begins(panel: Panel) -> None:
    begun = (panel.predict, panel.train, panel.save_frame, panel.save_mended)
    for running in (True, False):
        panel.set_running(running)
        assert {button.isEnabled() for button in begun} == {not running}
        assert (panel.stop.isVisible(), panel.progress.isVisible()) == (running, running)
