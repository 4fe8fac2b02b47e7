"""What is wrong with a file, in one line: what readers raise, or only log, of damage; and warnings."""

from __future__ import annotations

import logging
import re
import struct
import threading
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

import tifffile

from hela_seg.system.errors import InputError

log = logging.getLogger(__name__)

_DAMAGE: tuple[type[Exception], ...] = (
    tifffile.TiffFileError,
    OSError,
    ValueError,  # also what imagecodecs raises, and short arrays that cannot be reshaped
    RuntimeError,  # base of imagecodecs' own errors
    LookupError,
    TypeError,
    AssertionError,
    ArithmeticError,
    MemoryError,  # sizes that no file can hold
    EOFError,
    struct.error,
    zlib.error,
    zipfile.BadZipFile,
)
"""What libraries of file formats let through when they meet numbers that make no sense."""

_DECISIVE_TAGS = {*range(256, 281), 284, 317, *range(322, 326), 338, 339, 347}
"""Size, bits, compression, order and place of the pixels, and the description with the number of frames."""

_PYTHON_OBJECT = re.compile(r"<(?:tifffile\.)?[A-Z]\w*[^<>]*>")
_BYTES = re.compile(r" b'[^']*\\x[^']*'")
_RAISED = re.compile(r" raised \w+\((['\"])(.*)\1\)")
"""What libraries' messages begin with and quote, for programmers: ``<tifffile.TiffPages @8> bad offset``."""


@contextmanager
def damage_is_reported(path: Path, format_name: str = "TIFF", *errors: type[Exception]) -> Iterator[None]:
    """Turn what goes wrong inside the block into an `InputError` that names the file.

    Where pages are missing, tifffile goes on with fewer frames and says so in its log alone. That is damage
    too. What tifffile logs of a damaged file is not shown beside the error, which says it already.

    Args:
        path: the file.
        format_name: of its format.
        errors: what the format's library raises beyond `_DAMAGE`.

    Raises:
        InputError: an exception that damaged files lead to, or such a log message of this thread.
    """
    records = _collected.begin()
    problem = None
    try:
        yield
    except InputError:
        raise
    except (*_DAMAGE, *errors) as error:
        problem = str(error) or type(error).__name__
    finally:
        _collected.end()
    losses = [record.getMessage() for record in records if _means_loss(record)]
    if losses:
        problem = losses[0]  # what came first: a part that is missing before the sizes that do not match
    if problem is not None:
        raise damaged(path, problem, format_name)
    for record in records:
        if (message := record.getMessage()) not in _said:  # a file is opened again for each read header
            _said.add(message)
            _log.handle(record)


def damaged(path: Path, problem: str, format_name: str = "TIFF") -> InputError:
    """The error that says of a file that it is damaged, and how that was seen."""
    problem = problem.replace(f" {str(path)!r}", "")  # the message begins with it
    said = _PYTHON_OBJECT.sub("", _BYTES.sub("", _RAISED.sub(r": \2", problem)))
    reason = " ".join(said.split()).strip(" :")[:200]
    return InputError(f"{path} is damaged or no {format_name} ({reason}): copy or export the file again")


@lru_cache(1024)
def warn(line: str) -> None:
    """Log a warning about a file, once in a process however often the file is opened."""
    log.warning("warning: %s", line)


class _Collected(threading.local):
    """A filter of tifffile's logger that, inside of a block, holds back what it says, thread by thread."""

    records: list[logging.LogRecord] | None = None

    def begin(self) -> list[logging.LogRecord]:
        """Hold back from now on; gives the list that fills."""
        self.records = []
        return self.records

    def end(self) -> None:
        """Let everything through again."""
        self.records = None

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the logger goes on with a record, as `logging` asks."""
        if self.records is None:
            return True
        self.records.append(record)
        return False


def _means_loss(record: logging.LogRecord) -> bool:
    message = record.getMessage()
    # cameras and programs write tags of their own that tifffile cannot read and nobody here needs
    if tag := re.search(r"TiffTag (\d+)", message):
        return int(tag[1]) in _DECISIVE_TAGS and "coercing" not in message
    return record.levelno >= logging.ERROR or "series" in message


_collected = _Collected()
_said: set[str] = set()
_log = logging.getLogger("tifffile")
_log.addFilter(_collected)
