"""Work is done ahead, in order, and not further than asked."""

from __future__ import annotations

import threading
import time

import pytest

from hela_seg.inference.prefetch import prefetch


def test_results_come_in_the_order_of_their_jobs() -> None:
    def slow_first(job: int) -> int:
        time.sleep(0.02 if job == 0 else 0)
        return job * job

    assert list(prefetch(slow_first, range(20), depth=4, threads=4)) == [job * job for job in range(20)]


def test_no_more_than_the_depth_is_done_before_it_is_taken() -> None:
    begun = []
    results = prefetch(begun.append, range(10), depth=3)
    next(results)
    time.sleep(0.1)
    assert len(begun) <= 4
    results.close()  # type: ignore[attr-defined]


def test_work_goes_on_while_a_result_is_used() -> None:
    second = threading.Event()
    results = prefetch(lambda job: second.set() if job == 1 else None, range(2))
    next(results)
    assert second.wait(60)


def test_an_error_comes_in_its_place() -> None:
    results = prefetch(lambda job: 1 // job, [1, 0, 1])
    assert next(results) == 1
    with pytest.raises(ZeroDivisionError):
        next(results)


def test_no_thread_is_left_when_the_caller_stops_early() -> None:
    before = set(threading.enumerate())
    results = prefetch(lambda job: job, range(1000))
    next(results)
    results.close()  # type: ignore[attr-defined]
    assert set(threading.enumerate()) <= before
