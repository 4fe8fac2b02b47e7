"""What a training adds up over batches and processes: counted pixels, and the mean of its losses."""

from __future__ import annotations

import torch
from torch import Tensor
from torchmetrics import Metric

from hela_seg.scores.metrics import confusion_matrix, predicted_classes


class ConfusionMatrix(Metric):
    """Confusion matrix (K, K) pooled over every pixel since the last reset, summed over processes.

    Args:
        classes: K.
    """

    is_differentiable = False
    full_state_update = False

    matrix: Tensor

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.classes = classes
        self.add_state("matrix", torch.zeros(classes, classes, dtype=torch.int64), dist_reduce_fx="sum")

    def update(self, logits: Tensor, truth: Tensor) -> None:
        """Count a batch: logits (N, K, H, W) against truth (N, H, W) int64; ignored pixels count nowhere.

        It waits for no device.

        Raises:
            ValueError: another number of classes than K, or what `confusion_matrix` refuses.
        """
        if logits.shape[1] != self.classes:
            raise ValueError(f"logits have {logits.shape[1]} classes, expected {self.classes}")
        self.matrix += confusion_matrix(predicted_classes(logits), truth, self.classes)

    def compute(self) -> Tensor:
        """The counts (K, K), int64; rows are the truth, columns the prediction."""
        return self.matrix

    def set_dtype(self, dst_type: str | torch.dtype) -> ConfusionMatrix:
        """Keep int64 whatever the precision: half precision cannot count past 2048."""
        return self


class MeanLoss(Metric):
    """Weighted mean of losses since the last reset, over all processes.

    Lightning's own means are lost when a run is interrupted; this one is part of the checkpoint.
    """

    full_state_update = False

    total: Tensor
    weight: Tensor

    def __init__(self) -> None:
        super().__init__()
        # float64, so that the order in which processes add up changes nothing that is printed
        self.add_state("total", torch.tensor(0.0, dtype=torch.float64), dist_reduce_fx="sum", persistent=True)
        self.add_state("weight", torch.tensor(0), dist_reduce_fx="sum", persistent=True)

    def update(self, loss: Tensor, weight: int | Tensor) -> None:
        """Add the mean loss of a batch that counts so much: its tiles, or its pixels."""
        self.total += loss.double() * weight
        self.weight += weight

    def compute(self) -> Tensor:
        """The mean, float32; 0 where nothing counts."""
        return (self.total / self.weight.clamp_min(1)).float()
