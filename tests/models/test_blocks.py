from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from hela_seg.errors import InputError
from hela_seg.models.blocks import (
    ConvNormActivation,
    NormalisedHead,
    activation_layer,
    check_size,
    initialise,
    upsample,
)


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
