import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hela_seg.data.checks.perceptual_hash import perceptual_hash
from hela_seg.prediction.ranking import Candidate, Choice, rank


def looks(first, last):
    """A hash of which the bits from first to last, without it, are set."""
    bits = np.zeros(256, bool)
    bits[first:last] = True
    return np.packbits(bits).view(np.uint64)


def places(choices):
    return [(choice.candidate.series, choice.candidate.t) for choice in choices]


def test_doubt_alone_decides_between_frames_that_are_far():
    candidates = [
        Candidate(s, 0, entropy, looks(100 * s, 100 * s + 100)) for s, entropy in ((0, 0.1), (1, 0.3))
    ]
    assert rank(candidates, 2) == [Choice(candidates[1], 1.0), Choice(candidates[0], 1.0)]


def test_neighbours_in_time_are_near_whatever_their_looks():
    candidates = [Candidate(0, t, 1 - t / 100, looks(8 * t, 8 * t + 8)) for t in range(31)]
    looks_far = [
        Candidate(0, t, candidate.entropy, looks(0, 0) if t % 2 else looks(0, 200))
        for t, candidate in enumerate(candidates)
    ]
    first = rank(looks_far, 2)
    assert places(first) == [(0, 0), (0, 11)]  # 0.90 of frame 10 looks the same as the first
    assert first[1].distance == 1.0


def test_score_is_entropy_times_the_smaller_of_both_distances():
    start = Candidate(0, 0, 1.0, looks(0, 0))
    near_in_time = Candidate(0, 3, 0.9, looks(0, 255))  # 0.9 * 0.3
    near_in_looks = Candidate(1, 0, 0.8, looks(0, 40))  # 0.8 * 0.4
    choices = rank([near_in_looks, near_in_time, start], 3)
    assert [choice.candidate for choice in choices] == [start, near_in_looks, near_in_time]
    assert [choice.score for choice in choices] == pytest.approx([1.0, 0.32, 0.27])


def test_copies_of_a_chosen_frame_are_not_chosen():
    candidates = [Candidate(series, 0, 0.5, looks(0, 9)) for series in range(4)]
    assert places(rank(candidates, 4)) == [(0, 0)]


def test_ten_neighbours_of_one_difficult_moment_are_not_the_ten_chosen():
    random = np.random.default_rng(0)
    frame = random.normal(size=(1, 64, 64))
    film = []
    for _ in range(100):
        frame = 0.97 * frame + 0.25 * random.normal(size=(1, 64, 64))
        film.append(frame)
    candidates = [
        Candidate(0, t, 1.0 if 40 <= t < 50 else 0.5, perceptual_hash(f)) for t, f in enumerate(film)
    ]
    chosen = [t for _, t in places(rank(candidates, 10))]
    assert sum(40 <= t < 50 for t in chosen) <= 3
    assert min(np.diff(sorted(chosen))) >= 4


def rank_one_by_one(candidates, count):
    """The same rule in plain loops."""

    def distance(one, other):
        bits = sum(bin(int(a) ^ int(b)).count("1") for a, b in zip(one.hash, other.hash, strict=True))
        time = abs(one.t - other.t) / 10 if one.series == other.series else 1
        return min(bits / 100, time, 1)

    left, chosen = sorted(candidates, key=lambda c: (c.series, c.t)), []
    while left and len(chosen) < count:
        scores = [c.entropy * min([1, *(distance(c, other) for other in chosen)]) for c in left]
        if max(scores) <= 0:
            break
        chosen.append(left.pop(scores.index(max(scores))))
    return chosen


CANDIDATES = st.lists(
    st.builds(
        Candidate,
        series=st.integers(0, 2),
        t=st.integers(0, 30),
        entropy=st.sampled_from([0.0, 0.25, 0.5, 1.0]),
        hash=st.integers(0, 200).map(lambda last: looks(0, last)),
    ),
    max_size=12,
    unique_by=lambda c: (c.series, c.t),
)


@given(CANDIDATES, st.integers(0, 14), st.randoms())
def test_ranking_agrees_with_plain_loops_in_any_order_of_candidates(candidates, count, random):
    expected = [(c.series, c.t) for c in rank_one_by_one(candidates, count)]
    random.shuffle(candidates)
    assert places(rank(candidates, count)) == expected


@pytest.mark.parametrize("entropy", [-0.1, np.nan, np.inf])
def test_an_entropy_that_is_none_is_a_programming_error(entropy):
    with pytest.raises(ValueError, match="has an entropy that is no number from 0 on"):
        rank([Candidate(0, 0, entropy, looks(0, 1))], 1)
