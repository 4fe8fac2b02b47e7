from __future__ import annotations

from typing import Any

import pytest
from torch import nn

from hela_seg.models import build, make
from hela_seg.models.unet import UNet
from hela_seg.system.errors import InputError


def test_a_net_comes_back_from_its_plain_description() -> None:
    net = build(
        {"_target_": "hela_seg.models.unet.UNet", "width": 2, "classes": 4, "activation": "leaky_relu"}
    )
    assert isinstance(net, UNet)
    assert net.head.conv.out_channels == 4


@pytest.mark.parametrize(
    "target",
    [
        "os.system",
        "torch.nn.Linear",
        "hela_seg.models.unet.torch.nn.Linear",
        "hela_seg.models.unet.nn.Linear",
        "hela_seg.models.unet.DoubleConv",  # used there, defined elsewhere
        "hela_seg.models.unet.upsample",
        "hela_seg.models.build",
        "hela_seg.models.unet.",
        "hela_seg.models.nothing_here.Net",
        "hela_seg.models...unet.UNet",
        "hela_seg.models.unet/UNet",
        "hela_seg.models..UNet",
        "hela_seg.models./tmp/unet.UNet",
        "hela_seg.models.unet\0.UNet",
        "",
        None,
        7,
        ["hela_seg.models.unet.UNet"],
    ],
)
def test_anything_but_a_net_of_ours_is_refused(target: Any) -> None:
    with pytest.raises(InputError, match=r"model._target_ is .*, expected a net of hela_seg.models"):
        build({"_target_": target, "in_features": 1, "out_features": 1})


def test_a_description_without_a_target_is_refused() -> None:
    with pytest.raises(InputError, match=r"model\._target_ is 'None'"):
        build({"width": 2})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"widht": 2}, "argument 'widht', expected in_channels, classes, width, activation, dropout"),
        ({"activation": "swish"}, "model.activation is 'swish'"),
        ({"width": "wide"}, "cannot be built with {'width': 'wide'}"),
        ({"width": -2}, "cannot be built with {'width': -2}"),
        ({"dropout": 3.0}, "between 0 and 1"),
    ],
)
def test_arguments_that_the_net_cannot_take_are_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        build({"_target_": "hela_seg.models.unet.UNet", **arguments})
    assert "\n" not in str(caught.value)


def test_a_net_of_any_class_remembers_how_it_was_made() -> None:
    net = make(UNet, width=2, classes=4)
    assert net.made_of == {"_target_": "hela_seg.models.unet.UNet", "width": 2, "classes": 4}
    assert type(build(net.made_of)) is UNet
    other = make(nn.Conv2d, in_channels=1, out_channels=2, kernel_size=1)
    assert build(other.made_of, trust=["torch.nn"]).stride == (1, 1)  # it has one of its own
    with pytest.raises(InputError, match=r"Conv2d.*add trust=torch\.nn\.modules\.conv if you trust"):
        build(other.made_of)


def test_a_net_without_a_stride_takes_every_size() -> None:
    assert make(nn.Identity).stride == 1
