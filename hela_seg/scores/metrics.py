"""The K x K confusion matrix of pixel counts, pooled over a data set, that all scores come from.

A function inside, a thin torchmetrics class outside: `confusion_matrix` counts a batch, `ConfusionMatrix`
adds up batches and processes. `hela_seg.scores.confusion.scores_of` turns the counts into figures.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torchmetrics import Metric

from hela_seg.data.classes import IGNORE_INDEX


def predicted_classes(logits: Tensor) -> Tensor:
    """The likeliest class of each pixel: logits (N, K, H, W) -> (N, H, W) int64; of equal ones the lowest."""
    return logits.max(dim=1).indices  # on a CPU 9 times as fast as argmax(dim=1), and the same


def confusion_matrix(
    prediction: Tensor, truth: Tensor, classes: int, ignore_index: int = IGNORE_INDEX
) -> Tensor:
    """Count the pixels of every pair of true and predicted class.

    Counts are integers throughout, exact at any size. On a GPU this waits for nothing and passes as
    deterministic, which rules out boolean indexing and `torch.bincount`.

    Args:
        prediction: class indices from 0 to K-1, int64, of any shape; not checked, see `ConfusionMatrix`.
        truth: class indices or `ignore_index`, int64, of the same shape.
        classes: K.
        ignore_index: pixels with this truth are counted nowhere.

    Returns:
        Counts (K, K), int64, on the inputs' device; rows are the truth, columns the prediction. Truth
        ``[0, 0, 1, 255]`` and prediction ``[0, 1, 1, 1]`` give ``[[1, 1], [0, 1]]``.

    Raises:
        ValueError: the shapes differ.
        RuntimeError: torch's, "index out of bounds": a truth is neither a class index nor `ignore_index`.
    """
    if prediction.shape != truth.shape:
        raise ValueError(f"prediction has shape {tuple(prediction.shape)}, truth {tuple(truth.shape)}")
    # Rows are one cell too long: ignored pixels go to the first row's spare cell, which no class index
    # reaches, and a truth outside the classes falls off the table, where torch refuses it.
    rows, columns = classes, classes + 1
    cells = torch.add(prediction, truth, alpha=columns).masked_fill(truth == ignore_index, classes).flatten()
    counts = cells.new_zeros(rows * columns).scatter_add_(0, cells, torch.ones_like(cells))
    return counts.view(rows, columns)[:, :classes]


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
