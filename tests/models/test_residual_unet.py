"""The residual U-Net: what goes in and out, and that it sees what it predicts in its place."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from hela_seg.inference.fuse import fuse_conv_bn
from hela_seg.models.residual_unet import NORMS, InstanceNorm, ResidualUNet
from hela_seg.models.resnet34_unet import ResNet34UNet
from hela_seg.system.errors import InputError


def image_for(net: nn.Module, batch: int = 2) -> Tensor:
    generator = torch.Generator().manual_seed(5)
    return torch.rand(batch, 1, 2 * int(net.stride), 3 * int(net.stride), generator=generator)  # type: ignore[call-overload]


@pytest.mark.parametrize(("levels", "stride"), [(2, 2), (5, 16)])
def test_logits_have_the_images_size_and_one_channel_a_class(levels: int, stride: int) -> None:
    net = ResidualUNet(1, 4, width=4, levels=levels)
    image = image_for(net)
    assert net.stride == stride
    assert net(image).shape == (2, 4, *image.shape[2:])
    with pytest.raises(ValueError, match=f"expected multiples of {stride}: pad"):
        net(image[:, :, 1:])


def test_deep_levels_have_no_more_filters_than_nnunets() -> None:
    with torch.device("meta"):
        net = ResidualUNet(width=32, levels=6)
    assert [block.second.conv.out_channels for block in net.encoder] == [32, 64, 128, 256, 320, 320]  # type: ignore[union-attr]


def test_fewer_than_two_levels_are_refused() -> None:
    with pytest.raises(InputError, match=r"model\.levels is 1, expected 2 or more"):
        ResidualUNet(levels=1)


def test_another_normalisation_is_refused() -> None:
    with pytest.raises(InputError, match=r"model\.norm is 'layer', expected batch or instance"):
        ResidualUNet(norm="layer")


def test_the_scores_of_all_levels_are_added_up() -> None:
    net = ResidualUNet(1, 2, width=4, levels=4)
    for head, bias in zip(net.head, ([1.0, 0.0], [2.0, 0.5], [4.0, 0.25]), strict=True):
        nn.init.zeros_(head.weight)
        head.bias.data = torch.tensor(bias)
    logits = net(image_for(net))
    assert logits.equal(torch.tensor([7.0, 0.75])[:, None, None].expand_as(logits))


def test_instance_normalisation_sees_brighter_images_alike() -> None:
    torch.manual_seed(0)
    net, other = (ResidualUNet(1, 3, width=8, norm=norm).eval() for norm in ("instance", "batch"))
    image = image_for(net)
    torch.testing.assert_close(net(7 * image), net(image), rtol=1e-2, atol=1e-3)
    assert (other(7 * image) - other(image)).abs().max() > 1


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_instance_normalisation_and_its_gradient_are_torchs(
    layout: torch.memory_format, training: bool
) -> None:
    generator = torch.Generator().manual_seed(2)
    images, factors = (torch.randn(3, 4, 5, 7, generator=generator, dtype=torch.float64) for _ in range(2))
    norm, expected = InstanceNorm(4), nn.InstanceNorm2d(4, affine=True)
    found = []
    for module in (norm, expected):
        module.double().train(training)
        module.weight.data, module.bias.data = images[0, :, 0, 0], images[1, :, 0, 0]
        given = images.clone(memory_format=layout).requires_grad_()
        result = module(given)
        gradients = torch.autograd.grad((result * factors).sum(), [given, module.weight, module.bias])
        found.append((result, *gradients))
    torch.testing.assert_close(*found)
    assert found[0][0].is_contiguous(memory_format=layout)


@pytest.mark.parametrize("training", [True, False])
def test_instance_normalisation_takes_single_pixels(training: bool) -> None:
    assert InstanceNorm(4).train(training)(torch.ones(2, 4, 1, 1)).equal(torch.zeros(2, 4, 1, 1))


@pytest.mark.parametrize("norm", NORMS)
def test_gradient_reaches_every_parameter(norm: str) -> None:
    torch.manual_seed(0)
    net = ResidualUNet(1, 3, width=8, activation="leaky_relu", norm=norm)
    image = image_for(net)
    (net(image) * image).sum().backward()
    assert all(p.grad is not None and p.grad.any() for p in net.parameters())


def test_dropout_acts_while_training_only() -> None:
    torch.manual_seed(0)
    net = ResidualUNet(1, 3, width=8, dropout=0.5)
    image = image_for(net)
    assert not net(image).equal(net(image))
    net.eval()
    assert net(image).equal(net(image))


def test_prediction_pays_for_no_normalisation() -> None:
    torch.manual_seed(0)
    net = ResidualUNet(1, 3, width=8)
    net(image_for(net))
    fused = fuse_conv_bn(net, 1)
    assert not any(isinstance(module, nn.BatchNorm2d) for module in fused.modules())
    torch.testing.assert_close(fused(image_for(net)), net.eval()(image_for(net)), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("axis", [2, 3])
def test_a_net_of_mirrored_kernels_sees_a_mirrored_image_alike(axis: int) -> None:
    """So no layer shifts what it hands on: thin classes are predicted where they are, not to one side."""
    assert _handedness(ResidualUNet(1, 3, width=8), axis) < 1e-4
    # the paper's net does: its strided convolutions look at even pixels, and up-sampling sets these between
    assert _handedness(ResNet34UNet(1, 3, width=8), axis) > 0.05


def _handedness(net: nn.Module, axis: int) -> float:
    """How much the logits of a mirrored image, mirrored back, differ, as a share of their spread."""
    torch.manual_seed(0)
    for module in net.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.normal_(module.weight, std=module.weight[0].numel() ** -0.5)
            module.weight.data = (module.weight + module.weight.flip(axis)).detach()
    image = torch.rand(1, 1, 96, 96)
    with torch.no_grad():
        net(image)  # gives batch normalisation its statistics
        net.eval()
        logits, mirrored = net(image), net(image.flip(axis)).flip(axis)
    return float((logits - mirrored).abs().mean() / logits.std())
