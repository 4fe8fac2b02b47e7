"""Nets small enough to export in a test, and what their exports must compute."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from hela_seg.data.classes import Classes
from hela_seg.data.normalise import Normalisation
from hela_seg.inference import TrainedNet
from hela_seg.models import build
from hela_seg.runs.checkpoint import ModelInfo

SIZES = ((1, 1, 1), (1, 2, 5), (3, 4, 3), (2, 7, 2), (1, 16, 11))
"""N, and H and W in strides."""

MODELS = "hela_seg.models."
NETS: dict[str, dict[str, Any]] = {
    "residual_unet": {"_target_": MODELS + "residual_unet.ResidualUNet", "width": 2, "levels": 3},
    "instance_norm": {"_target_": MODELS + "residual_unet.ResidualUNet", "width": 2, "norm": "instance"},
    "unet": {"_target_": MODELS + "unet.UNet", "width": 4},
    "vgg19_unet": {"_target_": MODELS + "vgg19_unet.VGG19UNet", "width": 4},
    "inception_unet": {"_target_": MODELS + "inception_unet.InceptionUNet", "width": 4},
    "resnet34_unet": {"_target_": MODELS + "resnet34_unet.ResNet34UNet", "width": 4},
    "attention_unet": {"_target_": MODELS + "attention_unet.AttentionUNet", "width": 4},
    "smp": {"_target_": MODELS + "smp.SegmentationModel", "encoder_name": "tu-convnext_atto"},
}


def each_net(quick: str) -> pytest.MarkDecorator:
    """One net a test, all but one of them slow: exporting some takes ten times as long as others."""
    slow = pytest.mark.slow
    return pytest.mark.parametrize(
        "name", [name if name == quick else pytest.param(name, marks=slow) for name in NETS]
    )


class Doubles(nn.Module):
    """Logits are twice the image."""

    stride = 4

    def forward(self, image: Tensor) -> Tensor:
        return 2 * image


class ByContent(nn.Module):
    """Computes another way for bright images than for dark ones, which no exported graph can."""

    stride = 1

    def forward(self, image: Tensor) -> Tensor:
        return image * 2 if image.sum() > 0 else image


class ByChance(nn.Module):
    """Logits that are never twice the same."""

    stride = 1

    def forward(self, image: Tensor) -> Tensor:
        return image + torch.rand_like(image)


def trained(net: nn.Module, settings: dict[str, Any] | None = None, **changed: Any) -> TrainedNet:
    """A net as if it had been trained on images (H, W, 3) with three classes.

    Args:
        net: any.
        settings: what a configuration says of it.
        changed: fields of its `ModelInfo`.
    """
    plain = {
        "net": settings or {},
        "classes": Classes(["background", "dim", "bright"]).to_plain(),
        "normalisation": Normalisation("dtype").to_plain(),
        "channels": 3,
        "axes": "YXC",
        "split": [],
        "config": {},
        "versions": {"hela_seg": "0.1.0"},
    }
    return TrainedNet(net, ModelInfo(**(plain | changed)), "best.ckpt")


def made(name: str) -> TrainedNet:
    """A small net whose normalisations have seen something."""
    torch.manual_seed(0)
    net = build(NETS[name])
    with torch.no_grad():
        for _ in range(3):
            net(torch.rand(2, 3, 64, 96))
    return trained(net.eval(), NETS[name])


def same_logits(trained: TrainedNet, run: Callable[[Tensor], Any], least: int = 1) -> None:
    """Logits of five sizes, of so many strides at least, are PyTorch's, to 1e-4 of the largest."""
    stride = int(trained.net.stride)  # type: ignore[arg-type]
    for images, rows, columns in SIZES:
        image = torch.rand(images, 3, max(least, rows) * stride, max(least, columns) * stride)
        with torch.no_grad():
            expected = trained.net(image)
            found = torch.as_tensor(run(image))
        assert found.shape == expected.shape
        assert (found - expected).abs().max() < 1e-4 * expected.abs().max()
