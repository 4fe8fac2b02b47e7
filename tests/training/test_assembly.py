"""What settings and data say of a net must agree before either is used."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn

from hela_seg.system.errors import InputError
from hela_seg.training.assembly import (
    begin_with_own_frame,
    describe,
    net_config,
    net_of,
    refuse_output,
    refuse_tile,
    refuse_unlogged,
)

DATA: Any = SimpleNamespace(input_channels=3, classes=["background", "round"])


def test_channels_and_classes_follow_from_the_data() -> None:
    assert net_config({"width": 8, "classes": None}, DATA) == {"width": 8, "in_channels": 3, "classes": 2}


def test_a_net_may_say_what_the_data_say() -> None:
    assert net_config({"classes": 2, "in_channels": 3}, DATA) == {"in_channels": 3, "classes": 2}


@pytest.mark.parametrize(("key", "value", "found"), [("classes", 5, 2), ("in_channels", 1, 3)])
def test_a_net_for_other_data_is_refused(key: str, value: int, found: int) -> None:
    with pytest.raises(InputError, match=f"model.{key} is {value} but the data have {found}"):
        net_config({key: value}, DATA)


@pytest.mark.parametrize("width", [4.5, -4, "many"])
def test_what_a_constructor_cannot_take_is_the_users_to_mend(width: object) -> None:
    config = {"_target_": "hela_seg.models.unet.UNet", "in_channels": 1, "classes": 2, "width": width}
    with pytest.raises(InputError, match=r"model hela_seg\.models\.unet\.UNet cannot be built with"):
        net_of(config)


def test_a_net_that_no_checkpoint_could_be_opened_with_is_refused_before_it_is_trained() -> None:
    with pytest.raises(InputError, match=r"model\._target_ is 'torch\.nn\.Conv2d', expected a net of"):
        net_of({"_target_": "torch.nn.Conv2d", "in_channels": 1, "out_channels": 2, "kernel_size": 1})


@pytest.mark.parametrize("model", ["residual_unet.ResidualUNet", "resnet34_unet.ResNet34UNet"])
def test_a_net_with_context_begins_as_one_that_is_shown_its_own_frame(model: str) -> None:
    """Of five frames of two channels, the third one alone decides; the others have weights that can learn."""
    torch.manual_seed(0)
    settings = {"_target_": f"hela_seg.models.{model}", "classes": 2, "width": 4}
    net = net_of({**settings, "in_channels": 10})
    begin_with_own_frame(net, 2, 2)
    assert net.training
    net.eval()
    image = torch.rand(1, 10, 64, 64)
    others = image.clone()
    others[:, :4], others[:, 6:] = torch.rand(1, 4, 64, 64), torch.rand(1, 4, 64, 64)
    logits = net(image)
    torch.testing.assert_close(net(others), logits)
    torch.autograd.backward(logits.square().mean())
    first = next(p for p in net.parameters() if p.ndim == 4 and p.shape[1] == 10)
    assert first.grad is not None
    assert (first.grad.abs().amax(dim=(0, 2, 3)) > 0).all()
    plain = net_of({**settings, "in_channels": 2})
    alone = next(p for p in plain.parameters() if p.ndim == 4)
    assert 0.7 < float((first[:, 4:6].std() / alone.std()).detach()) < 1.4
    before = {name: value.clone() for name, value in plain.state_dict().items()}
    begin_with_own_frame(plain, 2, 0)
    assert all(torch.equal(value, before[name]) for name, value in plain.state_dict().items())


def watching(monitor: str, **callbacks: Any) -> Any:
    best = {"_target_": "hela_seg.training.checkpoints.BestCheckpoint", "monitor": "IoU round/train"}
    chosen = {"best": best, **callbacks}
    return SimpleNamespace(chosen=lambda _: chosen, scheduler={"monitor": monitor})


def test_what_is_watched_is_logged_unless_callbacks_of_others_log_more() -> None:
    refuse_unlogged(watching("loss/validation"), ["background", "round"], validated=True)
    with pytest.raises(InputError, match=r"best\.monitor is 'IoU round/train', expected one of loss/valid"):
        refuse_unlogged(watching("loss/validation"), ["background", "spread"], validated=True)
    with pytest.raises(InputError, match=r"scheduler\.monitor is 'loss'"):
        refuse_unlogged(watching("loss"), ["background", "round"], validated=True)
    refuse_unlogged(
        watching("loss", mine={"_target_": "lab.Callback"}), ["background", "round"], validated=True
    )


@pytest.mark.parametrize(("tile", "good"), [((32, 64), True), ((32, 40), False), ((40, 32), False)])
def test_tiles_are_multiples_of_the_stride(tile: tuple[int, int], good: bool) -> None:
    net = nn.Identity()
    net.stride = 16
    if good:
        refuse_tile(tile, net)
    else:
        with pytest.raises(InputError, match="expected multiples of 16"):
            refuse_tile(tile, net)


def test_a_run_begins_with_its_net_and_seed() -> None:
    """A 1x1 convolution of two channels to one has two weights and a bias."""
    line = describe(nn.Conv2d(2, 1, 1), 7)
    assert line == "Conv2d, 3 trainable parameters, seed 7"


def test_a_part_of_a_net_is_made_by_its_constructor() -> None:
    config = {"_target_": "hela_seg.models.unet.UNet", "width": {"_target_": "os.getpid"}}
    with pytest.raises(InputError, match=r"model\.width names a class of its own, expected plain values"):
        net_of(config)


@pytest.mark.parametrize(
    ("classes", "message"),
    [(2, None), (3, r"gives \(1, 2, 8, 8\) of images \(1, 1, 8, 8\), expected logits .* of \(1, 3, 8, 8\)")],
)
def test_logits_of_a_net_that_is_not_ours_are_looked_at(classes: int, message: str | None) -> None:
    config = {"_target_": "torch.nn.Conv2d", "in_channels": 1, "classes": classes}
    net = nn.Conv2d(1, 2, 1).train()
    if message is None:
        refuse_output(net, config, (8, 8))
        assert net.training
    else:
        with pytest.raises(InputError, match=message):
            refuse_output(net, config, (8, 8))
