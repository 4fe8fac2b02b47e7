"""The K x K confusion matrix of pixel counts, pooled over a data set, that all scores come from.

`confusion_matrix` counts a batch, `hela_seg.scores.confusion.scores_of` turns the counts into figures.
Neither needs torchmetrics, whose import takes seconds that prediction need not take;
`hela_seg.training.metrics` adds up batches with it.
"""

from __future__ import annotations

import torch
from torch import Tensor

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
        prediction: class indices from 0 to K-1, int64, of any shape; not checked.
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
