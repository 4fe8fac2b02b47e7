"""Attention U-Net: a simple U-Net whose skips pass through attention gates."""

from __future__ import annotations

from itertools import pairwise
from typing import ClassVar

import torch.nn.functional as F
from torch import Tensor, nn

from hela_seg.models.blocks import (
    AttentionGate,
    DoubleConv,
    NormalisedHead,
    UpDoubleConv,
    check_size,
    initialise,
)


class AttentionUNet(nn.Module):
    """The sister paper's attention U-Net: (N, C, H, W) float image -> (N, K, H, W) logits.

    After Oktay et al. (2018), in the form of Ghaznavi et al. (2022, Computers in Biology and Medicine, Cell
    segmentation from telecentric bright-field transmitted light microscopy images using a Residual Attention
    U-Net). With the default arguments it has 37,334,803 parameters; with one class, as that paper's notebook
    prints, 37,334,665.

    Args:
        in_channels: C.
        classes: K.
        width: filters of the first level; each level down has twice as many.
        activation: ``"leaky_relu"`` (slope 0.3), the notebook's, or ``"relu"``; gates have ReLU.
        dropout: share of values set to 0 after each pair of convolutions while training.
    """

    stride: ClassVar[int] = 16
    """H and W must be multiples of it."""

    def __init__(
        self,
        in_channels: int = 3,
        classes: int = 3,
        width: int = 64,
        activation: str = "leaky_relu",
        dropout: float = 0.05,
    ) -> None:
        super().__init__()
        widths = [width * 2**level for level in range(5)]  # 64 128 256 512 1024
        rising = list(pairwise(reversed(widths)))
        self.encoder = nn.ModuleList(
            DoubleConv(below, above, activation)
            for below, above in zip([in_channels, *widths], widths, strict=False)
        )
        self.gates = nn.ModuleList(AttentionGate(below, above) for below, above in rising)
        self.decoder = nn.ModuleList(
            UpDoubleConv(below + above, above, activation) for below, above in rising
        )
        self.dropout = nn.Dropout(dropout)
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
            x = self.dropout(block(F.max_pool2d(x, 2) if level else x))
            skips.append(x)
        skips.pop()
        for gate, block in zip(self.gates, self.decoder, strict=True):
            x = self.dropout(block(x, gate(skips.pop(), x)))
        logits: Tensor = self.head(x)
        return logits
