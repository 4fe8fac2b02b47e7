"""Processes and passes share out the samples of an epoch."""

from hypothesis import given
from hypothesis import strategies as st

from hela_seg.data.sampler import EpochSampler


@given(part=st.integers(1, 5), ranks=st.integers(1, 6), steps=st.integers(1, 5), seen=st.integers(0, 5))
def test_ranks_see_each_sample_once_and_in_each_step_those_of_one_process(part, ranks, steps, seen):
    batch, first = part * ranks, min(seen, steps) * part * ranks
    length = batch * steps
    samplers = [EpochSampler(length, lambda: first, 2, batch, rank, ranks) for rank in range(ranks)]
    seen_by_rank = [[draw.number for draw in sampler] for sampler in samplers]
    assert [len(sampler) for sampler in samplers] == [part * steps] * ranks
    for step in range((length - first) // batch):
        own = [numbers[step * part : (step + 1) * part] for numbers in seen_by_rank]
        begin = first + step * batch
        assert [number for numbers in own for number in numbers] == list(range(begin, begin + batch))
    assert [draw.number for sampler in samplers for draw in sampler.whole_epoch()][:part] == list(range(part))


def test_sampler_counts_through_the_epoch_it_was_told():
    sampler = EpochSampler(3)
    assert len(sampler) == 3
    assert list(sampler) == [(0, 0), (0, 1), (0, 2)]
    sampler.set_epoch(5)
    assert list(sampler) == [(5, 0), (5, 1), (5, 2)]


def test_each_pass_leaves_out_what_has_been_seen():
    seen = iter([3, 0])
    sampler = EpochSampler(4, first=lambda: next(seen), epoch=2)
    assert len(sampler) == 4
    assert [list(sampler), len(list(sampler))] == [[(2, 3)], 4]
