"""Residual attention U-Net: an attention U-Net of residual blocks."""

from __future__ import annotations

from itertools import pairwise
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hela_seg.models.blocks import (
    KERAS_EPSILON,
    AttentionGate,
    ConvNormActivation,
    NormalisedHead,
    activation_layer,
    check_size,
    initialise,
    upsample,
)


class ResidualDoubleConv(nn.Module):
    """Two 3x3 convolutions beside a 1x1 one, all normalised; activation between the two and after the sum."""

    def __init__(self, in_channels: int, channels: int, activation: str, dropout: float) -> None:
        super().__init__()
        self.first = ConvNormActivation(in_channels, channels, activation)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)
        self.second_norm = nn.BatchNorm2d(channels, eps=KERAS_EPSILON)
        self.dropout = nn.Dropout(dropout)
        self.shortcut = nn.Conv2d(in_channels, channels, 1)
        self.shortcut_norm = nn.BatchNorm2d(channels, eps=KERAS_EPSILON)
        self.activation = activation_layer(activation)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, channels, H, W)."""
        convolved = self.dropout(self.second_norm(self.second(self.first(x))))
        result: Tensor = self.activation(self.shortcut_norm(self.shortcut(x)) + convolved)
        return result


class ResidualAttentionUNet(nn.Module):
    """The sister paper's residual attention U-Net: (N, C, H, W) float image -> (N, K, H, W) logits.

    Of Ghaznavi et al. (2022, Computers in Biology and Medicine, Cell segmentation from telecentric
    bright-field transmitted light microscopy images using a Residual Attention U-Net). With the default
    arguments it has 39,090,515 parameters; with one class, as that paper's notebook prints, 39,090,377.

    Args:
        in_channels: C.
        classes: K.
        width: filters of the first level; each level down has twice as many.
        activation: ``"leaky_relu"`` (slope 0.3), the notebook's, or ``"relu"``; gates have ReLU.
        dropout: share of values set to 0 after the second convolution of each block while training.
    """

    stride: ClassVar[int] = 16
    """H and W must be multiples of it."""

    def __init__(
        self,
        in_channels: int = 3,
        classes: int = 3,
        width: int = 64,
        activation: str = "leaky_relu",
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        widths = [width * 2**level for level in range(5)]  # 64 128 256 512 1024
        rising = list(pairwise(reversed(widths)))
        self.encoder = nn.ModuleList(
            ResidualDoubleConv(below, above, activation, dropout)
            for below, above in zip([in_channels, *widths], widths, strict=False)
        )
        self.gates = nn.ModuleList(AttentionGate(below, above) for below, above in rising)
        self.decoder = nn.ModuleList(
            ResidualDoubleConv(below + above, above, activation, dropout) for below, above in rising
        )
        self.head = NormalisedHead(width, classes)
        initialise(self)

    def forward(self, image: Tensor) -> Tensor:
        """(N, C, H, W) -> logits (N, K, H, W).

        Raises:
            ValueError: H or W is no multiple of 16.
        """
        check_size(image, self.stride)
        x, skips = image, []
        for level, block in enumerate(self.encoder):
            x = block(F.max_pool2d(x, 2) if level else x)
            skips.append(x)
        skips.pop()
        for gate, block in zip(self.gates, self.decoder, strict=True):
            x = block(torch.cat([upsample(x), gate(skips.pop(), x)], dim=1))
        logits: Tensor = self.head(x)
        return logits
