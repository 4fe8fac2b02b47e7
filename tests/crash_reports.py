"""What the fault handler of a worker of pytest-xdist says as it dies stands in the report of the test.

Of its own accord it goes to the standard error of a process that is gone, away from the test's name. A pytest
plugin: `conftest` takes its hooks over.
"""

from __future__ import annotations

import faulthandler
import tempfile
from pathlib import Path
from typing import Any

import pytest

FOLDER = pytest.StashKey[Path]()
"""Where each worker of a session has a file for its fault handler."""


@pytest.hookimpl(trylast=True)  # pytest's own plugin points the fault handler elsewhere
def pytest_configure(config: pytest.Config) -> None:
    if hasattr(config, "workerinput"):
        path = fault_file(config.workerinput["fault_folder"], config.workerinput["workerid"])
        file = path.open("w", encoding="utf-8")
        faulthandler.enable(file)
        config.add_cleanup(file.close)
        config.add_cleanup(faulthandler.disable)  # cleanups run last come first
    else:
        folder = tempfile.TemporaryDirectory()
        config.stash[FOLDER] = Path(folder.name)
        config.add_cleanup(folder.cleanup)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    node.workerinput["fault_folder"] = str(node.config.stash[FOLDER])


@pytest.hookimpl(optionalhook=True)
def pytest_handlecrashitem(report: pytest.TestReport) -> None:
    """Called with the test that a worker died in, before its failure is printed."""
    worker: Any = report.node  # type: ignore[attr-defined]
    report.longrepr = f"{report.longrepr}\n{last_words(worker)}"


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: object | None) -> None:
    """Called of every worker at its end; of those that die, also outside of a test, with an error."""
    reporter = node.config.pluginmanager.get_plugin("terminalreporter")
    if error and reporter is not None:
        reporter.write_line(f"\n{node.gateway.id} died: {last_words(node)}")


def last_words(worker: Any) -> str:
    """What the fault handler of a dead worker wrote."""
    path = fault_file(worker.config.stash[FOLDER], worker.gateway.id)
    said = path.read_text(encoding="utf-8", errors="replace").strip() if path.is_file() else ""
    return said or "its fault handler wrote nothing: it was killed from outside, or ended itself at once"


def fault_file(folder: Path | str, worker: str) -> Path:
    """The file of a worker such as ``gw0``."""
    return Path(folder) / f"{worker}.txt"
