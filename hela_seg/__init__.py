"""hela_seg: multi-class segmentation of living cells in time-lapse microscopy.

Rooms, from the commands down; each imports only from those below it:

- ``train``, ``evaluate``, ``predict``, ``check``, ``compare``, ``benchmark``, ``convert``, ``export``: the
  commands; ``cli`` turns what is typed into their configuration
- ``formats``: what ``export`` writes
- ``assembly``: settings and data -> the parts of a training run; ``outcome``: what it ends with
- ``costs``: what training and using a net takes
- ``prediction``: recordings predicted so that they can be interrupted and shared
- ``timing``: where the time of training and prediction goes; ``pictures``: validation frames, for loggers
- ``report``: tables, overlays, films and curves
- ``callbacks``, ``checkpoints``, ``watch``: what happens beside the training steps
- ``memory``: how many tiles fit into it; ``ddp``: training on several devices
- ``task``: training a net; ``inference``: using one
- ``scoring``: boundaries and cells against truth, and label images of other programs
- ``comparison``: nets side by side
- ``timecourse``: class maps over time; ``ranking``: what to label next
- ``objects``: class maps -> cells; ``boundaries`` of classes; ``statistics``: how sure scores are
- ``from_keras``: the authors' files -> weights of our nets
- ``data``: files to batches of tiles; ``models``: the nets; ``losses``; ``metrics``
- ``sweep``: many runs of one command, and how they go on; ``resume``: how one run goes on
- ``counts``, ``scores`` and ``reliability``: counted pixels and what is computed from them, without PyTorch
- ``records``: what lies beside the scores of a run
- ``runs``: what a run's folder and a checkpoint hold; ``logs`` and ``loggers``: what a run logs
- ``hardware``: what a machine has, and what follows for training; ``processes`` that train together
- ``files``: writing them; ``classes``; ``launch``: which of several processes this is
- ``settings`` that a user typed; ``faults``: exceptions -> one line; ``errors``

Axis letters, everywhere: N batch, T frames, C channels, K classes, H rows, W columns.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hela_seg.inference import Predictor, Tiling

__version__ = "0.1.0"
__all__ = ["__version__", "load"]


def load(
    path: Path | str | Sequence[Path | str],
    device: str = "auto",
    precision: str = "auto",
    tiling: Tiling | None = None,
) -> Predictor:
    """Load a checkpoint for prediction, or several that predict together.

    ``hela_seg.load("best.ckpt").predict("movie.tif")`` gives class maps (T, H, W) uint8.

    Args:
        path: a checkpoint that ``hela_seg.train`` wrote, an ONNX file of ``hela_seg.export``, or a list
            of them.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:1``.
        precision: ``auto`` (half precision on a GPU), ``float32``, ``bfloat16`` or ``float16``.
        tiling: how frames go through the net; by default whole, or in tiles where they are large.

    Raises:
        hela_seg.errors.InputError: no such file, or no checkpoint that can be trusted.
    """
    from hela_seg.inference import Predictor  # here, so that importing the package does not import torch

    return Predictor.from_checkpoint(path, device, precision, tiling)
