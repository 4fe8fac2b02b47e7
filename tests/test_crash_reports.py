"""A test whose process dies is a failure that has the test's name and says what happened, and where."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

DYING = """
import ctypes, os, signal

def test_that_reads_where_no_memory_is():
    ctypes.string_at(0)

def test_that_aborts():
    os.abort()

def test_that_is_killed():
    os.kill(os.getpid(), signal.SIGKILL)

def test_that_passes():
    pass
"""


@pytest.fixture(scope="module")
def printed(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The standard output of a session of four tests of which three kill their process."""
    folder = tmp_path_factory.mktemp("dying")
    (folder / "test_dying.py").write_text(DYING)
    (folder / "pytest.ini").write_text("[pytest]\n")  # ours has other options
    plugins = ["-p", "xdist", "-p", "crash_reports", "-p", "no:cacheprovider"]
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *plugins, "-n", "1", "-q", str(folder)],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        env=inherited | {"PYTHONPATH": str(Path(__file__).parent), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
    )
    assert done.returncode == 1, done.stdout + done.stderr
    assert "3 failed, 1 passed" in done.stdout
    # where CI is set, the summary below repeats the failures in full
    return done.stdout.partition("= FAILURES =")[2].partition("short test summary info")[0]


def report_of(test: str, printed: str) -> str:
    (report,) = (part for part in printed.split("crashed while running") if f"::{test}'" in part[:200])
    return report


@pytest.mark.parametrize(
    ("test", "said"),
    [
        ("test_that_reads_where_no_memory_is", "Fatal Python error: Segmentation fault"),
        ("test_that_aborts", "Fatal Python error: Aborted"),
    ],
)
def test_the_failure_says_what_happened_and_in_which_line(test: str, said: str, printed: str) -> None:
    report = report_of(test, printed)
    assert said in report
    assert f"in {test}\n" in report  # the stack, down to the test's own line


def test_a_worker_that_was_killed_says_so(printed: str) -> None:
    (report,) = (
        part for part in printed.split("crashed while running") if "::test_that_is_killed'" in part[:200]
    )
    assert "its fault handler wrote nothing: it was killed from outside" in report


def test_this_sessions_own_workers_have_such_a_file(request: pytest.FixtureRequest) -> None:
    if "workerinput" not in vars(request.config):
        pytest.skip("this session has no workers")
    given = request.config.workerinput  # type: ignore[attr-defined]
    assert (Path(given["fault_folder"]) / f"{given['workerid']}.txt").is_file()
