from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from hela_seg.models.blocks import (
    AttentionGate,
    ConvNormActivation,
    NormalisedHead,
    UpConv2d,
    activation_layer,
    check_size,
    convolve_upsampled,
    initialise,
    summed_kernel,
    upsample,
)
from hela_seg.system.errors import InputError


def test_activation_below_zero() -> None:
    values = torch.tensor([-2.0, 0.0, 3.0])
    assert activation_layer("relu")(values.clone()).tolist() == [0.0, 0.0, 3.0]
    torch.testing.assert_close(activation_layer("leaky_relu")(values.clone()), torch.tensor([-0.6, 0.0, 3.0]))


def test_an_unknown_activation_is_the_users_error() -> None:
    with pytest.raises(InputError, match="'gelu', expected 'relu' or 'leaky_relu'"):
        activation_layer("gelu")


def test_upsampling_repeats_each_pixel() -> None:
    expected = [[1.0, 1.0, 2.0, 2.0], [1.0, 1.0, 2.0, 2.0]]
    assert upsample(torch.tensor([[[[1.0, 2.0]]]]))[0, 0].tolist() == expected


def test_weights_that_meet_one_pixel_are_summed() -> None:
    rows = torch.tensor([1.0, 10.0, 100.0]).view(3, 1).expand(3, 3)
    expected = torch.tensor([100.0, 110.0, 11.0, 1.0]).outer(torch.tensor([1.0, 2.0, 2.0, 1.0]))
    torch.testing.assert_close(summed_kernel(rows[None, None])[0, 0], expected)


@pytest.mark.parametrize("skip_channels", [0, 3])
@pytest.mark.parametrize("size", [(6, 5), (40, 33)], ids=["plain", "summed"])
def test_convolution_of_up_sampled_features_is_that_of_the_table(
    size: tuple[int, int], skip_channels: int
) -> None:
    torch.manual_seed(2)
    conv = UpConv2d(4 + skip_channels, 2, 3, padding=1).double()
    x = torch.randn(2, 4, *size, dtype=torch.float64, requires_grad=True)
    skip = torch.randn(2, skip_channels, 2 * size[0], 2 * size[1], dtype=torch.float64, requires_grad=True)
    joined = torch.cat([x.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3), skip], dim=1)
    expected = nn.functional.conv2d(joined, conv.weight, conv.bias, padding=1)
    found = conv(x, skip if skip_channels else None)
    torch.testing.assert_close(found, expected)
    sources, weights = [x, skip, conv.weight], torch.randn_like(found)
    assert conv.bias is not None
    gradients = [
        torch.autograd.grad((y * weights).sum(), [*sources, conv.bias], allow_unused=True, retain_graph=True)
        for y in (found, expected)
    ]
    for ours, theirs in zip(*gradients, strict=True):
        if ours is not None:
            torch.testing.assert_close(ours, theirs)


def test_large_features_take_the_short_way(monkeypatch: pytest.MonkeyPatch) -> None:
    taken = []
    monkeypatch.setattr("hela_seg.models.blocks.summed_kernel", lambda w: taken.append(1) or summed_kernel(w))
    for side in (16, 32):
        convolve_upsampled(torch.ones(1, 1, side, side), torch.ones(1, 1, 3, 3))
        assert len(taken) == (side == 32)


def test_sizes_are_checked_in_rows_and_columns() -> None:
    check_size(torch.zeros(1, 1, 32, 48), 16)
    for height, width in ((32, 40), (40, 32)):
        with pytest.raises(ValueError, match=f"{height}x{width} pixels, expected multiples of 16"):
            check_size(torch.zeros(1, 1, height, width), 16)


def test_convolution_then_normalisation_then_activation() -> None:
    block = ConvNormActivation(2, 5, "relu").eval()
    mean = torch.rand(5)
    block.norm.load_state_dict({"running_mean": mean}, strict=False)
    image = torch.rand(1, 2, 6, 7)
    conv = nn.functional.conv2d(image, block.conv.weight, block.conv.bias, padding=1)
    # A running variance of 1, to which Keras adds 0.001.
    expected = (conv - mean.view(1, -1, 1, 1)) / math.sqrt(1.001)
    torch.testing.assert_close(block(image), expected.relu())


def test_logits_of_a_normalised_head_have_mean_0_and_variance_1_in_training() -> None:
    logits = NormalisedHead(4, 3)(torch.rand(2, 4, 16, 16) * 100)
    torch.testing.assert_close(logits.mean((0, 2, 3)), torch.zeros(3), rtol=0, atol=1e-4)
    torch.testing.assert_close(logits.var((0, 2, 3), correction=0), torch.ones(3), rtol=0, atol=1e-2)


@pytest.mark.parametrize(
    ("kernels", "limit"),
    [
        (nn.init.xavier_uniform_, math.sqrt(6 / (9 * 20 + 9 * 30))),  # Glorot: 6 / (fan in + fan out)
        (nn.init.kaiming_uniform_, math.sqrt(6 / (9 * 20))),  # He: 6 / fan in
    ],
)
def test_kernels_are_drawn_within_keras_limits_and_biases_are_zero(
    kernels: Callable[[Tensor], Tensor], limit: float
) -> None:
    conv = nn.Conv2d(20, 30, 3)
    initialise(nn.Sequential(conv), kernels)
    assert 0.99 * limit < conv.weight.abs().max() <= limit
    assert conv.weight.std().item() == pytest.approx(limit / math.sqrt(3), rel=0.05)
    assert conv.bias is not None
    assert not conv.bias.any()


def test_a_gates_parameters_by_hand() -> None:
    # the signal 6*4+4 and its norm 8; 4*4+4, 9*4*4+4, 4*4*4+4; one weight 4+1; closing 4*4+4 and its norm 8
    gate = AttentionGate(6, 4)
    assert sum(p.numel() for p in gate.parameters()) == 28 + 8 + 20 + 148 + 68 + 5 + 20 + 8


def test_a_gate_that_is_shut_passes_nothing_of_the_skip() -> None:
    gate = AttentionGate(6, 4).eval()
    nn.init.constant_(gate.weigh.bias, -1e4)
    below = torch.rand(1, 6, 4, 4)
    torch.testing.assert_close(gate(torch.rand(1, 4, 8, 8), below), gate(torch.rand(1, 4, 8, 8), below))
