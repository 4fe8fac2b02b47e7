"""A net, a loss and a callback of your own, as docs/own_nets.md explains them."""

from __future__ import annotations

import pytorch_lightning as pl
from torch import Tensor, nn


class MyNet(nn.Module):
    """Three layers that see 13 x 13 pixels: (N, C, H, W) float32 -> logits (N, K, H, W).

    Args:
        in_channels: C; follows from the data.
        classes: K; follows from the data.
        width: channels between the layers.

    Attributes:
        stride: H and W must be multiples of it; 1 for a net that does not shrink its input.
    """

    stride = 1

    def __init__(self, in_channels: int, classes: int, width: int = 16) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(in_channels, width, 5, padding=2),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.Conv2d(width, width, 5, padding=2),
            nn.BatchNorm2d(width),
            nn.ReLU(),
        )
        self.head = nn.Conv2d(width, classes, 5, padding=2)

    def forward(self, image: Tensor) -> Tensor:
        logits: Tensor = self.head(self.layers(image))
        return logits


class MyLoss(nn.Module):
    """Cross-entropy whose labels are softened: (logits (N, K, H, W), labels (N, H, W) int64) -> scalar.

    Args:
        smoothing: share of each label that is spread over all classes.
    """

    def __init__(self, smoothing: float = 0.1) -> None:
        super().__init__()
        self.smoothing = smoothing

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        # label 255 marks pixels that count nowhere
        return nn.functional.cross_entropy(logits, labels, ignore_index=255, label_smoothing=self.smoothing)


class MyCallback(pl.Callback):
    """Says the best m-IoU on the validation frames so far, whenever it gets better.

    Args:
        digits: behind the point.
    """

    def __init__(self, digits: int = 3) -> None:
        self.digits, self.best = digits, 0.0

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        score = float(trainer.callback_metrics.get("m-IoU/validation", 0.0))
        if score > self.best:
            self.best = score
            print(f"best m-IoU so far: {score:.{self.digits}f}")
