"""Predicted frames against their masks, pixel by pixel."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from hela_seg.data.frames import LabelFrames
from hela_seg.data.labels import LabelReader
from hela_seg.data.layouts import Recording
from hela_seg.data.splits import Block
from hela_seg.inference.predictor import Predictor
from hela_seg.metrics import confusion_matrix


def count_pixels(
    predictor: Predictor, recordings: Sequence[Recording], blocks: Sequence[Block], reader: LabelReader
) -> NDArray[np.int64]:
    """Confusion matrix (K, K) of whole predicted frames against masks, pooled over all frames given."""
    matrix = torch.zeros(len(predictor.classes), len(predictor.classes), dtype=torch.int64)
    for block in blocks:
        recording, which = recordings[block.series], range(block.start, block.stop)
        masks = LabelFrames(recording.mask, reader)
        for t, labels in zip(which, predictor.frames(recording.image, which), strict=True):
            prediction, truth = (torch.from_numpy(of.astype(np.int64)) for of in (labels, masks.whole(t)))
            matrix += confusion_matrix(prediction, truth, len(predictor.classes))
    counts: NDArray[np.int64] = matrix.numpy()
    return counts
