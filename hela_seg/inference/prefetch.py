"""Work done ahead of its use, in threads, by a bounded number of steps."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

Job = TypeVar("Job")
Result = TypeVar("Result")


def prefetch(
    work: Callable[[Job], Result], jobs: Iterable[Job], depth: int = 2, threads: int = 1
) -> Iterator[Result]:
    """The results of ``work`` for each job, in order, with the next ones already under way.

    What ``work`` raises is raised where its result would have come. When the caller stops early, jobs that
    have not begun never do.

    Args:
        work: called in other threads.
        jobs: asked for one at a time, in the caller's thread.
        depth: most results that are under way or wait to be taken.
        threads: how many work at once.
    """
    source = iter(jobs)
    pool = ThreadPoolExecutor(threads)
    try:
        waiting: deque[Future[Result]] = deque(pool.submit(work, job) for job in islice(source, depth))
        while waiting:
            result = waiting.popleft().result()
            waiting.extend(pool.submit(work, job) for job in islice(source, 1))
            yield result
    finally:
        pool.shutdown(cancel_futures=True)
