"""Time stamps of frames."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np

from hela_seg.data.stacks.warn import warn


def seconds_since_first(path: Path, times: Sequence[float]) -> tuple[float, ...]:
    """Time stamps counted from the first frame; none of a single frame, or where one is not finite.

    Time stamps that go backwards are kept, and a warning names the frame.

    Args:
        path: of the file, for the warning.
        times: of all frames, in seconds.
    """
    if len(times) < 2 or not np.isfinite(times).all():
        return ()
    since = tuple(float(time - times[0]) for time in times)
    back = [t for t, (before, after) in enumerate(pairwise(since), start=1) if after < before]
    if back:
        warn(
            f"{path} has time stamps that go backwards at {len(back)} frame(s), first at frame {back[0]} "
            f"({since[back[0] - 1]:.6g} s to {since[back[0]]:.6g} s); tables show them as they are"
        )
    return since


def median_interval(times: Sequence[float]) -> float | None:
    """Seconds from frame to frame where time stamps alone say it: the median of all intervals."""
    interval = float(np.median(np.diff(times))) if len(times) > 1 else 0.0
    return interval if interval > 0 else None
