"""Inception-U-Net: each level looks at its input through four windows at once.

Four identities make it fast without changing what it computes:

- the three 1x1 convolutions that read a module's input are one convolution with three times the filters;
- 1x1 convolution, batch normalisation and activation commute with nearest up-sampling, so the decoder does
  them first, on a quarter of the pixels, and has fewer channels left to up-sample;
- 3x3 convolution of up-sampled pixels needs no up-sampling, see :mod:`hela_seg.models.blocks`;
- 3x3 max pooling of up-sampled pixels meets only 2x2 different ones, so it can be done first as well.
"""

from __future__ import annotations

from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hela_seg.models.blocks import (
    ConvNormActivation,
    NormalisedHead,
    UpConv2d,
    UpConvNormActivation,
    check_size,
    initialise,
    upsample,
)


class InceptionBranches(nn.Module):
    """The layers of an inception module's four branches, which its two forms below share.

    In the order of the output's channels: 1x1; 1x1 then 3x3; 1x1 then twice 3x3, without normalisation or
    activation between these two; 3x3 max pooling then 1x1. After Szegedy et al. (2015), as in the notebook.

    Args:
        in_channels: C.
        width: filters of each branch.
        activation: see :func:`~hela_seg.models.blocks.activation_layer`.
    """

    convolution: ClassVar[type[nn.Conv2d]] = nn.Conv2d
    block: ClassVar[type[ConvNormActivation]] = ConvNormActivation

    def __init__(self, in_channels: int, width: int, activation: str) -> None:
        super().__init__()
        self.entries = ConvNormActivation(in_channels, 3 * width, activation, size=1)
        self.once = self.block(width, width, activation)
        self.twice = nn.Sequential(
            self.convolution(width, width, 3, padding=1), ConvNormActivation(width, width, activation)
        )
        self.pooled = ConvNormActivation(in_channels, width, activation, size=1)
        initialise(self)
        # Three layers in Keras, each with a fan-out of its own.
        for kernel in self.entries.conv.weight.chunk(3):
            nn.init.xavier_uniform_(kernel)


class InceptionModule(InceptionBranches):
    """Four branches side by side: (N, C, H, W) -> (N, 4 * width, H, W)."""

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, 4 * width, H, W)."""
        first, second, third = self.entries(x).chunk(3, dim=1)
        pooled = self.pooled(F.max_pool2d(x, 3, stride=1, padding=1))
        return torch.cat([first, self.once(second), self.twice(third), pooled], dim=1)


class UpInceptionModule(InceptionBranches):
    """Nearest up-sampling, four branches, concatenation with the skip.

    The running variance of ``entries`` takes Bessel's correction from N x H x W pixels, not from the four
    times as many that up-sampling makes of them; all else is as if the input had been up-sampled first.
    """

    convolution = UpConv2d
    block = UpConvNormActivation

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        """(N, C, H, W) and the skip (N, S, 2H, 2W) -> (N, S + 4 * width, 2H, 2W)."""
        first, second, third = self.entries(x).chunk(3, dim=1)
        branches = [upsample(first), self.once(second), self.twice(third), self._pooled(x)]
        return torch.cat([skip, *branches], dim=1)

    def _pooled(self, x: Tensor) -> Tensor:
        """The last branch for ``upsample(x)``.

        Rows 2i - 1 and 2i of the pooled image both see rows i - 1 and i of ``x``. Pooling these gives H + 1
        rows, up-sampling 2H + 2, of which the first and the last lie outside; and so for columns.
        """
        conv, norm, activation = self.pooled
        framed = upsample(conv(F.max_pool2d(x, 2, stride=1, padding=1)))
        # Cut off before normalising, since the frame must not count in the batch's mean and variance; by
        # negative padding, since that gives a dense tensor, faster to normalise than a slice.
        pooled: Tensor = activation(norm(F.pad(framed, (-1, -1, -1, -1))))
        return pooled


class InceptionUNet(nn.Module):
    """The paper's Inception-U-Net: (N, C, H, W) float image -> (N, K, H, W) logits.

    With the default arguments it has 18,083,535 parameters.

    Args:
        in_channels: C.
        classes: K.
        width: filters of each of the four branches at the first level; each level down has twice as many.
        activation: ``"relu"`` or ``"leaky_relu"`` (slope 0.3).
        dropout: share of whole channels set to 0 after each decoder level while training
            (Tompson et al., 2015).
    """

    stride: ClassVar[int] = 16
    """H and W must be multiples of it."""

    def __init__(
        self,
        in_channels: int = 3,
        classes: int = 3,
        width: int = 32,
        activation: str = "relu",
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        widths = [width * 2**level for level in range(5)]  # 32 64 128 256 512
        outputs = [4 * n for n in widths]
        self.encoder = nn.ModuleList(
            InceptionModule(below, n, activation)
            for below, n in zip([in_channels, *outputs], widths, strict=False)
        )
        # A decoder level hands on its skip and its own output, equally wide; the bridge hands on no skip.
        inputs = [outputs[4], 2 * outputs[3], 2 * outputs[2], 2 * outputs[1]]
        self.decoder = nn.ModuleList(
            UpInceptionModule(below, n, activation)
            for below, n in zip(inputs, reversed(widths[:-1]), strict=True)
        )
        self.dropout = nn.Dropout2d(dropout)
        self.head = NormalisedHead(2 * outputs[0], classes)
        initialise(self.head)

    def forward(self, image: Tensor) -> Tensor:
        """(N, C, H, W) -> logits (N, K, H, W).

        Raises:
            ValueError: H or W is no multiple of 16.
        """
        check_size(image, self.stride)
        x, skips = image, []
        for level, module in enumerate(self.encoder):
            x = module(F.max_pool2d(x, 2) if level else x)
            skips.append(x)
        skips.pop()
        for module in self.decoder:
            x = self.dropout(module(x, skips.pop()))
        logits: Tensor = self.head(x)
        return logits
