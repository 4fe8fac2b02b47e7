"""Both nets of the sister paper, beside its notebook's graph written out with bare functions."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hela_seg.models.attention_unet import AttentionUNet
from hela_seg.models.residual_attention_unet import ResidualAttentionUNet

Net = type[AttentionUNet] | type[ResidualAttentionUNet]
State = dict[str, Tensor]
each_net = pytest.mark.parametrize("net_class", [AttentionUNet, ResidualAttentionUNet])


def settled(net_class: Net, width: int = 4) -> tuple[AttentionUNet | ResidualAttentionUNet, Tensor]:
    """A small net whose every number counts, and an image."""
    torch.manual_seed(0)
    net = net_class(in_channels=2, classes=3, width=width)
    for name, value in net.state_dict().items():
        if value.is_floating_point():
            value.copy_(
                torch.rand_like(value) + 0.5 if "running_var" in name else torch.randn_like(value) / 3
            )
    return net.eval(), torch.rand(2, 2, 32, 48)


def norm(x: Tensor, state: State, name: str) -> Tensor:
    mean, variance, scale, shift = (
        state[f"{name}.{key}"].reshape(1, -1, 1, 1)
        for key in ("running_mean", "running_var", "weight", "bias")
    )
    return (x - mean) / (variance + 1e-3).sqrt() * scale + shift


def conv(x: Tensor, state: State, name: str, padding: int = 0, stride: int = 1) -> Tensor:
    return F.conv2d(x, state[f"{name}.weight"], state[f"{name}.bias"], stride, padding)


def leaky(x: Tensor) -> Tensor:
    return torch.where(x > 0, x, 0.3 * x)


def doubled(x: Tensor) -> Tensor:
    return x.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)


def plain_block(x: Tensor, state: State, name: str) -> Tensor:
    for part in ("first", "second"):
        x = leaky(norm(conv(x, state, f"{name}.{part}.conv", 1), state, f"{name}.{part}.norm"))
    return x


def residual_block(x: Tensor, state: State, name: str) -> Tensor:
    first = leaky(norm(conv(x, state, f"{name}.first.conv", 1), state, f"{name}.first.norm"))
    second = norm(conv(first, state, f"{name}.second", 1), state, f"{name}.second_norm")
    return leaky(second + norm(conv(x, state, f"{name}.shortcut"), state, f"{name}.shortcut_norm"))


def gate(skip: Tensor, x: Tensor, state: State, name: str) -> Tensor:
    signal = norm(conv(x, state, f"{name}.signal.conv"), state, f"{name}.signal.norm").clamp(min=0)
    signal = conv(signal, state, f"{name}.from_signal.0")
    # a transposed convolution of stride 1 is the convolution with the kernel turned round
    turned = state[f"{name}.from_signal.1.weight"].flip(2, 3).transpose(0, 1)
    signal = F.conv2d(signal, turned, state[f"{name}.from_signal.1.bias"], padding=1)
    added = (signal + conv(skip, state, f"{name}.from_skip", stride=2)).clamp(min=0)
    weights = 1 / (1 + (-conv(added, state, f"{name}.weigh")).exp())
    return norm(conv(doubled(weights) * skip, state, f"{name}.closing.0"), state, f"{name}.closing.1")


@each_net
def test_logits_are_those_of_the_graph_written_out(net_class: Net) -> None:
    net, image = settled(net_class)
    net, image = net.double(), image.double()
    state, block = net.state_dict(), plain_block if net_class is AttentionUNet else residual_block
    x, skips = image, []
    for level in range(5):
        x = block(x if level == 0 else F.max_pool2d(x, 2), state, f"encoder.{level}")
        skips.append(x)
    for level in range(4):
        gated = gate(skips[3 - level], x, state, f"gates.{level}")
        x = block(torch.cat([doubled(x), gated], 1), state, f"decoder.{level}")
    expected = norm(conv(x, state, "head.conv"), state, "head.norm")
    with torch.no_grad():
        torch.testing.assert_close(net(image), expected, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize(
    ("net_class", "total", "trainable"),
    [(AttentionUNet, 37_334_665, 37_319_047), (ResidualAttentionUNet, 39_090_377, 39_068_871)],
)
def test_parameters_are_as_many_as_the_notebook_prints(net_class: Net, total: int, trainable: int) -> None:
    with torch.device("meta"):
        net = net_class(classes=1)
    kept = [v.numel() for key, v in net.state_dict().items() if not key.endswith("num_batches_tracked")]
    assert (sum(kept), sum(p.numel() for p in net.parameters())) == (total, trainable)


@each_net
def test_gradient_reaches_every_parameter(net_class: Net) -> None:
    net, image = settled(net_class, width=8)
    net.train()
    (net(image) * image[:, :1]).sum().backward()
    for name, parameter in net.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.any(), name


@each_net
def test_sizes_that_the_net_cannot_halve_are_refused(net_class: Net) -> None:
    with pytest.raises(ValueError, match="16x24 pixels, expected multiples of 16"):
        net_class(width=4)(torch.zeros(1, 3, 16, 24))


@each_net
def test_dropout_acts_while_training_only(net_class: Net) -> None:
    net = net_class(width=8, dropout=0.5)
    image = torch.rand(1, 3, 32, 32)
    assert not net(image).equal(net(image))
    net.eval()
    assert net(image).equal(net(image))


@each_net
def test_biases_begin_at_zero_as_in_keras(net_class: Net) -> None:
    convolutions = (nn.Conv2d, nn.ConvTranspose2d)
    layers = [layer for layer in net_class(width=2).modules() if isinstance(layer, convolutions)]
    assert not any(layer.bias.any() for layer in layers if layer.bias is not None)
