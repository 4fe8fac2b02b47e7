"""VGG19-U-Net: torchvision's VGG19 goes down, transposed convolutions go up."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import ClassVar

import torch
from torch import Tensor, nn
from torchvision.models import vgg

from hela_seg.models.blocks import DoubleConv, ImageNetNorm, activation_layer, check_size, initialise
from hela_seg.models.pretrained import names_a_file, read_weights, torchvision_weights
from hela_seg.system.errors import InputError


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
        encoder_weights: what the encoder starts from: ``imagenet`` (torchvision's), the path of a file with
            ``features.N`` of torchvision's ``vgg19``, or None for random weights, as in the paper. With
            weights, images of 0 to 1 are brought inside the net to what the encoder saw while it learned.

    Raises:
        InputError: ``encoder_weights`` with another ``width`` than 64.
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
        encoder_weights: str | None = None,
    ) -> None:
        super().__init__()
        if encoder_weights is not None and width != 64:
            raise InputError(f"model.width is {width}, expected 64, which model.encoder_weights are for")
        self._encoder_weights = encoder_weights
        self.input_norm = ImageNetNorm(in_channels) if encoder_weights else None
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
        *skips, x = self.encoder(image if self.input_norm is None else self.input_norm(image))
        for block in self.decoder:
            x = self.dropout(block(x, skips.pop()))
        logits: Tensor = self.head(x)
        return logits

    def load_encoder_weights(self) -> None:
        """Fill the encoder with the weights that ``encoder_weights`` names.

        Raises:
            InputError: they cannot be had, or they are another net's.
        """
        if self._encoder_weights is None:
            return
        weights = _published(self._encoder_weights)
        mine = self.encoder.state_dict()
        unfit = [key for key in mine if key not in weights or not _fits(weights[key], mine[key])]
        if unfit:
            raise InputError(
                f"model.encoder_weights={self._encoder_weights} lacks {unfit[0]} or has it in another shape, "
                "expected the weights of torchvision's vgg19"
            )
        fitting = {key: weights[key] for key in mine}
        first = "features.0.weight"
        fitting[first] = _for_channels(fitting[first], mine[first].shape[1])
        self.encoder.load_state_dict(fitting)


def _published(name: str) -> dict[str, Tensor]:
    if names_a_file(name):
        return read_weights(Path(name))
    if name != "imagenet":
        raise InputError(f"model.encoder_weights is '{name}', expected imagenet, the path of a file, or null")
    return torchvision_weights(vgg.VGG19_Weights.IMAGENET1K_V1.url)


def _for_channels(kernel: Tensor, channels: int) -> Tensor:
    """A kernel (F, 3, h, w) for red, green and blue as one for C grey channels, which share its sum."""
    return kernel if channels == 3 else kernel.sum(1, keepdim=True).expand(-1, channels, -1, -1) / channels


def _fits(found: Tensor, mine: Tensor) -> bool:
    """Whether shapes are the same, but for the number of channels that the first layer takes."""
    return (found.shape[:1], found.shape[2:]) == (mine.shape[:1], mine.shape[2:])
