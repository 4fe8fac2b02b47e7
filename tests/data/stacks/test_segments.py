import multiprocessing
import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hela_seg.data.stacks.segments import SegmentCache, assemble


def kilobyte(value=0):
    return np.full(1024, value, np.uint8)


def test_a_segment_is_decoded_once_and_cannot_be_written_to():
    cache, decoded = SegmentCache(4096), []
    for _ in range(3):
        segment = cache.get("a", lambda: decoded.append(1) or kilobyte(7))
    assert (len(decoded), segment[0], cache.nbytes) == (1, 7, 1024)
    with pytest.raises(ValueError, match="read-only"):
        segment[0] = 1


def test_the_segments_used_longest_ago_go_first():
    cache = SegmentCache(3 * 1024)
    for key in "abcad":
        cache.get(key, kilobyte)
    missed = []
    for key in "acdb":
        cache.get(key, lambda key=key: missed.append(key) or kilobyte())
    assert missed == ["b"]
    assert cache.nbytes == 3 * 1024


def test_segment_larger_than_the_cache_is_given_but_not_kept():
    cache = SegmentCache(1000)
    assert cache.get("a", kilobyte).size == 1024
    assert cache.nbytes == 0


def test_a_view_is_kept_without_the_array_that_it_shows():
    assert SegmentCache(4096).get("a", lambda: np.zeros(100_000, np.uint8)[:1024]).base is None


def test_threads_share_it_within_its_bound():
    cache, wrong = SegmentCache(20 * 1024), []

    def read(seed):
        for key in np.random.default_rng(seed).integers(0, 60, 2000):
            if cache.get(int(key), lambda key=key: kilobyte(key))[0] != key or cache.nbytes > 20 * 1024:
                wrong.append(key)

    threads = [threading.Thread(target=read, args=(seed,)) for seed in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert cache.nbytes == sum(segment.nbytes for segment in cache._segments.values())


def test_a_fork_while_a_thread_holds_the_lock_does_not_wait_for_it():
    from hela_seg.data.stacks import segments

    with segments.cache._lock:
        child = multiprocessing.get_context("fork").Process(target=segments.cache.get, args=("a", kilobyte))
        child.start()
    child.join(20)
    assert child.exitcode == 0


@given(data=st.data())
def test_any_window_put_together_equals_the_slice(data):
    shape = data.draw(st.tuples(st.integers(1, 9), st.integers(1, 9)))
    segment_shape = data.draw(st.tuples(st.integers(1, 5), st.integers(1, 5)))
    array = np.arange(np.prod(shape), dtype=np.uint16).reshape(shape) + 1
    padded = np.pad(array, [(0, n) for n in segment_shape])
    window = []
    for length in shape:
        start = data.draw(st.integers(0, length - 1))
        window.append(slice(start, data.draw(st.integers(start + 1, length))))

    def fetch(place):
        return padded[tuple(slice(i * n, i * n + n) for i, n in zip(place, segment_shape, strict=True))]

    pixels = assemble(window, shape, segment_shape, array.dtype, fetch)
    np.testing.assert_array_equal(pixels, array[tuple(window)])


def test_a_segment_that_is_too_small_is_refused_not_spread():
    with pytest.raises(ValueError, match="expected"):
        assemble([slice(0, 4)], [4], [4], np.dtype(np.uint8), lambda place: np.ones(1, np.uint8))


def test_nothing_stands_for_zeros():
    pixels = assemble([slice(1, 4)], [4], [2], np.dtype(np.uint8), lambda place: None)
    np.testing.assert_array_equal(pixels, [0, 0, 0])
