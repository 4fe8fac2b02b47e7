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

    def update(self, logits_or_indices: Tensor, truth: Tensor) -> None:
        """Count a batch: logits (N, K, H, W) or class indices (N, H, W) int64, against truth (N, H, W) int64.

        Given indices are checked, which waits for the device; logits need no check and wait for nothing.

        Raises:
            ValueError: another number of classes than K, or what `confusion_matrix` refuses.
        """
        if logits_or_indices.is_floating_point():
            if logits_or_indices.shape[1] != self.classes:
                raise ValueError(f"logits have {logits_or_indices.shape[1]} classes, expected {self.classes}")
            prediction = predicted_classes(logits_or_indices)
        else:
            prediction = logits_or_indices
            if not bool(((prediction >= 0) & (prediction < self.classes)).all()):
                raise ValueError(f"prediction has class indices outside 0 to {self.classes - 1}")
        self.matrix += confusion_matrix(prediction, truth, self.classes, self.ignore_index)

    def compute(self) -> Tensor:
        """The counts (K, K), int64; rows are the truth, columns the prediction."""
        return self.matrix

    def set_dtype(self, dst_type: str | torch.dtype) -> ConfusionMatrix:
        """Keep int64 whatever the precision: half precision cannot count past 2048."""
        return self
