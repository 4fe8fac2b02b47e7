"""Advice on classes that are not learned: never what is in force."""

from __future__ import annotations

import numpy as np

from hela_seg.scores.confusion import scores_of
from hela_seg.training.advice import settings_to_try, unlearned

OLD = {
    "loss": {"_target_": "hela_seg.training.losses.FocalLoss"},
    "model": {"_target_": "hela_seg.models.unet.UNet"},
    "scheduler": {"build": None},
    "data": {"foreground_share": 0.33},
    "trainer": {"max_epochs": 10, "max_steps": -1},
}
NEW = {
    "loss": {"_target_": "hela_seg.training.losses.DiceCrossEntropyLoss"},
    "model": {"_target_": "hela_seg.models.residual_unet.ResidualUNet"},
    "scheduler": {"decay": {"_target_": "hela_seg.training.schedules.cosine"}},
    "data": {"foreground_share": 0.67},
    "trainer": {"max_epochs": -1, "max_steps": 300},
}


def test_what_helps_most_comes_first_and_what_is_in_force_not_at_all() -> None:
    assert settings_to_try(OLD) == [
        "loss=dice_ce",
        "model=residual_unet",
        "scheduler=cosine",
        "data.foreground_share=0.67",
        "trainer.max_epochs=20",
    ]
    assert settings_to_try(NEW) == ["trainer.max_steps=600"]
    assert settings_to_try(OLD | {"loss": NEW["loss"]})[0] == "model=residual_unet"


def test_each_class_that_is_not_learned_is_named_and_no_absent_one() -> None:
    # IoU of 90/130, 0/10 and 60/90, and a class that is nowhere
    matrix = np.array([[90, 0, 10, 0], [10, 0, 0, 0], [20, 0, 60, 0], [0, 0, 0, 0]])
    names = ["background", "cell", "border", "nowhere"]
    (told,) = unlearned(scores_of(matrix), names, OLD, "the test frames")
    assert "class 'cell' is not learned, its IoU on the test frames is 0.0000" in told
    assert "try, in this order, loss=dice_ce, model=residual_unet" in told
