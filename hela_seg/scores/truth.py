"""The data that a net or label images are scored on: those that a user names, or a net's own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from hela_seg.data.classes import Classes, is_reordered
from hela_seg.data.datamodule import TimelapseData
from hela_seg.data.patterns.auto import INSTANCE_CLASSES
from hela_seg.data.splits.split import Block, Part
from hela_seg.runs.checkpoint import ModelInfo
from hela_seg.scores.counts import FrameCounts
from hela_seg.system.errors import InputError
from hela_seg.system.settings import Group, build

ScoredPart = Part | Literal["all"]


def open_truth(
    given: Group | None, root: str | None, info: ModelInfo | None
) -> tuple[TimelapseData, Mapping[str, Any]]:
    """Open the data to score on, and give them with what they were configured with.

    Args:
        given: settings of the data that the user names, all of whose frames are opened; None for a net's own.
        root: where a net's own data lie now; None for where they lay when it was trained.
        info: of the net's checkpoint, where there is one.

    Raises:
        InputError: neither data nor a checkpoint is named, or the data cannot be used.
    """
    if given is not None:
        return _named_data(given, info), given
    if info is None:
        raise InputError(
            "labels are given without truth, expected masks to score them on: name some with data=folder "
            "data.root=..., or with ckpt=... those that a net was tested on"
        )
    return _own_data(info, root), info.config["data"]


def _own_data(info: ModelInfo, root: str | None) -> TimelapseData:
    """The data that the checkpoint was trained on, split as it was then.

    A checkpoint is data: recordings that it would have drawn somewhere are not drawn by its word.
    """
    plain = info.config.get("data")
    if not isinstance(plain, Mapping):
        raise InputError("the checkpoint knows no data of its own, expected some to score it on: set data=")
    data = TimelapseData.from_plain(dict(plain) if root is None else {**plain, "root": root})
    if not data.files.drawn_before:
        raise InputError(
            f"the synthetic recordings of the checkpoint are not below {root or plain['root']}, expected "
            "those that it was trained on: draw some with data=synthetic, or name their place with data.root="
        )
    data.open(info.split)
    return data


def _named_data(given: Group, info: ModelInfo | None) -> TimelapseData:
    """All data that the user names; what the user leaves out is as in the net's training."""
    named = given["classes"] is not None
    if info is not None:
        if given.get("context") not in (None, 0, info.context):
            raise InputError(
                f"data.context is {given['context']}, expected {info.context} as the net was trained with: "
                "leave it out"
            )
        classes = given["classes"] if named else info.classes
        given = {**given, "classes": classes, "context": info.context}
    data: TimelapseData = build(given, "data")
    if data.files.rules.ids and not named and data.classes.names != list(INSTANCE_CLASSES):
        raise InputError(
            f"masks number cells, which makes {', '.join(INSTANCE_CLASSES)} of them, expected the net's "
            f"classes {', '.join(data.classes.names)}: where these mean the same, name them in data.classes"
        )
    data.open_all()
    return data


def refuse_unlike(data: TimelapseData, info: ModelInfo) -> None:
    """Refuse data whose classes or channels are not those of a net.

    Raises:
        InputError: more or fewer of them, or the classes in another order.
    """
    ours, theirs = data.classes.names, Classes(info.classes).names
    more = data.channels > info.channels
    channels = "pick some, as in data.channels=[0]" if more else "take images that have them all"
    for what, found, expected, cure in (
        ("classes", len(ours), len(theirs), "name the same in data.classes"),
        ("channels", data.channels, info.channels, channels),
    ):
        if found != expected:
            raise InputError(
                f"the data have {found} {what}, expected {expected} as the net was trained on: {cure}, or "
                "take another net"
            )
    if is_reordered(ours, theirs):
        raise InputError(
            f"data.classes names {', '.join(ours)}, expected {', '.join(theirs)}, the order that the net was "
            "trained with: give that one, with values= where masks hold others"
        )


def blocks_to_score(data: TimelapseData, part: ScoredPart) -> list[Block]:
    """The frames of a part of the split, or of all parts.

    Raises:
        InputError: there are none.
    """
    blocks = data.blocks if part == "all" else data.blocks_of(part)
    if not blocks:
        raise InputError(
            f"no frame of the data is for '{part}', expected train, validation, test or all: set part="
        )
    return blocks


def frames_of_training(info: ModelInfo, counts: FrameCounts) -> int:
    """How many of the scored frames have the series and number of frames that trained the net."""
    trained = {
        (row["series"], t)
        for row in info.split
        if row["part"] == "train"
        for t in range(row["start"], row["stop"])
    }
    return sum((series, t) in trained for series, t, _ in counts.places)
