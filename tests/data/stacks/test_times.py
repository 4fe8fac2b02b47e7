"""Time stamps of frames as seconds since the first."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from hela_seg.data.stacks.times import median_interval, seconds_since_first


@pytest.mark.parametrize(
    ("times", "since"),
    [
        ([100.0, 160.5, 220.0], (0.0, 60.5, 120.0)),
        ([7.0], ()),
        ([], ()),
        ([0.0, float("nan"), 2.0], ()),
    ],
)
def test_times_count_from_the_first_frame(times: list[float], since: tuple[float, ...]) -> None:
    assert seconds_since_first(Path("a.nd2"), times) == since


def test_times_that_go_backwards_are_kept_and_named(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assert seconds_since_first(Path("back.nd2"), [0, 60, 50, 120, 110]) == (0, 60, 50, 120, 110)
    (record,) = caplog.records
    assert "back.nd2 has time stamps that go backwards at 2 frame(s), first at frame 2 (60 s to 50 s)" in (
        record.getMessage()
    )


@pytest.mark.parametrize(
    ("times", "interval"),
    [([0, 60, 120, 400], 60), ([0, 10], 10), ([0, 0, 0], None), ([5], None), ([], None)],
)
def test_the_interval_is_the_median_of_all(times: list[float], interval: float | None) -> None:
    assert median_interval(times) == interval
