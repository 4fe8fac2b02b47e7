"""hela_seg: multi-class segmentation of living cells in time-lapse microscopy.

Rooms, from the commands down; each imports only from those below it:

- ``train``, ``evaluate``, ``predict``, ``track``, ``check``, ``compare``, ``benchmark``, ``convert``,
  ``export``: the commands; ``cli`` turns what is typed into their settings
- ``napari``: the plugin of napari
- ``training``: training a net; ``prediction``: recordings -> files, interruptible and shared;
  ``interchange``: Keras weights in, ONNX, bioimage.io and model cards out
- ``report``: tables, pages and pictures for people
- ``comparison``: finished runs side by side; ``inference``: nets applied to frames in memory
- ``tracking``: cells -> their lives: divisions, lineages, how long they stay in a class
- ``scores``: counted pixels -> scores, boundaries, calibration, intervals and tests
- ``cells``: class maps -> cells, and their shape
- ``runs``: what the folder of a run and a checkpoint hold, and how runs go on
- ``data``: files on disk -> batches of tiles; ``models``: the nets
- ``system``: errors, files, settings, the machine

``formats`` holds names that packages exported by version 0.1.0 import.

Axis letters, everywhere: N batch, T frames, C channels, K classes, H rows, W columns.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hela_seg.system.trust import modules_of
from hela_seg.system.version import __version__

if TYPE_CHECKING:
    from hela_seg.inference import Predictor, Tiling

__all__ = ["__version__", "load", "train"]


def load(
    path: Path | str | Sequence[Path | str],
    device: str = "auto",
    precision: str = "auto",
    tiling: Tiling | None = None,
    trust: Sequence[str] = (),
) -> Predictor:
    """Load a checkpoint for prediction, or several that predict together.

    ``hela_seg.load("best.ckpt").predict("movie.tif")`` gives class maps (T, H, W) uint8.

    Args:
        path: a checkpoint that ``hela_seg.train`` wrote, an ONNX file of ``hela_seg.export``, or a list
            of them.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:1``.
        precision: ``auto`` (half precision on a GPU), ``float32``, ``bfloat16`` or ``float16``.
        tiling: how frames go through the net; by default whole, or in tiles where they are large.
        trust: names of modules outside of this package whose nets a checkpoint may name, such as
            ``["my_nets"]``; without, nothing outside is imported.

    Raises:
        hela_seg.system.errors.InputError: no such file, or no checkpoint that can be trusted.
    """
    from hela_seg.inference import Predictor  # here, so that importing the package does not import torch

    return Predictor.from_checkpoint(path, device, precision, tiling, modules_of(trust))


def __getattr__(name: str) -> Any:
    """``hela_seg.train``, the module that can be called, without importing torch before it is used."""
    if name == "train":
        return import_module("hela_seg.train")
    raise AttributeError(f"module 'hela_seg' has no attribute '{name}'")
