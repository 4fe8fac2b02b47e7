"""What to try where a class is not learned: the settings that helped most where it was measured."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from hela_seg.scores.confusion import Scores
from hela_seg.system.errors import join_names

LEARNED = 0.01
"""A class whose IoU is lower is not learned."""

WITH_DICE = ("DiceCrossEntropyLoss", "FocalDiceLoss", "DiceLoss")
"""Losses that count each class alike, however few pixels it has."""

FOREGROUND = 0.67
"""The share of tiles with foreground to try, where it is lower."""


def settings_to_try(config: Mapping[str, Any]) -> list[str]:
    """Settings that a training was run without, the one that helps most first.

    Args:
        config: all settings of the training, as its checkpoint has them.

    Example:
        With the loss of 0.1.0 and all else as by default the list begins with ``loss=dice_ce``.
    """
    return list(_not_in_force(config))


def _not_in_force(config: Mapping[str, Any]) -> Iterator[str]:
    data, loss = config.get("data", {}), config.get("loss", {})
    if not str(loss.get("_target_")).endswith(WITH_DICE):
        yield "loss=dice_ce"
    if not str(config.get("model", {}).get("_target_")).endswith("ResidualUNet"):
        yield "model=residual_unet"
    scheduler = config.get("scheduler", {})
    if scheduler.get("build") is None and scheduler.get("decay") is None:
        yield "scheduler=cosine"
    if data.get("foreground_share", 1.0) < FOREGROUND:
        yield f"data.foreground_share={FOREGROUND}"
    length = "max_steps" if config.get("trainer", {}).get("max_steps", -1) > 0 else "max_epochs"
    if (present := config.get("trainer", {}).get(length, -1)) > 0:
        yield f"trainer.{length}={2 * present}"


def unlearned(found: Scores, names: Sequence[str], config: Mapping[str, Any], where: str) -> list[str]:
    """A line for each class that is not learned, with what to try first.

    Args:
        found: scores of the trained net.
        names: of the classes.
        config: see `settings_to_try`.
        where: what was scored, such as ``the test frames``.
    """
    cures = join_names(settings_to_try(config)) or "a longer training"
    return [
        f"class '{name}' is not learned, its IoU on {where} is {float(iou):.4f}: look at its masks with "
        f"python -m hela_seg.check, and try, in this order, {cures}"
        for name, iou in zip(names, found.iou, strict=True)
        if float(iou) < LEARNED  # not so where it is NaN, of a class that is nowhere
    ]
