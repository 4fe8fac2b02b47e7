"""VGG19-U-Net: torchvision's VGG19 goes down, transposed convolutions go up."""

from __future__ import annotations

from itertools import pairwise
from typing import ClassVar

import torch
from torch import Tensor, nn
from torchvision.models import vgg

from hela_seg.models.blocks import DoubleConv, activation_layer, check_size, initialise


class VGG19Encoder(nn.Module):
    """VGG19's five blocks of convolutions without batch normalisation (Simonyan and Zisserman, 2014).

    The layers keep torchvision's names (``features.N``), so that weights of its ``vgg19`` fit.
    """

    def __init__(self, in_channels: int, width: int, activation: str) -> None:
        super().__init__()
        plan = vgg.cfgs["E"][:-1]  # the closing pooling would lead to VGG's classifier
        self.features = vgg.make_layers([v if v == "M" else v * width // 64 for v in plan])
        if in_channels != 3:
            self.features[0] = nn.Conv2d(in_channels, width, 3, padding=1)
        for index, layer in enumerate(self.features):
            if isinstance(layer, nn.ReLU):
                self.features[index] = activation_layer(activation)

    def forward(self, image: Tensor) -> list[Tensor]:
        """(N, C, H, W) -> the last feature map of each block, from H x W down to H/16 x W/16."""
        x, levels = image, []
        for layer in self.features:
            if isinstance(layer, nn.MaxPool2d):
                levels.append(x)
            x = layer(x)
        return [*levels, x]


class UpBlock(nn.Module):
    """2x2 transposed convolution, concatenation with the skip, two convolutions."""

    def __init__(self, in_channels: int, channels: int, activation: str) -> None:
        super().__init__()
        self.up = nn.ConvTranspose2d(in_channels, channels, 2, stride=2)
        self.convs = DoubleConv(2 * channels, channels, activation)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        """(N, C, H, W) and the skip (N, channels, 2H, 2W) -> (N, channels, 2H, 2W)."""
        convolved: Tensor = self.convs(torch.cat([self.up(x), skip], dim=1))
        return convolved


class VGG19UNet(nn.Module):
    """The paper's VGG19-U-Net: (N, C, H, W) float image -> (N, K, H, W) logits.

    With the default arguments it has 31,172,163 parameters.

    Args:
        in_channels: C.
        classes: K.
        width: filters of the first block; the five blocks have 1, 2, 4, 8 and 8 times as many.
        activation: ``"relu"`` or ``"leaky_relu"`` (slope 0.3).
        dropout: share of whole channels set to 0 after each decoder block while training
            (Tompson et al., 2015).
    """

    stride: ClassVar[int] = 16
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
        widths = [8 * width, 8 * width, 4 * width, 2 * width, width]  # 512 512 256 128 64
        self.encoder = VGG19Encoder(in_channels, width, activation)
        self.decoder = nn.ModuleList(UpBlock(below, above, activation) for below, above in pairwise(widths))
        self.dropout = nn.Dropout2d(dropout)
        self.head = nn.Conv2d(width, classes, 1)
        initialise(self)

    def forward(self, image: Tensor) -> Tensor:
        """(N, C, H, W) -> logits (N, K, H, W).

        Raises:
            ValueError: H or W is no multiple of 16.
        """
        check_size(image, self.stride)
        *skips, x = self.encoder(image)
        for block in self.decoder:
            x = self.dropout(block(x, skips.pop()))
        logits: Tensor = self.head(x)
        return logits
