"""Frames before and after a frame: which ones a net is shown, and how they are kept while a film passes.

With ``data.context=k`` the image of frame t has the channels of the frames t-k, ..., t, ..., t+k in this
order, each with its own C channels: (2k + 1) C in all, and those of frame t itself in the middle.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache, partial
from itertools import islice, takewhile
from math import prod

from hela_seg.data.labels.spans import merged
from hela_seg.data.splits.table import Block, Part
from hela_seg.data.stacks import SelectedFrames, Series
from hela_seg.data.stacks.series import DerivedSeries, Pixels
from hela_seg.system.errors import InputError

HELD_BYTES = 2**30
"""Most memory for the whole frames that are kept in prediction; of larger ones each window is read anew."""


def neighbours(t: int, context: int, there: Sequence[int]) -> list[int]:
    """The frames that are shown for frame t.

    Args:
        t: the frame.
        context: how many frames before it and after it are shown.
        there: numbers of the frames that may be shown, rising, with t among them.

    Returns:
        2 context + 1 numbers: for each of t - context to t + context the nearest number that is there, and of
        two equally near ones that which is nearer to t.

    Example:
        ``neighbours(0, 2, range(9)) == [0, 0, 0, 1, 2]``, and
        ``neighbours(4, 1, [0, 1, 4, 5, 6]) == [4, 4, 5]``.
    """
    return [_nearest(wanted, t, there) for wanted in range(t - context, t + context + 1)]


def _nearest(wanted: int, t: int, there: Sequence[int]) -> int:
    place = bisect_left(there, wanted)
    return min(
        there[max(place - 1, 0) : place + 1], key=lambda number: (abs(number - wanted), abs(number - t))
    )


def own_channels(channels: int, context: int) -> slice:
    """The channels of frame t itself, of C channels a frame."""
    return slice(context * channels, (context + 1) * channels)


def parts_of_time(blocks: Iterable[Block]) -> dict[tuple[int, Part], list[range]]:
    """The frames of each series and part, as ranges of consecutive frames.

    The context of a frame ends where its range ends: frames of other parts, and those that a split leaves out
    between parts, are not shown.

    Example:
        The blocks 0 to 3, 4 to 6 and 9 of one series and part give ``[range(0, 7), range(9, 10)]``.
    """
    parts: dict[tuple[int, Part], list[Block]] = {}
    for block in blocks:
        parts.setdefault((block.series, block.part), []).append(block)
    return {key: [span.frames for span in merged(own)] for key, own in parts.items()}


def note_of_single_frames(context: int, series: Sequence[Series]) -> str | None:
    """What to tell the user where recordings hold one frame, so that there is nothing before and after it."""
    single = [one.name for one in series if one.whole()[0].shape[0] == 1]
    if not context or not single:
        return None
    return (
        f"data.context={context}, but {len(single)} of {len(series)} recording(s) hold one frame, such as "
        f"'{single[0]}': it is shown {2 * context + 1} times over; where the files are the frames of one "
        "recording, say so with data.sequence=true (sequence=true, to predict)"
    )


def keeping_recent(series: Series, context: int) -> Series:
    """The same series, which keeps the frames that the next ones are shown with too: none is read twice.

    Args:
        series: read frame after frame, from one thread.
        context: see `neighbours`; with 0 nothing is kept.
    """
    whole, numbers = series.whole()
    count = 2 * context + 1
    if not context or count * prod(whole.shape[1:]) * whole.dtype.itemsize > HELD_BYTES:
        return series
    recent = RecentFrames(whole, count)
    return recent if whole is series else SelectedFrames(recent, numbers)


class RecentFrames(DerivedSeries):
    """Reads whole frames of a series and keeps those that were asked for last.

    Args:
        series: the recording.
        count: how many frames are kept; of one that cannot be read, the reason is kept in its place.
    """

    def __init__(self, series: Series, count: int) -> None:
        super().__init__(series)
        # no bound method: that cycle would keep the frames until the garbage collector comes by
        self._whole = lru_cache(count)(partial(_frame_or_error, series))

    def read(self, t: int, rows: slice, columns: slice) -> Pixels:
        """Read one window of frame t as (C, h, w); see `Series.read`."""
        frame = self._whole(t)
        if isinstance(frame, InputError):
            raise frame
        return frame[:, rows, columns].copy()


def _frame_or_error(series: Series, t: int) -> Pixels | InputError:
    try:
        return series.frame(t)
    except InputError as error:
        return error


def with_those_around(series: Iterable[Series], context: int) -> Iterator[tuple[list[Series], int]]:
    """Of single frames that come one by one, each with those around it.

    A frame of another size or type ends the context, as the end of a recording does.

    Args:
        series: of one frame each; so many as ``context`` are asked for ahead.
        context: see `neighbours`.

    Yields:
        Consecutive frames, and the place of the one among them whose turn it is.
    """
    source = iter(series)
    before: deque[Series] = deque(maxlen=context)
    after = deque(islice(source, context))
    while True:
        after.extend(islice(source, 1))
        if not after:
            return
        now = after.popleft()

        def alike(other: Series, kind: tuple[object, ...] = (now.shape, now.dtype)) -> bool:
            """Whether a neighbour can be shown beside this series."""
            return (other.shape, other.dtype) == kind

        former = [*takewhile(alike, reversed(before))][::-1]
        yield [*former, now, *takewhile(alike, after)], len(former)
        before.append(now)
