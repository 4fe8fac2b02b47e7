"""Messages on standard error that leave a progress bar whole."""

from __future__ import annotations

import logging
import sys


class StandardError(logging.StreamHandler):  # type: ignore[type-arg]  # the class takes none where it runs
    """Writes to standard error; on a terminal to what stands in for it while a progress bar is shown.

    rich replaces `sys.stderr` for so long, and prints what is written to it above the bar. A handler that had
    kept the terminal itself would write into the line of the bar. Where standard error goes into a file, it
    goes on to do so.
    """

    def __init__(self) -> None:
        super().__init__()
        self._is_terminal = sys.stderr.isatty()

    def emit(self, record: logging.LogRecord) -> None:
        """Write a message."""
        if self._is_terminal:
            self.stream = sys.stderr
        super().emit(record)
