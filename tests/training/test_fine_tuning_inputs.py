"""Which channels of a net are those of another one: by their names, else by their places, or not at all."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from small_checkpoints import INFO

from hela_seg.training.fine_tuning import Inputs

RED_GREEN = Inputs(2, 0, ("red", "green"))


@pytest.mark.parametrize(
    ("now", "held", "places"),
    [
        (Inputs(3, 0, ("green", "phase", "red")), RED_GREEN, [1, None, 0]),
        (Inputs(2), RED_GREEN, [0, 1]),  # one side has no names
        (Inputs(2, 0, ("DIC", "GFP")), RED_GREEN, [0, 1]),  # no name in common, as many channels
        (Inputs(3), RED_GREEN, None),
        # two channels of each of three frames, of which the net knows the one in the middle
        (Inputs(2, 1, ("green", "red")), RED_GREEN, [None, None, 1, 0, None, None]),
        (RED_GREEN, Inputs(2, 1, ("red", "green")), [2, 3]),
    ],
)
def test_channels_are_matched(now: Inputs, held: Inputs, places: list[int | None] | None) -> None:
    assert now.matched(held) == places


@pytest.mark.parametrize(
    ("data", "names"),
    [
        ({"channel_names": ["red", "green"]}, ("red", "green")),
        ({"images": {"phase": "a_{t}.tif", "dye": "b_{t}.tif"}}, ("phase", "dye")),
        ({"channel_names": ["a", "b", "c"], "channels": [2, "a"]}, ("c", "a")),
        ({"channel_names": ["a", "b", "c"]}, ()),  # as many names as files have channels, not as the net
        ({"channel_names": ["red", "green"], "grey": True}, ()),
        (None, ()),
    ],
)
def test_names_are_those_that_the_settings_gave(data: Any, names: tuple[str, ...]) -> None:
    info = replace(INFO, channels=2, config={"data": data})
    assert Inputs.of_checkpoint(info) == Inputs(2, 0, names)


def test_they_are_told_with_their_names_and_frames() -> None:
    assert str(Inputs(2, 1, ("red", "green"))) == "2 channel(s) (red, green) in each of 3 frames"
    assert str(Inputs(1)) == "1 channel(s)"
