"""Checkpoints of strangers are refused where they are wrong, and nothing in them is called."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
import torch
from toy_nets import Brightness, info

import hela_seg
from hela_seg.inference import Predictor, TrainedNet
from hela_seg.system.errors import InputError


def test_weights_of_another_net_are_refused(checkpoint: Path, tmp_path: Path) -> None:
    content = torch.load(checkpoint, weights_only=True)
    other = copy.deepcopy(content)
    other["hela_seg"]["net"]["width"] = 8
    torch.save(other, tmp_path / "other.ckpt")
    with pytest.raises(InputError, match="holds weights of another net than it names"):
        hela_seg.load(tmp_path / "other.ckpt")


def test_a_stranger_cannot_choose_what_is_called(checkpoint: Path, tmp_path: Path) -> None:
    content = torch.load(checkpoint, weights_only=True)
    content["hela_seg"]["net"] = {"_target_": "os.mkdir", "path": str(tmp_path / "made")}
    torch.save(content, tmp_path / "other.ckpt")
    with pytest.raises(InputError):
        hela_seg.load(tmp_path / "other.ckpt")
    assert not (tmp_path / "made").exists()


def test_nets_that_cannot_predict_together_are_refused() -> None:
    one, other = TrainedNet(Brightness(), info(1), "a.ckpt"), TrainedNet(Brightness(), info(3), "b.ckpt")
    with pytest.raises(InputError, match=r"b\.ckpt was trained on other channels than a\.ckpt"):
        Predictor([one, other])
