"""Normalisation taken into convolutions changes the time, not the prediction."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn

from hela_seg.inference.fuse import fuse_conv_bn
from hela_seg.models import build
from hela_seg.models.blocks import check_size


def learned(net: nn.Module) -> nn.Module:
    """The net with normalisations as training leaves them, each of its own shift, scale and statistics."""
    torch.manual_seed(0)
    for layer in net.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.running_mean.uniform_(-1, 1)
            layer.running_var.uniform_(0.5, 2)
            nn.init.uniform_(layer.bias, -1, 1)
    return net.eval()


def count(net: nn.Module) -> int:
    return sum(isinstance(layer, nn.BatchNorm2d) for layer in net.modules())


class Twice(nn.Module):
    """Uses its convolution's output with and without normalisation."""

    stride = 1

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(1, 2, 3, padding=1), nn.BatchNorm2d(2)

    def forward(self, image: Tensor) -> Tensor:
        found = self.conv(image)
        return found + self.norm(found)


class Shared(nn.Module):
    """Normalises the outputs of two convolutions by one layer."""

    stride = 1

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(1, 1, 1), nn.Conv2d(1, 1, 1)
        self.norm = nn.BatchNorm2d(1)

    def forward(self, image: Tensor) -> Tensor:
        return self.norm(self.second(self.norm(self.first(image))))


class Coarse(nn.Sequential):
    """Takes sides that are multiples of 128 alone."""

    stride = 128

    def __init__(self) -> None:
        super().__init__(nn.Conv2d(1, 2, 3, padding=1), nn.BatchNorm2d(2))

    def forward(self, image: Tensor) -> Tensor:
        check_size(image, self.stride)
        return super().forward(image)


def test_a_net_of_a_large_stride_is_tried_on_an_image_that_it_takes() -> None:
    assert count(fuse_conv_bn(learned(Coarse()), 1)) == 0


@pytest.mark.parametrize("build", [Twice, Coarse])
def test_nothing_goes_on_watching_the_net(build: type[nn.Module]) -> None:
    net = learned(build())
    for looked_at in (fuse_conv_bn(net, 1), net):
        assert not any(layer._forward_hooks or layer._forward_pre_hooks for layer in looked_at.modules())


def test_a_hand_worked_convolution() -> None:
    """2x + 1, less a mean of 3, divided by a deviation of 2, times 4, plus 5: that is 4x + 1."""
    net = nn.Sequential(nn.Conv2d(1, 1, 1), nn.BatchNorm2d(1, eps=1.0))
    net.stride = 1
    values = (2.0, 1.0, 4.0, 5.0, 3.0, 3.0)
    conv, norm = net
    for tensor, value in zip(
        (conv.weight, conv.bias, norm.weight, norm.bias, norm.running_mean, norm.running_var),
        values,
        strict=True,
    ):
        tensor.data.fill_(value)
    found = fuse_conv_bn(net, 1)
    assert (found[0].weight.item(), found[0].bias.item()) == pytest.approx((4, 1))
    assert isinstance(found[1], nn.Identity)


@pytest.mark.parametrize(
    ("name", "left"),
    [
        ("unet.UNet", 0),
        ("vgg19_unet.VGG19UNet", 0),
        ("inception_unet.InceptionUNet", 4),
        ("resnet34_unet.ResNet34UNet", 18),
    ],
)
def test_each_net_predicts_the_same_with_fewer_layers(name: str, left: int) -> None:
    """What stays: in Inception those behind up-sampling, in ResNet34 the input's and those of sums."""
    net = learned(build({"_target_": f"hela_seg.models.{name}", "in_channels": 1, "width": 4}))
    before = copy.deepcopy(net.state_dict())
    image = torch.rand(2, 1, 64, 96, generator=torch.Generator().manual_seed(1))
    found = fuse_conv_bn(net, 1)
    assert count(found) == left
    with torch.no_grad():
        torch.testing.assert_close(found(image), net(image), rtol=1e-4, atol=1e-4)
    assert all(torch.equal(value, before[key]) for key, value in net.state_dict().items())


@pytest.mark.parametrize("build", [Twice, Shared])
def test_a_net_that_would_predict_otherwise_comes_back_as_it_is(build: type[nn.Module]) -> None:
    net = learned(build())
    assert fuse_conv_bn(net, 1) is net


def test_what_stays_as_it_is_is_no_second_time_in_memory() -> None:
    net = learned(
        build({"_target_": "hela_seg.models.resnet34_unet.ResNet34UNet", "in_channels": 1, "classes": 3})
    )
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    kept = {tensor.data_ptr() for tensor in net.state_dict().values()}
    shared = sum(tensor.numel() for tensor in fuse_conv_bn(net, 1).parameters() if tensor.data_ptr() in kept)
    assert shared > 0
    assert all(torch.equal(tensor, before[name]) for name, tensor in net.state_dict().items())


def test_normalisation_by_each_images_own_statistics_stays() -> None:
    net = learned(Coarse())
    net[1] = nn.BatchNorm2d(2, track_running_stats=False)
    assert count(fuse_conv_bn(net, 1)) == 1
