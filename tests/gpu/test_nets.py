"""Nets compute on a GPU what they compute on a CPU, in every precision, and compiled."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import nn

from hela_seg.models.inception_unet import InceptionUNet
from hela_seg.models.residual_unet import ResidualUNet
from hela_seg.models.resnet34_unet import ResNet34UNet
from hela_seg.models.unet import UNet
from hela_seg.models.vgg19_unet import VGG19UNet
from hela_seg.system.hardware import set_tf32
from hela_seg.training.losses import DiceCrossEntropyLoss

NETS: dict[str, Any] = {
    "unet": UNet,
    "vgg19_unet": VGG19UNet,
    "inception_unet": InceptionUNet,
    "resnet34_unet": ResNet34UNet,
    "residual_unet": ResidualUNet,
}
TYPES = {"32-true": None, "bf16-mixed": torch.bfloat16, "16-mixed": torch.float16}
FARTHEST = {"32-true": 2e-4, "bf16-mixed": 0.4, "16-mixed": 0.06}
"""Largest distance of logits from float64's, relative to their norm. Nets here have at most 4e-5 on a CPU
(simple U-Net) in float32, and 0.25 and 0.034 (ResNet34-U-Net) in half precision: new nets with batch
normalisation over few pixels double each rounding again and again; trained ones do not."""


def batch(generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    image = torch.rand(2, 3, 64, 64, generator=generator)
    return image, torch.randint(0, 3, (2, 64, 64), generator=generator)


def logits_and_gradient(
    net: nn.Module, image: torch.Tensor, label: torch.Tensor, half: torch.dtype | None
) -> tuple[torch.Tensor, torch.Tensor]:
    """The logits of a training step, and the gradient of all weights as one vector, both float64."""
    with torch.autocast(image.device.type, half, enabled=half is not None):
        logits = net(image)
        loss = DiceCrossEntropyLoss()(logits, label)
    torch.autograd.backward(loss)
    gradients = [p.grad.double().flatten().cpu() for p in net.parameters() if p.grad is not None]
    return logits.detach().double().cpu(), torch.cat(gradients)


@pytest.fixture(autouse=True)
def _without_tf32() -> Any:
    before = torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32
    set_tf32(False)
    yield
    torch.set_float32_matmul_precision(before[0])
    torch.backends.cudnn.allow_tf32 = before[1]


@pytest.mark.parametrize("precision", TYPES)
@pytest.mark.parametrize("name", NETS)
def test_a_net_computes_what_it_does_in_float64_on_the_cpu(
    name: str, precision: str, device: torch.device
) -> None:
    torch.manual_seed(0)
    net = NETS[name](width=16, dropout=0.0)
    image, label = batch(torch.Generator().manual_seed(1))
    exact, direction = logits_and_gradient(copy.deepcopy(net).double(), image.double(), label, None)
    net = net.to(device, memory_format=torch.channels_last)
    logits, gradient = logits_and_gradient(net, image.to(device), label.to(device), TYPES[precision])
    assert (logits - exact).norm() < FARTHEST[precision] * exact.norm()
    if precision == "32-true":  # of new nets, whose gradients in half precision are mostly rounding
        assert torch.cosine_similarity(gradient, direction, dim=0) > 0.999


@pytest.mark.parametrize("name", NETS)
def test_a_compiled_net_computes_what_it_does_uncompiled(name: str, cuda: torch.device) -> None:
    torch.manual_seed(0)
    net = NETS[name](width=16).to(cuda, memory_format=torch.channels_last).eval()
    image = batch(torch.Generator().manual_seed(1))[0].to(cuda)
    with torch.inference_mode():
        expected = net(image)
        net.compile()
        found = net(image)
    assert (found - expected).abs().max() < 1e-4 * expected.abs().max()
