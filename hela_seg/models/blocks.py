"""What two nets or more share: normalised convolutions, up-sampling, initialisation, the check of sizes."""

from __future__ import annotations

from collections.abc import Callable

import torch.nn.functional as F
from torch import Tensor, nn

from hela_seg.errors import InputError

KERAS_EPSILON = 1e-3
"""What Keras adds to a variance before its square root is taken (PyTorch's own default is 1e-5)."""

KERAS_NEGATIVE_SLOPE = 0.3
"""Slope of Keras' Leaky ReLU below zero (PyTorch's own default is 0.01)."""


def activation_layer(name: str) -> nn.Module:
    """A new layer for ``"relu"`` or ``"leaky_relu"``, the latter with Keras' slope of 0.3 below zero.

    It works in place: the layers before it, convolutions and normalisations, need no output for the gradient.

    Raises:
        InputError: another name.
    """
    if name == "relu":
        return nn.ReLU(inplace=True)
    if name == "leaky_relu":
        return nn.LeakyReLU(KERAS_NEGATIVE_SLOPE, inplace=True)
    raise InputError(f"model.activation is '{name}', expected 'relu' or 'leaky_relu': choose one of them")


class ConvNormActivation(nn.Sequential):
    """Convolution that keeps H and W, batch normalisation, activation: (N, C, H, W) -> (N, channels, H, W).

    Args:
        in_channels: C.
        channels: filters.
        activation: see :func:`activation_layer`.
        size: rows and columns of the kernel, odd.
        bias: whether the convolution adds one, as Keras' layers do by default.
    """

    def __init__(
        self, in_channels: int, channels: int, activation: str, *, size: int = 3, bias: bool = True
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, channels, size, padding=size // 2, bias=bias)
        self.norm = nn.BatchNorm2d(channels, eps=KERAS_EPSILON)
        self.activation = activation_layer(activation)


class DoubleConv(nn.Sequential):
    """Twice 3x3 convolution, batch normalisation, activation: (N, C, H, W) -> (N, channels, H, W)."""

    def __init__(self, in_channels: int, channels: int, activation: str, *, bias: bool = True) -> None:
        super().__init__()
        self.first = ConvNormActivation(in_channels, channels, activation, bias=bias)
        self.second = ConvNormActivation(channels, channels, activation, bias=bias)


class NormalisedHead(nn.Sequential):
    """Closing 1x1 convolution, then batch normalisation of the logits: (N, C, H, W) -> (N, classes, H, W)."""

    def __init__(self, in_channels: int, classes: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, classes, 1)
        self.norm = nn.BatchNorm2d(classes, eps=KERAS_EPSILON)


def upsample(x: Tensor) -> Tensor:
    """Each pixel becomes 2x2 equal ones: (N, C, H, W) -> (N, C, 2H, 2W)."""
    return F.interpolate(x, scale_factor=2, mode="nearest")


def initialise(net: nn.Module, kernels: Callable[[Tensor], Tensor] = nn.init.xavier_uniform_) -> None:
    """Draws all convolution kernels of ``net`` anew and sets their biases to 0, as Keras does.

    Args:
        net: changed in place.
        kernels: fills one kernel in place; by default Glorot's uniform distribution, which is Keras' default.
    """
    for layer in net.modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
            kernels(layer.weight)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


def check_size(image: Tensor, stride: int) -> None:
    """Refuses an image (N, C, H, W) that halving and doubling would not bring back to its own H and W.

    Raises:
        ValueError: H or W is no multiple of ``stride``.
    """
    height, width = image.shape[-2:]
    if height % stride or width % stride:
        raise ValueError(
            f"the image has {height}x{width} pixels, expected multiples of {stride}: pad or crop the image"
        )
