"""Warnings about files, each once in a process."""

from __future__ import annotations

import logging
from functools import lru_cache

log = logging.getLogger(__name__)


@lru_cache(1024)
def warn(line: str) -> None:
    """Log a warning about a file, once however often the file is opened."""
    log.warning("warning: %s", line)
