"""What goes wrong on a real machine: killed processes, full disks, two predictions at once."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from victims import (
    EVERYTHING,
    DieAtRename,
    FullDisk,
    SignalAfterRename,
    content,
    predict,
    start,
    units_done,
    write_film,
)

from hela_seg.prediction.folder import RECORDED
from hela_seg.runs import run_folder


@pytest.fixture(scope="module")
def typed(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """A prediction, but for the output."""
    return [str(checkpoint), str(write_film(tmp_path_factory.mktemp("faults"))), *EVERYTHING]


@pytest.fixture(scope="module")
def undisturbed(typed: list[str], tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The files of a run that nothing happened to."""
    folder = tmp_path_factory.mktemp("undisturbed")
    assert predict([*typed, "-o", str(folder)]) == 0
    return content(folder)


def wait_for(happened: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 300
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.001)


UNITS = f"{run_folder.PREDICTION_PARTS}/*/*/*.json"
MOMENTS = {
    "predicting": SignalAfterRename(signal.SIGKILL, UNITS, 2),
    "writing results": SignalAfterRename(signal.SIGKILL, f"film{run_folder.LABELS_SUFFIX}", 1),
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_killed_prediction_goes_on(
    moment: str, typed: list[str], undisturbed: dict[str, bytes], tmp_path: Path
) -> None:
    killed = predict([*typed, "-o", str(tmp_path / "out")], before=MOMENTS[moment])
    assert killed == -signal.SIGKILL
    assert content(tmp_path / "out") != undisturbed
    assert predict([*typed, "-o", str(tmp_path / "out")]) == 0
    assert content(tmp_path / "out") == undisturbed


@pytest.mark.slow
def test_a_prediction_may_be_killed_at_any_moment(
    typed: list[str], undisturbed: dict[str, bytes], tmp_path: Path
) -> None:
    began = time.monotonic()
    assert predict([*typed, "-o", str(tmp_path / "whole")]) == 0
    seconds = time.monotonic() - began
    assert content(tmp_path / "whole") == undisturbed
    moments = random.Random(0)
    killed = 0
    for number in range(20):
        folder = tmp_path / str(number)
        process = start([*typed, "-o", str(folder)])
        time.sleep(moments.uniform(0, seconds))
        process.kill()
        process.join()
        killed += process.exitcode == -signal.SIGKILL
        assert predict([*typed, "-o", str(folder)]) == 0
        assert content(folder) == undisturbed
    assert killed > 10


@pytest.mark.slow
def test_a_prediction_may_end_before_any_rename(
    typed: list[str], undisturbed: dict[str, bytes], tmp_path: Path
) -> None:
    """Whatever lies there then is either a whole file or one that nobody takes for a result."""
    number, status = 0, 9
    while status == 9:
        folder = tmp_path / str(number)
        status = predict([*typed, "-o", str(folder)], before=DieAtRename(number)) or 0
        named = {path: whole for path, whole in content(folder).items() if "/." not in f"/{path}"}
        named.pop(run_folder.PREDICTION_RECORD, None)
        assert named.items() <= undisturbed.items()
        assert predict([*typed, "-o", str(folder)]) == 0
        assert content(folder) == undisturbed
        number += 1
    assert status == 0
    assert number > 20


def test_nothing_is_left_of_files_that_a_killed_prediction_was_writing(
    typed: list[str], undisturbed: dict[str, bytes], tmp_path: Path
) -> None:
    folder = tmp_path / "out"
    assert predict([*typed, "-o", str(folder)], before=DieAtRename(5)) == 9
    assert [path.suffix for path in folder.glob(".cells*")] == [".part"]
    (folder / ".notes.txt.12.part").write_text("mine")
    assert predict([*typed, "-o", str(folder)]) == 0
    assert (folder / ".notes.txt.12.part").read_text() == "mine"
    (folder / ".notes.txt.12.part").unlink()
    assert content(folder) == undisturbed


@pytest.mark.parametrize("files", [0, 6, 20])
def test_a_full_disk_is_said_and_the_prediction_goes_on_when_there_is_space(
    files: int, typed: list[str], undisturbed: dict[str, bytes], tmp_path: Path
) -> None:
    folder, log = tmp_path / "out", tmp_path / "log"
    assert predict([*typed, "-o", str(folder)], log, FullDisk(files)) == 2
    assert log.read_text().count("\n") == 1
    assert "No space left on device; choose a folder" in log.read_text()
    assert not list(folder.rglob("*.part"))
    assert predict([*typed, "-o", str(folder)]) == 0
    assert content(folder) == undisturbed


def mount(folder: Path, options: str) -> None:
    """A file system in memory, or a skipped test where that is not allowed."""
    folder.mkdir(exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("there is no mount on this machine")
    if done.returncode:
        pytest.skip(f"file systems cannot be mounted here: {done.stderr.strip()}")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    mount(folder, "size=64k")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_small_disk_fills_up_and_is_enlarged(
    typed: list[str], undisturbed: dict[str, bytes], small_disk: Path, tmp_path: Path
) -> None:
    """From a disk that holds next to nothing to one that holds all of it, in steps."""
    folder, log, statuses = small_disk / "out", tmp_path / "log", []
    for kib in (64, 320, 4096):
        mount_again = ["mount", "-o", f"remount,size={kib}k", str(small_disk)]
        subprocess.run(mount_again, check=True)
        before = units_done(folder)
        statuses.append(predict([*typed, "-o", str(folder)], log))
        if statuses[-1]:
            assert log.read_text().count("\n") == 1
            assert "No space left on device" in log.read_text()
            assert units_done(folder) >= before
    assert statuses[0] == 2
    assert statuses[-1] == 0
    assert content(folder) == undisturbed


def test_a_folder_that_may_not_be_written_is_refused(typed: list[str], tmp_path: Path) -> None:
    folder, log = tmp_path / "locked", tmp_path / "log"
    if os.geteuid() == 0:  # whom permissions do not stop
        mount(folder, "ro")
    else:
        folder.mkdir(mode=0o500)
    try:
        for output in (folder, folder / "new"):
            assert predict([*typed, "-o", str(output)], log) == 2
            assert log.read_text().count("\n") == 1
            assert f"{output} cannot be" in log.read_text()
    finally:
        if os.geteuid() == 0:
            subprocess.run(["umount", str(folder)], check=True)


def test_the_second_of_two_predictions_into_one_folder_is_told_so(
    typed: list[str], undisturbed: dict[str, bytes], tmp_path: Path
) -> None:
    folder, log = tmp_path / "out", tmp_path / "log"
    first = start([*typed, "-o", str(folder)], before=SignalAfterRename(signal.SIGSTOP, UNITS, 1))
    wait_for(lambda: units_done(folder) > 0)
    assert predict([*typed, "-o", str(folder)], log) == 2
    assert log.read_text().count("\n") == 1
    assert "is being written by another prediction" in log.read_text()
    while first.is_alive():  # it stops itself, which may be a moment later
        os.kill(first.pid or 0, signal.SIGCONT)
        first.join(1)
    assert first.exitcode == 0
    assert content(folder) == undisturbed


def test_the_keys_of_the_record_are_those_that_are_expected(undisturbed: dict[str, bytes]) -> None:
    assert set(json.loads(undisturbed[run_folder.PREDICTION_RECORD])) == RECORDED
