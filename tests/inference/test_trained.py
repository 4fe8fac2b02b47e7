"""Checkpoints of strangers are refused where they are wrong, and nothing in them is called."""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from toy_nets import Brightness, info

import hela_seg
from hela_seg.inference import Predictor, TrainedNet
from hela_seg.models import build
from hela_seg.runs.checkpoint import write_checkpoint
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


def test_opening_a_checkpoint_draws_no_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """To draw some without memory PyTorch would import its compiler, which takes two seconds."""
    net = {"_target_": "hela_seg.models.residual_unet.ResidualUNet", "width": 2, "levels": 3}
    net |= {"in_channels": 1, "classes": 3}
    write_checkpoint(tmp_path / "a.ckpt", replace(info(1), net=net), build(net).state_dict())
    monkeypatch.setattr("torch._refs.normal", lambda *_, **__: pytest.fail("weights are drawn"))
    assert TrainedNet.from_checkpoint(tmp_path / "a.ckpt").net.stride == 4


def test_nets_that_cannot_predict_together_are_refused() -> None:
    one, other = TrainedNet(Brightness(), info(1), "a.ckpt"), TrainedNet(Brightness(), info(3), "b.ckpt")
    with pytest.raises(InputError, match=r"b\.ckpt was trained on other channels than a\.ckpt"):
        Predictor([one, other])
