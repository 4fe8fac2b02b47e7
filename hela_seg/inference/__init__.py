"""Trained nets applied to recordings: checkpoints and frames in, class maps out.

From the outside in:

- ``predictor``: the object that a user holds; ``counting``: its frames against their masks
- ``trained``: a net as its checkpoint describes it; ``onnx_net``: one that ONNX Runtime computes
- ``bands``: sends frames through, a band at a time; ``prefetch`` lets reading and computing overlap
- ``ensemble``: one net or several, and test-time augmentation; ``fuse`` merges batch norm into convolutions
- ``tiling`` and ``stitch``: how frames are cut, and tiles joined; ``batches``: how many go through at once
"""

from hela_seg.inference.bands import Band, Unreadable
from hela_seg.inference.counting import count_frames
from hela_seg.inference.predictor import Predictor
from hela_seg.inference.tiling import Tiling
from hela_seg.inference.trained import TrainedNet

__all__ = ["Band", "Predictor", "Tiling", "TrainedNet", "Unreadable", "count_frames"]
