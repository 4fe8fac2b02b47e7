from hypothesis import given
from hypothesis import strategies as st

from hela_seg.data.labels.spans import Span, in_pieces, merged, thinned
from hela_seg.data.splits.table import Block

SPANS = st.lists(st.tuples(st.integers(0, 20), st.integers(1, 40)), min_size=1, max_size=8).map(
    lambda runs: [Span(series, start, start + length) for series, (start, length) in enumerate(runs)]
)


def every_frame(spans):
    return [(span.series, t) for span in spans for t in span.frames]


def test_blocks_are_merged_without_regard_to_their_parts():
    blocks = [
        Block(1, 5, 7, "test"),
        Block(1, 0, 5, "train"),
        Block(0, 1, 3, "train"),
        Block(1, 8, 9, "test"),
    ]
    assert merged(blocks) == [Span(0, 1, 3), Span(1, 0, 7), Span(1, 8, 9)]


def test_a_block_inside_of_another_adds_no_frames():
    assert merged([Block(0, 0, 9, "train"), Block(0, 2, 4, "test")]) == [Span(0, 0, 9)]


def test_a_long_and_a_short_series_are_thinned_alike():
    thin = thinned([Span(0, 10, 20), Span(3, 0, 1), Span(4, 2, 4)], 5)  # 13 frames: every third
    assert every_frame(thin) == [(0, 10), (0, 13), (0, 16), (0, 19), (3, 0), (4, 2)]


def test_few_frames_are_not_thinned():
    spans = [Span(0, 0, 10), Span(1, 5, 8)]
    assert thinned(spans, 13) == spans
    assert thinned(spans, 12) != spans


@given(SPANS, st.integers(1, 60))
def test_thinned_spans_keep_each_series_and_little_more_than_the_most(spans, most):
    thin = every_frame(thinned(spans, most))
    assert set(thin) <= set(every_frame(spans))
    assert {series for series, _ in thin} == {span.series for span in spans}
    assert len(thin) <= most + len(spans)


@given(SPANS, st.integers(1, 60), st.integers(1, 7))
def test_pieces_hold_the_same_frames_in_the_same_order(spans, most, frames):
    thin = thinned(spans, most)
    pieces = in_pieces(thin, frames)
    assert every_frame(pieces) == every_frame(thin)
    assert all(1 <= len(piece.frames) <= frames for piece in pieces)
    assert all(piece.stop <= spans[piece.series].stop for piece in pieces)
