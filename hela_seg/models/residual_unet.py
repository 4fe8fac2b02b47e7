"""Residual U-Net: residual blocks down to 1/16 and one convolution a level up, with a skip at full size."""

from __future__ import annotations

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hela_seg.models.blocks import activation_layer, check_size
from hela_seg.system.errors import InputError

MOST_FILTERS = 320
"""Deep levels have no more filters than this, as in nnU-Net: they see few pixels and would take most time."""


NORMS = ("batch", "instance")


class InstanceNorm(nn.GroupNorm):
    """Each channel of each image, minus its mean and by its deviation: (N, C, H, W) -> the same.

    Torch's ``InstanceNorm2d`` takes twice as long on channels-last tensors, and refuses maps of one pixel,
    which deep levels have of small images. With a group a channel, group normalisation is the same function,
    and so is batch normalisation of one image at a time.
    """

    def __init__(self, channels: int) -> None:
        super().__init__(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> the same."""
        if not self.training or x.device.type != "cpu":
            return torch.group_norm(x, self.num_groups, self.weight, self.bias, self.eps)
        # on CPUs the gradient of group normalisation takes five times as long as that of batch normalisation
        return torch.cat([self._of_one_image(image) for image in torch.split(x, 1)])

    def _of_one_image(self, image: Tensor) -> Tensor:
        return torch.batch_norm(
            image,
            self.weight,
            self.bias,
            running_mean=None,
            running_var=None,
            training=True,  # by mean and deviation of what it is given
            momentum=0.0,
            eps=self.eps,
            cudnn_enabled=False,
        )


class ConvNorm(nn.Sequential):
    """Convolution that keeps H and W, then normalisation: (N, C, H, W) -> (N, channels, H, W).

    Args:
        in_channels: C.
        channels: filters.
        norm: one of `NORMS`.
        size: rows and columns of the kernel, odd.
    """

    def __init__(self, in_channels: int, channels: int, norm: str, size: int = 3) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, channels, size, padding=size // 2, bias=False)
        self.norm = nn.BatchNorm2d(channels) if norm == "batch" else InstanceNorm(channels)


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions whose result is added to the input (He et al., 2016, "Deep residual learning").

    Args:
        in_channels: C.
        channels: filters; where they are not C, a 1x1 convolution of the input is added in its place.
        activation: see :func:`~hela_seg.models.blocks.activation_layer`.
        norm: one of `NORMS`.
    """

    def __init__(self, in_channels: int, channels: int, activation: str, norm: str) -> None:
        super().__init__()
        self.first = ConvNorm(in_channels, channels, norm)
        self.second = ConvNorm(channels, channels, norm)
        fits = in_channels == channels
        self.shortcut = nn.Identity() if fits else ConvNorm(in_channels, channels, norm, size=1)
        self.activation = activation_layer(activation)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, channels, H, W)."""
        change = self.second(self.activation(self.first(x)))
        result: Tensor = self.activation(change + self.shortcut(x))
        return result


class UpConv(nn.Module):
    """Up-sampling by a 2x2 transposed convolution, concatenation with a skip, then one 3x3 convolution.

    Args:
        in_channels: C.
        channels: filters, as many as the skip has channels.
        activation: see :func:`~hela_seg.models.blocks.activation_layer`.
        norm: one of `NORMS`.
    """

    def __init__(self, in_channels: int, channels: int, activation: str, norm: str) -> None:
        super().__init__()
        self.up = nn.ConvTranspose2d(in_channels, channels, 2, stride=2)
        self.merge = ConvNorm(2 * channels, channels, norm)
        self.activation = activation_layer(activation)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        """(N, C, H, W) and the skip (N, channels, 2H, 2W) -> (N, channels, 2H, 2W)."""
        result: Tensor = self.activation(self.merge(torch.cat([self.up(x), skip], dim=1)))
        return result


class ResidualUNet(nn.Module):
    """A U-Net with a residual encoder: (N, C, H, W) float image -> (N, K, H, W) logits.

    After nnU-Net's residual encoder U-Net (Isensee et al., 2024), made for few minutes on a CPU: one block a
    level and one convolution a level on the way up. Every level, full size included, hands its features
    across. Maxima of 2x2 pixels go down and a 2x2 transposed convolution up, whose centres agree, so that
    what is predicted lies where it was seen.

    Every level of the decoder scores the classes, and the scores of all levels are added up (Kayalibay et
    al., 2017, "CNN-based segmentation of medical imaging data"): the coarse ones say where cells are after
    few steps, and the fine ones correct their outlines.

    Batch normalisation takes the mean and deviation of each channel over the training tiles, so that
    brightness can tell classes apart. Instance normalisation takes them over the image that the net is shown,
    so that images brighter or fuller than those of the training look like these. What is predicted of a pixel
    then depends on the whole of its image, or of its tile, a little.

    Args:
        in_channels: C.
        classes: K.
        width: filters of the first level; each level down has twice as many, up to `MOST_FILTERS`.
        levels: how many sizes the net works at, 2 or more.
        activation: ``"relu"`` or ``"leaky_relu"`` (slope 0.3).
        dropout: share of whole channels set to 0 after each level of the decoder while training.
        norm: ``"batch"`` or ``"instance"``, see above.

    Raises:
        InputError: fewer than 2 levels, or another ``norm``.

    Attributes:
        stride: H and W must be multiples of it; 16 for 5 levels.
    """

    def __init__(
        self,
        in_channels: int = 3,
        classes: int = 3,
        width: int = 16,
        levels: int = 5,
        activation: str = "relu",
        dropout: float = 0.0,
        norm: str = "batch",
    ) -> None:
        super().__init__()
        if levels < 2:
            raise InputError(f"model.levels is {levels}, expected 2 or more: take 5")
        if norm not in NORMS:
            raise InputError(f"model.norm is '{norm}', expected {' or '.join(NORMS)}: choose one of them")
        self.stride = 2 ** (levels - 1)
        widths = [min(width * 2**level, max(MOST_FILTERS, width)) for level in range(levels)]
        self.stem = nn.Sequential(ConvNorm(in_channels, width, norm), activation_layer(activation))
        self.encoder = nn.ModuleList(
            ResidualBlock(above, below, activation, norm) for above, below in pairwise([width, *widths])
        )
        self.decoder = nn.ModuleList(
            UpConv(below, above, activation, norm) for above, below in reversed(list(pairwise(widths)))
        )
        self.dropout = nn.Dropout2d(dropout)
        self.head = nn.ModuleList(nn.Conv2d(above, classes, 1) for above in reversed(widths[:-1]))
        _initialise(self)

    def forward(self, image: Tensor) -> Tensor:
        """(N, C, H, W) -> logits (N, K, H, W).

        Raises:
            ValueError: H or W is no multiple of ``stride``.
        """
        check_size(image, self.stride)
        x, skips = self.stem(image), []
        for level, block in enumerate(self.encoder):
            x = block(F.max_pool2d(x, 2) if level else x)
            skips.append(x)
        skips.pop()
        coarse: Tensor | None = None
        for block, head in zip(self.decoder, self.head, strict=True):
            x = self.dropout(block(x, skips.pop()))
            logits: Tensor = head(x)
            if coarse is not None:
                logits = logits + F.interpolate(coarse, scale_factor=2, mode="bilinear")
            coarse = logits
        return logits


def _initialise(net: nn.Module) -> None:
    for module in net.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
