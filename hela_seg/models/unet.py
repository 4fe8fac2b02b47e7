"""The simple U-Net: five levels of two convolutions each."""

from __future__ import annotations

from typing import ClassVar

import torch.nn.functional as F
from torch import Tensor, nn

from hela_seg.models.blocks import DoubleConv, NormalisedHead, UpDoubleConv, check_size, initialise


class UNet(nn.Module):
    """The paper's simple U-Net: (N, C, H, W) float image -> (N, K, H, W) logits.

    After Ronneberger et al. (2015), with the paper's padding, batch normalisation and nearest up-sampling.
    With the default arguments it has 31,402,639 parameters.

    Args:
        in_channels: C.
        classes: K.
        width: filters of the first level; each level down has twice as many.
        activation: ``"relu"`` or ``"leaky_relu"`` (slope 0.3).
        dropout: share of values set to 0 after each pair of convolutions while training.
    """

    stride: ClassVar[int] = 16
    """H and W must be multiples of it."""

    def __init__(
        self,
        in_channels: int = 3,
        classes: int = 3,
        width: int = 64,
        activation: str = "relu",
        dropout: float = 0.05,
    ) -> None:
        super().__init__()
        widths = [width * 2**level for level in range(5)]  # 64 128 256 512 1024
        self.encoder = nn.ModuleList(
            DoubleConv(below, above, activation)
            for below, above in zip([in_channels, *widths], widths, strict=False)
        )
        self.decoder = nn.ModuleList(
            UpDoubleConv(widths[level + 1] + widths[level], widths[level], activation)
            for level in reversed(range(4))
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
        for block in self.decoder:
            x = self.dropout(block(x, skips.pop()))
        logits: Tensor = self.head(x)
        return logits
