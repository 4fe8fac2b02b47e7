"""What a net costs is counted as one would on paper."""

from __future__ import annotations

from dataclasses import replace
from unittest.mock import MagicMock

import pytest
from small_checkpoints import INFO

from hela_seg.models import build
from hela_seg.runs.records import Costs
from hela_seg.training.costs import StepClock, costs_of, record_of

PAPER = {  # all numbers that training changes, as the paper's notebook prints them
    "unet.UNet": 31_390_857,
    "vgg19_unet.VGG19UNet": 31_168_323,
    "inception_unet.InceptionUNet": 18_065_865,
    "resnet34_unet.ResNet34UNet": 24_439_094,
}


LEVELS = {
    "head": 0,
    **{f"encoder.{level}": level for level in range(5)},
    **{f"decoder.{3 - level}": level for level in range(4)},
}
"""How often the simple U-Net has halved its input where a part of it works."""


def costs(net: dict[str, object], channels: int, tile: list[int]) -> Costs:
    config = {"data": {"tile": tile, "batch_size": 2}, "trainer": {"accumulate_grad_batches": 3}}
    return costs_of(replace(INFO, net=net, channels=channels, config=config))


@pytest.mark.parametrize("name", PAPER)
def test_parameters_are_the_papers(name: str) -> None:
    net = {"_target_": f"hela_seg.models.{name}", "in_channels": 3, "classes": 3}
    assert costs(net, 3, [64, 64]).parameters == PAPER[name]


def test_multiply_adds_of_convolutions_as_on_paper() -> None:
    net = {"_target_": "hela_seg.models.unet.UNet", "in_channels": 1, "classes": 3, "width": 4}
    found = costs(net, 1, [32, 48])
    expected = 0
    for name, weight in build(net).named_parameters():
        if weight.ndim == 4:
            level = LEVELS[name.rpartition(".first")[0] or name.rpartition(".second")[0] or "head"]
            expected += weight.numel() * (32 >> level) * (48 >> level)
    assert found.multiply_adds == expected
    assert (found.tile, found.batch_size) == ((32, 48), 6)
    assert (found.step_ms, found.frame_s, found.peak_memory) == (None, None, None)


def test_four_times_the_pixels_take_four_times_the_multiply_adds() -> None:
    net = {"_target_": "hela_seg.models.resnet34_unet.ResNet34UNet", "in_channels": 1, "classes": 3}
    small, large = (costs(net, 1, [side, side]).multiply_adds for side in (64, 128))
    assert small is not None
    assert large == 4 * small


@pytest.mark.parametrize(
    ("epochs", "expected"),
    [
        ([], None),
        ([[0.0]], None),  # an epoch of one batch has nothing between two starts
        ([[0.0, 1.0, 2.0, 6.0]], 2000.0),
        ([[0.0, 9.0], [10.0, 11.0], [20.0, 22.0]], 2000.0),  # the first epoch is slow, the median is not
    ],
)
def test_a_step_is_the_median_over_epochs_of_the_mean(
    epochs: list[list[float]], expected: float | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, task, trainer = StepClock(), MagicMock(), MagicMock(accumulate_grad_batches=1)
    for times in epochs:
        clock.on_train_epoch_start(trainer, task)
        for number, seconds in enumerate(times):
            monkeypatch.setattr("hela_seg.training.costs.now", lambda _, seconds=seconds: seconds)
            trainer.is_last_batch = number == len(times) - 1
            # the first epoch goes on from the middle, as that of a resumed run
            clock.on_train_batch_start(trainer, task, None, number + 5)
    assert clock.step_ms == expected


def test_gradients_that_add_up_make_one_step(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, trainer = StepClock(), MagicMock(accumulate_grad_batches=4)
    for number, seconds in enumerate((0.0, 0.5)):
        monkeypatch.setattr("hela_seg.training.costs.now", lambda _, seconds=seconds: seconds)
        trainer.is_last_batch = number == 1
        clock.on_train_batch_start(trainer, MagicMock(), None, number)
    assert clock.step_ms == 2000.0


@pytest.mark.parametrize(
    ("asked", "has", "kept"),
    [
        ("auto", False, "32-true"),
        ("auto", True, "bf16-mixed"),
        ("32-true", True, "32-true"),
        ("bf16-mixed", False, "bf16-mixed"),
    ],
)
def test_an_evaluation_names_its_precision_as_a_training_does(
    asked: str, has: bool, kept: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a comparison of both would take them for different machines."""
    monkeypatch.setattr("hela_seg.system.hardware.cpu_has_bfloat16", lambda: has)
    info = replace(INFO, config={"seed": 0})
    assert record_of(info, Costs(parameters=1), "cpu", asked).hardware["precision"] == kept


def test_of_code_that_is_not_ours_what_is_known_is_said() -> None:
    layer = {"_target_": "torch.nn.Conv2d", "in_channels": 1, "out_channels": 2, "kernel_size": 3}
    info = replace(INFO, net=layer, config={})
    assert costs_of(info, ["torch"]) == Costs(parameters=2 * 9 + 2)
    assert costs_of(info) == Costs()
