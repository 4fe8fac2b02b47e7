"""Times of making a batch, from a loader that is asked for no more than it holds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from conftest import write_folder

from hela_seg.data.datamodule import TimelapseData
from hela_seg.training import timing


class Minutes:
    """An augmentation that takes a minute of a clock of its own, and counts how often."""

    def __init__(self) -> None:
        self.clock, self.numbers, self.rotations = 0.0, list[tuple[int, ...]](), None

    def __call__(
        self, image: np.ndarray, label: np.ndarray, number: tuple[int, ...]
    ) -> tuple[np.ndarray, np.ndarray]:
        self.clock += 60
        self.numbers.append(number)
        return image, label


def test_each_repeat_makes_a_batch_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two repeats of three tiles: three minutes each, and more batches than an epoch has."""
    minutes = Minutes()
    monkeypatch.setattr(timing, "now", lambda _: minutes.clock)
    write_folder(tmp_path)
    data = TimelapseData(
        layout="folder",
        root=tmp_path,
        classes=["background", "dim", "bright"],
        tile=(8, 8),
        batch_size=3,
        steps_per_epoch=1,
        workers=0,
        augment=minutes,
    )
    data.prepare()
    seconds, batch = timing.time_data(data, minutes, repeats=2)
    assert seconds == {"reading": [0, 0], "augmentation": [180, 180], "loader": [180, 180]}
    assert batch["image"].shape == (3, 1, 8, 8)
    assert len(minutes.numbers) == 3 + 2 * (3 + 3)  # the batch that starts the loader counts nowhere
    assert {number for _, _, number in minutes.numbers} == set(range(6))
