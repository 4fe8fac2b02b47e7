"""Trained nets applied to recordings: checkpoints and frames in, class maps out.

From the outside in: `Predictor`; `bands` sends frames through; `ensemble` is the nets and their views;
`stitch` cuts and joins; `batches` finds what fits into memory; `ahead` lets reading and computing overlap.
"""

from hela_seg.inference.bands import Band, Unreadable
from hela_seg.inference.counting import count_frames
from hela_seg.inference.predictor import Predictor
from hela_seg.inference.tiling import Tiling
from hela_seg.inference.trained import TrainedNet

__all__ = ["Band", "Predictor", "Tiling", "TrainedNet", "Unreadable", "count_frames"]
