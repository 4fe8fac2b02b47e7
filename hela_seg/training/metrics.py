"""Counted pixels of a training: a confusion matrix that adds up batches and processes."""

from __future__ import annotations

import torch
from torch import Tensor
from torchmetrics import Metric

from hela_seg.data.classes import IGNORE_INDEX
from hela_seg.scores.metrics import confusion_matrix, predicted_classes


class ConfusionMatrix(Metric):
    """Confusion matrix (K, K) pooled over every pixel since the last reset, summed over processes.

    Args:
        classes: K.
        ignore_index: pixels with this truth are counted nowhere.
    """

    is_differentiable = False
    full_state_update = False

    matrix: Tensor

    def __init__(self, classes: int, ignore_index: int = IGNORE_INDEX) -> None:
        super().__init__()
        self.classes = classes
        self.ignore_index = ignore_index
        self.add_state("matrix", torch.zeros(classes, classes, dtype=torch.int64), dist_reduce_fx="sum")

    def update(self, logits: Tensor, truth: Tensor) -> None:
        """Count a batch: logits (N, K, H, W) against truth (N, H, W) int64. It waits for no device.

        Raises:
            ValueError: another number of classes than K, or what `confusion_matrix` refuses.
        """
        if logits.shape[1] != self.classes:
            raise ValueError(f"logits have {logits.shape[1]} classes, expected {self.classes}")
        self.matrix += confusion_matrix(predicted_classes(logits), truth, self.classes, self.ignore_index)

    def compute(self) -> Tensor:
        """The counts (K, K), int64; rows are the truth, columns the prediction."""
        return self.matrix

    def set_dtype(self, dst_type: str | torch.dtype) -> ConfusionMatrix:
        """Keep int64 whatever the precision: half precision cannot count past 2048."""
        return self
