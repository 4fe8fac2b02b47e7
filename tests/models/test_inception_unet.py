"""The fast module beside one that is written as the paper's table reads."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from hela_seg.models.inception_unet import InceptionModule, InceptionUNet, UpInceptionModule


def conv_norm_relu(in_channels: int, width: int, size: int) -> nn.Sequential:
    conv = nn.Conv2d(in_channels, width, size, padding=size // 2)
    return nn.Sequential(conv, nn.BatchNorm2d(width, eps=1e-3), nn.ReLU())


class PlainModule(nn.Module):
    """Seven convolutions, each at the place where the table has it."""

    def __init__(self, in_channels: int, width: int) -> None:
        super().__init__()
        self.a = conv_norm_relu(in_channels, width, 1)
        self.b1, self.b2 = conv_norm_relu(in_channels, width, 1), conv_norm_relu(width, width, 3)
        self.c1, self.c3 = conv_norm_relu(in_channels, width, 1), conv_norm_relu(width, width, 3)
        self.c2 = nn.Conv2d(width, width, 3, padding=1)
        self.d = conv_norm_relu(in_channels, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        branches = [self.a(x), self.b2(self.b1(x)), self.c3(self.c2(self.c1(x)))]
        pooled = nn.functional.max_pool2d(x, 3, stride=1, padding=1)
        return torch.cat([*branches, self.d(pooled)], dim=1)


def plain_twin(fast: Any, in_channels: int, width: int) -> PlainModule:
    plain = PlainModule(in_channels, width).double()
    for i, entry in enumerate([plain.a, plain.b1, plain.c1]):
        for ours, theirs in zip([fast.entries.conv, fast.entries.norm], entry, strict=False):
            parts = {k: v.chunk(3)[i] if v.ndim else v for k, v in ours.state_dict().items()}
            theirs.load_state_dict(parts)
    for block, theirs in ((fast.once, plain.b2), (fast.twice[1], plain.c3), (fast.pooled, plain.d)):
        theirs[0].load_state_dict(block.conv.state_dict())
        theirs[1].load_state_dict(block.norm.state_dict())
    plain.c2.load_state_dict(fast.twice[0].state_dict())
    return plain


def shaken(module: Any) -> Any:
    """In float64 and with normalisations that are no identities, so that no mistake hides."""
    for layer in module.double().modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.load_state_dict(
                {key: 0.5 + torch.rand_like(v) if v.ndim else v for key, v in layer.state_dict().items()}
            )
    return module


def state(module: Any) -> dict[str, Tensor]:
    return dict(module.state_dict())


def repeat2(x: Tensor) -> Tensor:
    return x.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)


@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
@pytest.mark.parametrize("up", [False, True], ids=["down", "up"])
def test_fast_module_computes_what_the_plain_one_does(up: bool, training: bool) -> None:
    torch.manual_seed(3)
    fast = shaken((UpInceptionModule if up else InceptionModule)(5, 4, "relu"))
    plain = plain_twin(fast, 5, 4)
    fast.train(training)
    plain.train(training)
    # Rounded, so that windows hold equal maxima, as they do after a ReLU.
    x = torch.randn(2, 5, 6, 7, dtype=torch.float64).mul(2).round().requires_grad_()
    skip = torch.randn(2, 3, 12, 14, dtype=torch.float64)
    expected = torch.cat([skip, plain(repeat2(x))], dim=1) if up else plain(x)
    found = fast(x, skip) if up else fast(x)
    torch.testing.assert_close(found, expected)
    weights = torch.randn_like(found)
    gradients = [torch.autograd.grad((y * weights).sum(), x)[0] for y in (found, expected)]
    torch.testing.assert_close(*gradients)


@pytest.mark.parametrize("up", [False, True], ids=["down", "up"])
def test_running_statistics_are_those_of_the_plain_module(up: bool) -> None:
    torch.manual_seed(4)
    fast = (UpInceptionModule if up else InceptionModule)(5, 4, "relu").double()
    plain = plain_twin(fast, 5, 4)
    x = torch.randn(2, 5, 6, 8, dtype=torch.float64)
    pixels = 2 * 6 * 8
    if up:
        fast(x, torch.empty(2, 0, 12, 16, dtype=torch.float64))
        plain(repeat2(x))
    else:
        fast(x)
        plain(x)
    entry, pooled = state(fast.entries.norm), state(fast.pooled.norm)
    first, last = state(plain.a[1]), state(plain.d[1])
    torch.testing.assert_close(entry["running_mean"][:4], first["running_mean"])
    torch.testing.assert_close(pooled["running_mean"], last["running_mean"])
    torch.testing.assert_close(pooled["running_var"], last["running_var"])
    # n / (n - 1) of the low-resolution pixels in place of 4n / (4n - 1).
    bessel = (4 * pixels - 1) / (4 * (pixels - 1)) if up else 1.0
    batch_part = (first["running_var"] - 0.9) * bessel
    torch.testing.assert_close(entry["running_var"][:4], 0.9 + batch_part)


def test_joined_kernels_are_drawn_as_three_layers() -> None:
    kernel = InceptionModule(64, 32, "relu").entries.conv.weight
    limit = math.sqrt(6 / (64 + 32))
    for part in kernel.chunk(3):
        assert 0.98 * limit < part.abs().max() <= limit


def test_levels_have_the_papers_filters() -> None:
    with torch.device("meta"):
        net: Any = InceptionUNet()
    assert [m.once.conv.out_channels for m in net.encoder] == [32, 64, 128, 256, 512]
    assert [m.entries.conv.in_channels for m in net.encoder] == [3, 128, 256, 512, 1024]
    assert [m.once.conv.out_channels for m in net.decoder] == [256, 128, 64, 32]
    assert [m.entries.conv.in_channels for m in net.decoder] == [2048, 2048, 1024, 512]
