"""Warnings about files."""

from __future__ import annotations

import pytest

from hela_seg.data.stacks.warn import warn


def test_a_line_is_logged_once_however_often_the_file_is_opened(caplog: pytest.LogCaptureFixture) -> None:
    for line in ("first of these", "second of these", "first of these"):
        warn(line)
    assert [record.getMessage() for record in caplog.records] == [
        "warning: first of these",
        "warning: second of these",
    ]
