"""What to try where a class is not learned: the settings that helped most where it was measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
    data, loss, model, scheduler, trainer = (
        config.get(group, {}) for group in ("data", "loss", "model", "scheduler", "trainer")
    )
    length = "max_steps" if trainer.get("max_steps", -1) > 0 else "max_epochs"
    present = trainer.get(length, -1)
    not_in_force = {
        "loss=dice_ce": not str(loss.get("_target_")).endswith(WITH_DICE),
        "model=residual_unet": not str(model.get("_target_")).endswith("ResidualUNet"),
        "scheduler=cosine": scheduler.get("build") is None and scheduler.get("decay") is None,
        f"data.foreground_share={FOREGROUND}": data.get("foreground_share", 1.0) < FOREGROUND,
        f"trainer.{length}={2 * present}": present > 0,
    }
    return [setting for setting, holds in not_in_force.items() if holds]


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
