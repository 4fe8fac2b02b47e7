"""ResNet34-U-Net: a pre-activation ResNet34 goes down, nearest up-sampling goes up."""

from __future__ import annotations

from itertools import pairwise
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hela_seg.models.blocks import (
    StridedPointwiseConv2d,
    UpDoubleConv,
    activation_layer,
    check_size,
    initialise,
)
from hela_seg.system.errors import InputError

ENCODER_EPSILON = 2e-5
"""What the encoder's batch normalisation adds to a variance before its square root, as in MXNet's ResNet."""


class CentringNorm(nn.BatchNorm2d):
    """Batch normalisation that learns a shift and no scale."""

    def __init__(self, channels: int, eps: float) -> None:
        super().__init__(channels, eps=eps)
        del self.weight
        # A constant that moves with the net, since not every device's kernel takes a shift without a scale.
        self.register_buffer("weight", torch.ones(channels), persistent=False)


class NormActivation(nn.Sequential):
    """Batch normalisation, activation; H, W and C stay."""

    def __init__(self, channels: int, activation: str) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(channels, eps=ENCODER_EPSILON)
        self.activation = activation_layer(activation)


class ResidualUnit(nn.Module):
    """Twice normalisation, activation, 3x3 convolution; then the input is added (He et al., 2016, figure 4e).

    Args:
        in_channels: C.
        channels: filters.
        activation: see :func:`~hela_seg.models.blocks.activation_layer`.
        stride: of the first convolution.
        project: whether a 1x1 convolution of the activated input is added instead of the input itself.
    """

    def __init__(
        self, in_channels: int, channels: int, activation: str, *, stride: int, project: bool
    ) -> None:
        super().__init__()
        self.preactivation = NormActivation(in_channels, activation)
        self.conv1 = nn.Conv2d(in_channels, channels, 3, stride, padding=1, bias=False)
        self.between = NormActivation(channels, activation)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.shortcut = (
            StridedPointwiseConv2d(in_channels, channels, 1, stride, bias=False) if project else None
        )

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(N, C, H, W) -> the sum (N, channels, H/stride, W/stride), and the activated input (N, C, H, W)."""
        activated = self.preactivation(x)
        kept = x if self.shortcut is None else self.shortcut(activated)
        return kept + self.conv2(self.between(self.conv1(activated))), activated


class ResidualStage(nn.Module):
    """Residual units in a row; the first one changes the number of channels and, by its stride, the size."""

    def __init__(self, in_channels: int, channels: int, activation: str, *, units: int, stride: int) -> None:
        super().__init__()
        self.first = ResidualUnit(in_channels, channels, activation, stride=stride, project=True)
        self.others = nn.ModuleList(
            ResidualUnit(channels, channels, activation, stride=1, project=False) for _ in range(units - 1)
        )

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(N, C, H, W) -> (N, channels, H/stride, W/stride), and as skip the activated input (N, C, H, W)."""
        x, skip = self.first(x)
        for unit in self.others:
            x, _ = unit(x)
        return x, skip


class ResNet34Encoder(nn.Module):
    """ResNet34 of the second kind, activation before convolution (He et al., 2016, Identity mappings)."""

    def __init__(self, in_channels: int, width: int, activation: str) -> None:
        super().__init__()
        self.input_norm = CentringNorm(in_channels, eps=ENCODER_EPSILON)
        self.conv = nn.Conv2d(in_channels, width, 7, stride=2, padding=3, bias=False)
        self.stem = NormActivation(width, activation)
        widths = [width, width, 2 * width, 4 * width, 8 * width]  # 64 64 128 256 512
        self.stages = nn.ModuleList(
            ResidualStage(below, above, activation, units=units, stride=stride)
            for (below, above), units, stride in zip(
                pairwise(widths), (3, 4, 6, 3), (1, 2, 2, 2), strict=True
            )
        )
        self.closing = NormActivation(8 * width, activation)

    def forward(self, image: Tensor) -> list[Tensor]:
        """(N, C, H, W) -> feature maps at 1/2, 1/4, 1/8, 1/16 and 1/32 of H and W."""
        levels = [self.stem(self.conv(self.input_norm(image)))]
        x = _pooled(levels[0], below_zero=not isinstance(self.stem.activation, nn.ReLU))
        for stage in self.stages:
            x, activated = stage(x)
            levels.append(activated)
        del levels[1]  # the first stage keeps the size, so the second stage's input is the better skip
        return [*levels, self.closing(x)]


def _pooled(x: Tensor, *, below_zero: bool) -> Tensor:
    """Maxima of 3x3 pixels, at every second one: (N, C, H, W) -> (N, C, H/2, W/2).

    Padded with zeros as in Keras. Where nothing is below zero, the -inf of PyTorch's own padding gives the
    same without a copy of what is the net's largest feature map.
    """
    return F.max_pool2d(F.pad(x, (1, 1, 1, 1)), 3, 2) if below_zero else F.max_pool2d(x, 3, 2, padding=1)


class ResNet34UNet(nn.Module):
    """The paper's ResNet34-U-Net: (N, C, H, W) float image -> (N, K, H, W) logits.

    The graph of segmentation-models' Keras ``Unet("resnet34")``. With the default arguments it has 24,456,444
    parameters.

    Args:
        in_channels: C.
        classes: K.
        width: filters of the stem, a multiple of 4; the stages have 1, 2, 4 and 8 times as many, the decoder
            4, 2, 1, 1/2 and 1/4 times.
        activation: ``"relu"`` or ``"leaky_relu"`` (slope 0.3).
        dropout: share of whole channels set to 0 after each decoder block while training
            (Tompson et al., 2015).

    Raises:
        InputError: ``width`` is no multiple of 4.
    """

    stride: ClassVar[int] = 32
    """H and W must be multiples of it."""

    def __init__(
        self,
        in_channels: int = 3,
        classes: int = 3,
        width: int = 64,
        activation: str = "relu",
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        if width % 4:
            raise InputError(f"model.width is {width}, expected a multiple of 4: take {width // 4 * 4 + 4}")
        self.encoder = ResNet34Encoder(in_channels, width, activation)
        widths = [8 * width, 4 * width, 2 * width, width, width // 2, width // 4]  # 512 256 128 64 32 16
        skips = [4 * width, 2 * width, width, width, 0]
        self.decoder = nn.ModuleList(
            UpDoubleConv(widths[i] + skip, widths[i + 1], activation, bias=False)
            for i, skip in enumerate(skips)
        )
        self.dropout = nn.Dropout2d(dropout)
        self.head = nn.Conv2d(width // 4, classes, 3, padding=1)
        initialise(self, nn.init.kaiming_uniform_)
        initialise(self.head)

    def forward(self, image: Tensor) -> Tensor:
        """(N, C, H, W) -> logits (N, K, H, W).

        Raises:
            ValueError: H or W is no multiple of 32.
        """
        check_size(image, self.stride)
        *skips, x = self.encoder(image)
        for block in self.decoder:
            skip = skips.pop() if skips else None  # there is none at the image's own size
            x = self.dropout(block(x, skip))
        logits: Tensor = self.head(x)
        return logits
