from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import nn

from hela_seg.models.resnet34_unet import CentringNorm, ResidualUnit, ResNet34Encoder, ResNet34UNet
from hela_seg.system.errors import InputError


def test_skips_halve_down_to_a_32nd() -> None:
    levels = ResNet34Encoder(3, 8, "relu")(torch.rand(2, 3, 64, 96))
    assert [tuple(level.shape[1:]) for level in levels] == [
        (8, 32, 48),
        (8, 16, 24),
        (16, 8, 12),
        (32, 4, 6),
        (64, 2, 3),
    ]


def test_pooling_after_the_stem_sees_zeros_outside() -> None:
    encoder = ResNet34Encoder(1, 4, "leaky_relu").eval()
    assert encoder.stem.norm.bias is not None
    nn.init.constant_(encoder.stem.norm.bias, -1.0)
    pooled = []
    encoder.stages[0].register_forward_pre_hook(lambda _, given: pooled.append(given[0]))
    encoder(torch.zeros(1, 1, 32, 32))  # all of the stem's output is the leaky -1, that is -0.3
    border = torch.full((8, 8), -0.3)
    border[0], border[:, 0] = 0.0, 0.0
    torch.testing.assert_close(pooled[0][0, 0], border)


def test_centring_norm_learns_a_shift_and_no_scale() -> None:
    norm = CentringNorm(2, eps=2e-5)
    assert [name for name, _ in norm.named_parameters()] == ["bias"]
    assert set(norm.state_dict()) == {"bias", "running_mean", "running_var", "num_batches_tracked"}
    image = torch.tensor([1.0, 3.0, 10.0, 30.0]).view(1, 2, 1, 2)
    nn.init.constant_(norm.bias, 5.0)
    torch.testing.assert_close(norm(image).flatten(), torch.tensor([4.0, 6.0, 4.0, 6.0]))


@pytest.mark.parametrize("project", [True, False])
def test_what_a_residual_unit_adds(project: bool) -> None:
    unit = ResidualUnit(2, 2, "relu", stride=1, project=project).eval()
    nn.init.zeros_(unit.conv2.weight)
    if unit.shortcut is not None:
        nn.init.dirac_(unit.shortcut.weight)
    x = torch.tensor([-1.0, 2.0]).view(1, 2, 1, 1)
    total, activated = unit(x)
    relu = x.relu() / math.sqrt(1 + 2e-5)
    torch.testing.assert_close(activated, relu)
    torch.testing.assert_close(total, relu if project else x)


def test_kernels_are_hes_but_glorots_in_the_closing_convolution() -> None:
    net: Any = ResNet34UNet(width=32)
    he = math.sqrt(6 / (9 * 32))
    assert 0.98 * he < net.encoder.stages[0].first.conv1.weight.abs().max() <= he
    glorot = math.sqrt(6 / (9 * 8 + 9 * 3))
    assert 0.9 * glorot < net.head.weight.abs().max() <= glorot


def test_a_width_that_cannot_be_quartered_is_the_users_error() -> None:
    with pytest.raises(InputError, match=r"model\.width is 6, expected a multiple of 4: take 8"):
        ResNet34UNet(width=6)
