"""A frame in a report is predicted together with the frames that it was counted with."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from hela_seg.data.layouts import Recording
from hela_seg.data.splits.split import Block
from hela_seg.data.stacks import ArraySeries
from hela_seg.report.run.class_maps import predicted


class Recorder:
    """Stands for a net that takes two frames at a time; what it predicts is the frame's number."""

    def __init__(self) -> None:
        self.groups_seen: list[list[int]] = []
        self.parts_seen: list[range] = []

    def groups(self, _: Any, frames: range) -> Iterator[list[int]]:
        return (list(frames[start : start + 2]) for start in range(0, len(frames), 2))

    def frames(
        self, image: ArraySeries, group: Sequence[int], parts: Sequence[range]
    ) -> Iterator[np.ndarray]:
        self.groups_seen.append(list(group))
        self.parts_seen += parts
        return (np.full(image.shape[2:], t, np.uint8) for t in group)


def test_the_frames_group_is_that_of_its_block() -> None:
    frames = [ArraySeries(np.zeros((9, 1, 2 + number), np.uint8), "TYX", 1) for number in range(2)]
    net: Any = Recorder()
    maps = predicted(net, [Recording(series, series) for series in frames])
    assert maps(Block(1, 3, 8, "test"), 6).tolist() == [[6, 6, 6]]
    assert maps(Block(0, 3, 8, "test"), 7).tolist() == [[7, 7]]
    assert net.groups_seen == [[5, 6], [7]]
    assert net.parts_seen == [range(3, 8)] * 2
