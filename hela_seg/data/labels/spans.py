"""Runs of frames within series: which masks are looked at before training."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from hela_seg.data.splits.split import Block


class Span(NamedTuple):
    """The frames ``start`` to ``stop - 1`` of one series, or every ``step``-th of them from ``start`` on."""

    series: int
    start: int
    stop: int
    step: int = 1

    @property
    def frames(self) -> range:
        """Their numbers."""
        return range(self.start, self.stop, self.step)


def merged(blocks: Iterable[Block]) -> list[Span]:
    """The frames of some blocks without regard to their parts, in order, none twice."""
    spans: list[Span] = []
    for series, start, stop in sorted((block.series, block.start, block.stop) for block in blocks):
        last = spans[-1] if spans else None
        if last is not None and last.series == series and start <= last.stop:
            spans[-1] = Span(series, last.start, max(last.stop, stop))
        else:
            spans.append(Span(series, start, stop))
    return spans


def thinned(spans: Sequence[Span], most: int) -> list[Span]:
    """Every so many frames of spans of step 1, so that they are ``most`` or little more in all.

    Of each span its first frame is among them, so that there may be one more of each.

    ``thinned([Span(0, 5, 105)], 20) == [Span(0, 5, 105, 5)]``.
    """
    frames = sum(len(span.frames) for span in spans)
    return [span._replace(step=max(-(-frames // most), 1)) for span in spans]


def in_pieces(spans: Iterable[Span], frames: int) -> list[Span]:
    """The same frames, at most so many in each span.

    ``in_pieces([Span(0, 5, 105, 5)], 16) == [Span(0, 5, 85, 5), Span(0, 85, 105, 5)]``.
    """
    return [
        span._replace(start=start, stop=min(start + frames * span.step, span.stop))
        for span in spans
        for start in span.frames[::frames]
    ]
