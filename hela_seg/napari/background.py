"""Work that runs beside the window in a thread, and what goes wrong, in one line."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from napari.qt.threading import create_worker

from hela_seg.system.faults import user_message


def start(work: Iterator[Any], show: Callable[[Any], None], end: Callable[[str | None], None]) -> Any:
    """Begin some work in a thread of its own.

    Args:
        work: the work, which yields what it has found so far.
        show: called in the window's thread with everything that is yielded.
        end: called in the window's thread when the work has ended, with the line that says why it failed, or
            None where it ended well.

    Returns:
        napari's worker, to be held until the end: the thread goes when nothing holds it.
    """
    failed: list[str] = []
    worker = create_worker(_without_failure, work, failed.append, _start_thread=False)
    worker.yielded.connect(show)
    worker.finished.connect(lambda: end(failed[0] if failed else None))
    worker.start()
    return worker


def in_one_line(do: Callable[[], None], say: Callable[[str], None]) -> None:
    """Do something that a user has asked for; where it fails, say why in one line."""
    try:
        do()
    except Exception as error:  # a window stays open, whatever happens
        say(_line_of(error))


def _without_failure(work: Iterator[Any], fail: Callable[[str], None]) -> Iterator[Any]:
    """What the work yields; of a failure, which napari would show with its trace, the line that says why."""
    try:
        yield from work
    except Exception as error:  # whatever the work raises is said by the window
        fail(_line_of(error))


def _line_of(error: Exception) -> str:
    said = user_message(error)
    return said or f"this is a fault of hela_seg, not of your input: {type(error).__name__} {error}"
