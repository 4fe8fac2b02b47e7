"""A net is scored on its own data or on others that fit it; the frames that trained it are counted."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from refusals import refusal
from small_checkpoints import INFO

from hela_seg.data.datamodule import TimelapseData
from hela_seg.runs.checkpoint import ModelInfo
from hela_seg.scores.counts import FrameCounts
from hela_seg.scores.truth import blocks_to_score, frames_of_training, open_truth, refuse_unlike

NAMES = ("background", "dim", "bright")
TRAINED = replace(INFO, classes=[{"name": name} for name in NAMES])


def group(root: Path, **settings: Any) -> dict[str, Any]:
    """The settings of a user's data, as they come from the command."""
    target = "hela_seg.data.datamodule.TimelapseData"
    return {"_target_": target, "layout": "folder", "root": str(root), "classes": None, **settings}


def named(root: Path, **settings: Any) -> TimelapseData:
    return open_truth(group(root, **settings), None, TRAINED)[0]


def with_context(context: int) -> ModelInfo:
    return replace(TRAINED, config={"data": {"context": context}})


def test_what_data_that_are_named_leave_open_is_as_in_the_training(cells: Path) -> None:
    given = group(cells)
    data, configured = open_truth(given, None, with_context(1))
    assert configured is given
    assert (data.classes.names, data.context) == (list(NAMES), 1)
    assert [(block.start, block.stop) for block in blocks_to_score(data, "test")] == [(0, 2)] * 5
    own = named(cells, classes=["background", {"name": "cell", "values": [1, 2]}])
    assert own.classes.names == ["background", "cell"]


def test_neighbouring_frames_other_than_the_nets_are_refused(cells: Path) -> None:
    for context, fits in ((0, True), (1, True), (2, False)):
        given = group(cells, context=context)
        if fits:
            assert open_truth(given, None, with_context(1))[0].context == 1
        else:
            said = refusal(open_truth, given, None, with_context(1))
            assert said.startswith("data.context is 2, expected 1 as the net was trained with")


def test_masks_that_number_cells_are_not_taken_for_a_nets_other_classes(cells: Path) -> None:
    numbered = {"kind": "instances"}
    assert refusal(named, cells, labels=numbered).startswith(
        "masks number cells, which makes background, interior, border of them, expected the net's classes "
        "background, dim, bright"
    )
    assert named(cells, labels=numbered, classes=list(NAMES)).classes.names == list(NAMES)


def test_without_a_checkpoint_or_data_of_its_own_there_is_no_truth() -> None:
    assert refusal(open_truth, None, None, None).startswith("labels are given without truth")
    assert refusal(open_truth, None, None, TRAINED).startswith("the checkpoint knows no data of its own")


@pytest.mark.parametrize(
    ("classes", "said"),
    [
        (["background", {"name": "cell", "values": [1, 2]}], "the data have 2 classes, expected 3"),
        (
            ["background", {"name": "bright", "values": [2]}, {"name": "dim", "values": [1]}],
            "data.classes names background, bright, dim, expected background, dim, bright",
        ),
        (["empty", "pale", "light"], None),  # of other names the user says that they mean the same
    ],
    ids=["others", "in another order", "of other names"],
)
def test_classes_that_are_not_the_nets_are_refused(classes: list[Any], said: str | None, cells: Path) -> None:
    data = named(cells, classes=classes)
    if said is None:
        refuse_unlike(data, TRAINED)
    else:
        assert refusal(refuse_unlike, data, TRAINED).startswith(said)


def test_other_channels_than_the_nets_are_refused(cells: Path) -> None:
    said = refusal(refuse_unlike, named(cells), replace(TRAINED, channels=3))
    assert said.startswith("the data have 1 channels, expected 3 as the net was trained on")


def test_a_part_without_frames_is_refused(cells: Path) -> None:
    data = named(cells)
    assert len(blocks_to_score(data, "all")) == 5
    assert refusal(blocks_to_score, data, "train").startswith("no frame of the data is for 'train', expected")


def test_frames_of_training_are_those_of_the_same_series_and_number() -> None:
    rows = (("a", 0, 3, "train"), ("a", 3, 9, "test"), ("b", 5, 6, "train"))
    split = [dict(zip(("series", "start", "stop", "part"), row, strict=True)) for row in rows]
    frames = np.array([1, 2, 3, 5, 5])
    counts = FrameCounts(("a", "a", "a", "b", "c"), frames, np.arange(5), np.zeros((5, 2, 2), np.int64))
    assert frames_of_training(replace(TRAINED, split=split), counts) == 3
