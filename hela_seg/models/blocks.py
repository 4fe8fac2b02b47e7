"""What two nets or more share: normalised convolutions, attention gates, up-sampling, the check of sizes.

A 3x3 convolution of nearest up-sampled pixels multiplies each of them by several weights in turn. Adding up
these weights first leaves a 4x4 transposed convolution with stride 2 of the pixels as they were: the same
sums in another order, with 4 multiplications for each output value and input channel in place of 9.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hela_seg.system.errors import InputError

KERAS_EPSILON = 1e-3
"""What Keras adds to a variance before its square root is taken (PyTorch's own default is 1e-5)."""

KERAS_NEGATIVE_SLOPE = 0.3
"""Slope of Keras' Leaky ReLU below zero (PyTorch's own default is 0.01)."""

IMAGENET_MEAN, IMAGENET_DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of red, green and blue over ImageNet's training images, of 0 to 1; torchvision's and timm's."""

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


class StridedPointwiseConv2d(nn.Conv2d):
    """1x1 convolution of every second pixel, or of every third and so on: the function of ``nn.Conv2d``.

    The pixels are taken first and then convolved without a stride, because the backward pass of oneDNN (seen
    with torch 2.8 and 2.14) writes beyond its memory where a strided 1x1 convolution reads fewer channels
    last than a vector of AVX2 or AVX-512 holds numbers: see `NARROW`. It takes no padding and no groups.
    """

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, channels, H/stride, W/stride), rounded up."""
        rows, columns = self.stride
        return F.conv2d(x[:, :, ::rows, ::columns], self.weight, self.bias)


NARROW = 16
"""From so many input channels on, oneDNN's strided 1x1 convolutions are safe: one vector of AVX-512."""


def avoid_narrow_strided_convolutions(net: nn.Module) -> None:
    """Make each convolution of ``net`` that oneDNN computes wrongly a :class:`StridedPointwiseConv2d`.

    The layers, their parameters and the names of these stay; ``net`` is changed in place.
    """
    for layer in net.modules():
        if type(layer) is nn.Conv2d and _is_narrow_and_strided(layer):
            layer.__class__ = StridedPointwiseConv2d  # as PyTorch's lazy layers become plain ones


def _is_narrow_and_strided(layer: nn.Conv2d) -> bool:
    alone = layer.kernel_size == (1, 1) and layer.padding == (0, 0) and layer.groups == 1
    return alone and max(layer.stride) > 1 and layer.in_channels < NARROW


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


class AttentionGate(nn.Module):
    """Dims a skip where the features below it see nothing of interest (Oktay et al., 2018).

    The additive gate of the sister paper's notebook (Ghaznavi et al., 2022): the features below become a
    gating signal, skip and signal are added at half the skip's size, and one number for 2x2 pixels of the
    skip, between 0 and 1, multiplies all of their channels.

    Args:
        in_channels: C, of the features below.
        channels: S, of the skip.
    """

    def __init__(self, in_channels: int, channels: int) -> None:
        super().__init__()
        self.signal = ConvNormActivation(in_channels, channels, "relu", size=1)
        self.from_signal = nn.Sequential(
            nn.Conv2d(channels, channels, 1), nn.ConvTranspose2d(channels, channels, 3, padding=1)
        )
        self.from_skip = nn.Conv2d(channels, channels, 2, stride=2)
        self.weigh = nn.Conv2d(channels, 1, 1)
        self.closing = nn.Sequential(
            nn.Conv2d(channels, channels, 1), nn.BatchNorm2d(channels, eps=KERAS_EPSILON)
        )

    def forward(self, skip: Tensor, x: Tensor) -> Tensor:
        """The skip (N, S, 2H, 2W) and the features below (N, C, H, W) -> (N, S, 2H, 2W)."""
        added = self.from_signal(self.signal(x)) + self.from_skip(skip)
        weights = upsample(self.weigh(F.relu(added)).sigmoid())
        gated: Tensor = self.closing(weights * skip)
        return gated


class ImageNetNorm(nn.Module):
    """Grey values of 0 to 1 -> those that an encoder saw while it learned ImageNet: minus mean, by deviation.

    Args:
        channels: C; where it is not 3, each channel takes the means over red, green and blue.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.empty(channels, 1, 1))
        self.register_buffer("deviation", torch.empty(channels, 1, 1))
        self.set(IMAGENET_MEAN, IMAGENET_DEVIATION)

    def set(self, mean: Sequence[float], deviation: Sequence[float]) -> None:
        """Take other figures, of red, green and blue."""
        for buffer, values in ((self.mean, mean), (self.deviation, deviation)):
            rgb = torch.tensor(values, dtype=buffer.dtype, device=buffer.device)
            buffer.copy_((rgb if len(buffer) == len(rgb) else rgb.mean()).reshape(-1, 1, 1))

    def forward(self, image: Tensor) -> Tensor:
        """(N, C, H, W) -> the same shape."""
        return (image - self.mean) / self.deviation


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
    if x.device.type != "cpu" or torch.compiler.is_compiling() or torch.jit.is_tracing():  # type: ignore[attr-defined, no-untyped-call]
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
