"""What two nets or more share: normalised convolutions, up-sampling, initialisation, the check of sizes.

A 3x3 convolution of nearest up-sampled pixels multiplies each of them by several weights in turn. Adding up
these weights first leaves a 4x4 transposed convolution with stride 2 of the pixels as they were: the same
sums in another order, with 4 multiplications for each output value and input channel in place of 9.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hela_seg.errors import InputError

KERAS_EPSILON = 1e-3
"""What Keras adds to a variance before its square root is taken (PyTorch's own default is 1e-5)."""

KERAS_NEGATIVE_SLOPE = 0.3
"""Slope of Keras' Leaky ReLU below zero (PyTorch's own default is 0.01)."""

SUMMED_PIXELS = 32 * 32
"""From so many pixels on, :func:`convolve_upsampled` adds up weights first; below it does not pay."""


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

    convolution: ClassVar[type[nn.Conv2d]] = nn.Conv2d

    def __init__(
        self, in_channels: int, channels: int, activation: str, *, size: int = 3, bias: bool = True
    ) -> None:
        super().__init__()
        self.conv = self.convolution(in_channels, channels, size, padding=size // 2, bias=bias)
        self.norm = nn.BatchNorm2d(channels, eps=KERAS_EPSILON)
        self.activation = activation_layer(activation)


class UpConv2d(nn.Conv2d):
    """3x3 convolution of up-sampled features, with a skip's channels behind theirs."""

    def forward(self, x: Tensor, skip: Tensor | None = None) -> Tensor:
        """(N, C, H, W) and the skip (N, S, 2H, 2W) -> (N, channels, 2H, 2W)."""
        if skip is None:
            return convolve_upsampled(x, self.weight, self.bias)
        if not _pays_to_sum(x):
            return super().forward(torch.cat([upsample(x), skip], dim=1))
        from_below, from_skip = torch.split(self.weight, [x.shape[1], skip.shape[1]], dim=1)
        # A convolution of channels side by side is the sum of those of its parts.
        return convolve_upsampled(x, from_below, self.bias).add_(F.conv2d(skip, from_skip, padding=1))


class UpConvNormActivation(ConvNormActivation):
    """Up-sampling, concatenation with a skip, then 3x3 convolution, batch normalisation, activation."""

    convolution = UpConv2d

    def forward(self, x: Tensor, skip: Tensor | None = None) -> Tensor:
        """(N, C, H, W) and the skip (N, S, 2H, 2W) -> (N, channels, 2H, 2W)."""
        result: Tensor = self.activation(self.norm(self.conv(x, skip)))
        return result


class DoubleConv(nn.Sequential):
    """Twice 3x3 convolution, batch normalisation, activation: (N, C, H, W) -> (N, channels, H, W)."""

    entry: ClassVar[type[ConvNormActivation]] = ConvNormActivation

    def __init__(self, in_channels: int, channels: int, activation: str, *, bias: bool = True) -> None:
        super().__init__()
        self.first = self.entry(in_channels, channels, activation, bias=bias)
        self.second = ConvNormActivation(channels, channels, activation, bias=bias)


class UpDoubleConv(DoubleConv):
    """Up-sampling, concatenation with a skip, then as :class:`DoubleConv`; ``in_channels`` counts both."""

    entry = UpConvNormActivation

    def forward(self, x: Tensor, skip: Tensor | None = None) -> Tensor:
        """(N, C, H, W) and the skip (N, S, 2H, 2W) -> (N, channels, 2H, 2W)."""
        result: Tensor = self.second(self.first(x, skip))
        return result


class NormalisedHead(nn.Sequential):
    """Closing 1x1 convolution, then batch normalisation of the logits: (N, C, H, W) -> (N, classes, H, W)."""

    def __init__(self, in_channels: int, classes: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, classes, 1)
        self.norm = nn.BatchNorm2d(classes, eps=KERAS_EPSILON)


def upsample(x: Tensor) -> Tensor:
    """Each pixel becomes 2x2 equal ones: (N, C, H, W) -> (N, C, 2H, 2W)."""
    return F.interpolate(x, scale_factor=2, mode="nearest")


def convolve_upsampled(x: Tensor, kernel: Tensor, bias: Tensor | None = None) -> Tensor:
    """``F.conv2d(upsample(x), kernel, bias, padding=1)``, in about half the time where ``x`` is large.

    Args:
        x: (N, C, H, W).
        kernel: (channels, C, 3, 3).
        bias: (channels,).

    Returns:
        (N, channels, 2H, 2W).
    """
    if not _pays_to_sum(x):
        return F.conv2d(upsample(x), kernel, bias, padding=1)
    summed = summed_kernel(kernel).transpose(0, 1)
    return F.conv_transpose2d(x, summed, bias, stride=2, padding=1)


def summed_kernel(kernel: Tensor) -> Tensor:
    """What each pixel is multiplied by in all when up-sampled and convolved with ``kernel``.

    With a, b, c the kernel's rows, output rows 2i - 1 to 2i + 2 take row i times c, b + c, a + b and a; and
    so for columns.

    Args:
        kernel: (channels, C, 3, 3).

    Returns:
        (channels, C, 4, 4), as a transposed convolution with stride 2 and padding 1 takes it.

    Example:
        Nine weights of 1 give rows and columns of 1, 2, 2, 1, multiplied with each other.
    """
    framed = F.pad(kernel.flip(2, 3), (1, 1, 1, 1))
    rows = framed[:, :, :-1] + framed[:, :, 1:]
    return rows[..., :-1] + rows[..., 1:]


def _pays_to_sum(x: Tensor) -> bool:
    """On CPUs, where it was measured; a compiled or exported graph stays plain, as it serves every size."""
    if x.device.type != "cpu" or torch.compiler.is_compiling():
        return False
    return x.shape[-2] * x.shape[-1] >= SUMMED_PIXELS


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
