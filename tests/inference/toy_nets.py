"""Nets small enough to know by heart."""

from __future__ import annotations

from typing import Any

import torch
from small_checkpoints import INFO
from torch import Tensor, nn

from hela_seg.inference import Predictor, TrainedNet
from hela_seg.runs.checkpoint import ModelInfo


class Brightness(nn.Module):
    """Class 1 where the first channel is above one half; needs no context."""

    stride = 16

    def forward(self, image: Tensor) -> Tensor:
        return torch.cat([0.5 - image[:, :1], image[:, :1] - 0.5], dim=1)


class Pool(nn.Module):
    """A net of stride 4 whose output depends on 7 pixels around."""

    stride = 4

    def __init__(self, channels: int = 1, classes: int = 2, seed: int = 0) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.conv = nn.Conv2d(channels, classes, 3, padding=1)

    def forward(self, image: Tensor) -> Tensor:
        pooled = nn.functional.avg_pool2d(image, 4)
        return nn.functional.interpolate(self.conv(pooled), scale_factor=4.0) + image.mean(1, keepdim=True)


class TwoPools(nn.Module):
    """An encoder and decoder of stride 8 with a skip, whose receptive field reaches 24 pixels or fewer."""

    stride = 8

    def __init__(self, seed: int) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.first, self.second = nn.Conv2d(1, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1)
        self.last = nn.Conv2d(8, 3, 3, padding=1)

    def forward(self, image: Tensor) -> Tensor:
        skip = self.first(image).relu()
        deep = self.second(nn.functional.max_pool2d(skip, 8)).relu()
        return self.last(torch.cat([skip, nn.functional.interpolate(deep, scale_factor=8.0)], dim=1))


def info(channels: int = 1, **changed: Any) -> ModelInfo:
    return ModelInfo(**(INFO.to_plain() | {"channels": channels} | changed))


def predictor(net: nn.Module, channels: int = 1, **settings: Any) -> Predictor:
    return Predictor([TrainedNet(net, info(channels))], **settings)
