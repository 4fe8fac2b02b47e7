"""Predictions in processes of their own, to be killed at any moment.

Each process imports this module, which is why it needs nothing that takes long, such as `conftest`.
"""

from __future__ import annotations

import errno
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import tifffile

from hela_seg.cli import main
from hela_seg.runs import run_folder

CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["hela_seg.predict", "hela_seg.cli"])

EVERYTHING = ["labels=both", "label_next=2", "entropy=true", "inference.batch_size=4"]
"""Results of every kind that takes no second to import; units of four frames."""

FRAMES = 22


def write_film(folder: Path) -> Path:
    """A recording with deflated frames."""
    from conftest import draw_cells

    images, _ = draw_cells(0, FRAMES, 64, 64)
    path, axes = folder / "film.tif", {"axes": "TYX"}
    tifffile.imwrite(path, images, photometric="minisblack", metadata=axes, compression="zlib")
    return path


def units_done(folder: Path) -> int:
    """How many units of an unfinished prediction are on disk."""
    return len(list((folder / run_folder.PREDICTION_PARTS).glob("*/*/*.json")))


def start(
    arguments: list[str], log: Path | None = None, before: Callable[[], None] | None = None
) -> BaseProcess:
    """A prediction under way, as ``python -m hela_seg.predict`` would make it.

    Args:
        arguments: as typed.
        log: gets what is printed to the standard error.
        before: called in the new process.
    """
    process = CONTEXT.Process(target=_predict, args=(arguments, log, before))
    process.start()
    return process


def predict(
    arguments: list[str], log: Path | None = None, before: Callable[[], None] | None = None
) -> int | None:
    """The exit status of a prediction."""
    process = start(arguments, log, before)
    process.join()
    return process.exitcode


def work(arguments: list[str], before: Callable[[], None] | None = None) -> int:
    """The exit status of a prediction in this process, which a launcher of several workers has started."""
    if before is not None:
        before()
    return main("predict", arguments)


def content(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, hidden ones included."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


class FullDisk:
    """No file gets to the disk after the first few."""

    def __init__(self, files: int) -> None:
        self.files = files

    def __call__(self) -> None:
        left, to_disk = iter(range(self.files)), os.fsync

        def full(descriptor: int) -> None:
            if next(left, None) is None:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            to_disk(descriptor)

        os.fsync = full


class Rank:
    """What torchrun tells a process."""

    def __init__(self, number: int, count: int) -> None:
        self.number, self.count = number, count

    def __call__(self) -> None:
        os.environ |= {"RANK": str(self.number), "LOCAL_RANK": "0", "WORLD_SIZE": str(self.count)}


class SignalAfterRename:
    """Has a process send itself a signal once it has given so many files their final names.

    Args:
        number: the signal's.
        pattern: of the names that count, as `Path.match` has it.
        times: how many of them.
    """

    def __init__(self, number: signal.Signals, pattern: str, times: int) -> None:
        self.number, self.pattern, self.times = number, pattern, times

    def __call__(self) -> None:
        replace, left = os.replace, iter(range(self.times - 1))

        def replaced(source: str | Path, target: str | Path, **options: Any) -> None:
            replace(source, target, **options)
            if Path(target).match(self.pattern) and next(left, None) is None:
                os.kill(os.getpid(), self.number)

        os.replace = replaced


class DieAtRename:
    """Makes a process end, without any clearing up, when it is about to give a file its final name."""

    def __init__(self, number: int) -> None:
        self.number = number

    def __call__(self) -> None:
        rename = os.replace, os.rename
        left = iter(range(self.number))

        def counted(which: int) -> Callable[..., None]:
            def renamed(*arguments: object, **options: object) -> None:
                if next(left, None) is None:
                    os._exit(9)
                rename[which](*arguments, **options)  # type: ignore[arg-type]

            return renamed

        os.replace, os.rename = counted(0), counted(1)


def _predict(arguments: list[str], log: Path | None, before: Callable[[], None] | None) -> None:
    sink = os.open(os.devnull if log is None else log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for stream in (1, 2) if log is None else (2,):
        os.dup2(sink, stream)
    with suppress(AttributeError):
        sys.stderr.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    if before is not None:
        before()
    status = main("predict", arguments)
    sys.stderr.flush()
    os._exit(status)
