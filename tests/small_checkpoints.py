"""Checkpoints of next to nothing, for tests of what is around the weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from hela_seg.runs.checkpoint import CHECKPOINT_KEY, ModelInfo

INFO = ModelInfo(
    net={"_target_": "hela_seg.models.unet.UNet", "width": 2},
    classes=[{"name": "background"}, {"name": "cell"}],
    normalisation={"kind": "dtype", "low": None, "high": None, "percentiles": [1.0, 99.8]},
    channels=1,
    axes="TYX",
    split=[],
    config={},
    versions={"hela_seg": "0.1.0"},
)


def saved(path: Path, **changes: Any) -> Path:
    """Save a checkpoint at a path, with parts of it changed."""
    content = {"state_dict": {"net.head.weight": torch.ones(2)}, CHECKPOINT_KEY: INFO.to_plain()}
    torch.save(content | changes, path)
    return path
