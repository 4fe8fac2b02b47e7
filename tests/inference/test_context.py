"""Nets that are shown the frames before and after: each frame is read once, in whatever way it arrives."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from small_checkpoints import INFO
from torch import Tensor, nn
from toy_nets import Brightness, info

from hela_seg.data.classes import Classes
from hela_seg.data.labels.readers import ValueLabels
from hela_seg.data.layouts import Recording
from hela_seg.data.splits.table import Block
from hela_seg.data.stacks import ArraySeries
from hela_seg.inference import Predictor, Tiling, TrainedNet, Unreadable, count_frames
from hela_seg.report.run.examples import predicted
from hela_seg.system.errors import InputError

FILM = np.random.default_rng(0).integers(0, 256, (7, 70, 90), dtype=np.uint8)


class Rising(nn.Module):
    """Class 1 where the last frame that is shown is brighter than the first; notes what it was shown."""

    stride = 1

    def __init__(self) -> None:
        super().__init__()
        self.shown: list[list[int]] = []

    def forward(self, image: Tensor) -> Tensor:
        self.shown += (image[:, :, 0, 0] * 255).round().int().tolist()
        return torch.cat([image[:, :1], image[:, -1:]], dim=1)


def with_context(context: int, net: nn.Module | None = None, **changed: Any) -> TrainedNet:
    return TrainedNet(net or Rising(), info(config={"data": {"context": context}}, **changed))


def rising(film: np.ndarray, context: int) -> np.ndarray:
    """What `Rising` finds, worked out by clipping the numbers of frames."""
    t, last = np.arange(len(film)), len(film) - 1
    return film[np.minimum(t + context, last)] > film[np.maximum(t - context, 0)]


class Counted(ArraySeries):
    """Notes the frames that are read."""

    def __init__(self, film: np.ndarray) -> None:
        super().__init__(film, "TYX", 1)
        self.reads: list[int] = []

    def read(self, t: int, rows: slice, columns: slice) -> np.ndarray:
        self.reads.append(t)
        return super().read(t, rows, columns)


@pytest.mark.parametrize("context", [1, 2])
@pytest.mark.parametrize(
    "tiling", [Tiling(), Tiling(batch_size=2), Tiling(tile=(40, 48), halo=2, batch_size=3)]
)
@pytest.mark.parametrize("kind", ["dtype", "frame"])
def test_each_frame_is_read_once(context: int, tiling: Tiling, kind: str) -> None:
    series = Counted(FILM)
    trained = with_context(context, normalisation=INFO.normalisation | {"kind": kind})
    found = np.stack(list(Predictor([trained], tiling).frames(series)))
    assert series.reads == list(range(7))
    if kind == "dtype":
        np.testing.assert_array_equal(found, rising(FILM, context))


def test_frames_too_large_to_be_kept_are_read_by_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hela_seg.data.context.HELD_BYTES", 3 * FILM[0].nbytes - 1)
    series = Counted(FILM)
    found = list(Predictor([with_context(1)]).frames(series))
    np.testing.assert_array_equal(found, rising(FILM, 1))
    assert len(series.reads) == 7 + 12


def test_nets_that_look_further_and_less_far_predict_together() -> None:
    """The net without context sees nothing rise, and leaves the mean to the others."""
    series = Counted(FILM)
    nets = [with_context(2), with_context(0), with_context(2)]
    found = list(Predictor(nets).frames(series))
    np.testing.assert_array_equal(found, rising(FILM, 2))
    assert series.reads == list(range(7))


def test_frames_that_arrive_one_by_one_are_predicted_as_those_of_an_array() -> None:
    asked: list[int] = []

    def camera() -> Iterator[np.ndarray]:
        for t, frame in enumerate(FILM):
            asked.append(t)
            yield frame

    for context in (0, 1, 2):
        asked.clear()
        net = Predictor([with_context(context)])
        stream = net.stream(camera())
        first = next(stream)
        assert len(asked) <= 4 + context
        found = [first, *stream]
        np.testing.assert_array_equal(found, net.predict(FILM))
        assert asked == list(range(7))


def test_a_stream_whose_frames_change_their_size_has_context_within_each_size() -> None:
    small = [np.full((8, 9), 40 * t, np.uint8) for t in range(3)]
    trained = with_context(1)
    found = list(Predictor([trained]).stream([*small, np.full((9, 9), 200, np.uint8)]))
    assert [labels.shape for labels in found] == [(8, 9)] * 3 + [(9, 9)]
    assert trained.net.shown == [[0, 0, 40], [0, 40, 80], [40, 80, 80], [200, 200, 200]]


def test_beside_a_frame_that_cannot_be_read_the_nearest_one_is_shown() -> None:
    class Torn(Counted):
        def read(self, t: int, rows: slice, columns: slice) -> np.ndarray:
            if t == 2:
                raise InputError("torn.tif, frame 2: the strip is cut short")
            return super().read(t, rows, columns)

    numbers = np.arange(5, dtype=np.uint8)[:, None, None].repeat(8, 1).repeat(9, 2)
    trained = with_context(1)
    found = list(Predictor([trained]).bands(Torn(numbers), [[0, 1, 2, 3, 4]], skip_unreadable=True))
    assert [item.t for item in found if isinstance(item, Unreadable)] == [2]
    assert trained.net.shown == [[0, 0, 1], [0, 1, 1], [3, 3, 4], [3, 4, 4]]
    with pytest.raises(InputError, match="frame 1 is shown with frame 2"):
        list(Predictor([trained]).frames(Torn(numbers), [0, 1]))


def test_scores_are_those_of_the_parts_by_themselves_and_reports_show_the_same() -> None:
    """Of seven frames 0 to 2 and 5 to 6 are for testing, one block a frame for the former."""
    blocks = [*(Block(0, t, t + 1, "test") for t in range(3)), Block(0, 5, 7, "test")]
    truth = np.concatenate([rising(FILM[:3], 1), FILM[3:5] > 300, rising(FILM[5:], 1)])
    recording = Recording(ArraySeries(FILM, "TYX", 1), ArraySeries(truth.astype(np.uint8), "TYX", 1))
    net = Predictor([with_context(1)])
    counts = count_frames(net, [recording], blocks, ValueLabels(Classes(["background", "cell"]))).frames
    assert counts.frame.tolist() == [0, 1, 2, 5, 6]
    assert np.trace(counts.pooled) == counts.pooled.sum()
    maps = predicted(net, [recording], blocks)
    for block in blocks:
        for t in range(block.start, block.stop):
            np.testing.assert_array_equal(maps(block, t), truth[t])


def test_a_single_image_stands_for_its_neighbours_which_is_said_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    trained = with_context(1)
    net = Predictor([trained])
    for _ in range(2):
        net.predict(np.full((8, 9), 7, np.uint8))
    assert trained.net.shown == [[7, 7, 7]] * 2
    assert len(caplog.messages) == 1
    assert "is shown 3 times over" in caplog.text
    caplog.clear()
    Predictor([with_context(0, Brightness())]).predict(np.full((8, 9), 7, np.uint8))
    assert not caplog.messages
