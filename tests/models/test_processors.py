"""Nets of few channels train on processors of every kind.

oneDNN's code for AVX2, and on large images that for AVX-512, writes beyond its memory in the backward pass of
a strided 1x1 convolution that reads few channels last. Then the process dies, or computes with what is left.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest
import segmentation_models_pytorch
import torch
from torch import nn

from hela_seg.models import build
from hela_seg.models.blocks import NARROW, StridedPointwiseConv2d, avoid_narrow_strided_convolutions
from hela_seg.models.smp import SegmentationModel

AVX2 = {"ONEDNN_MAX_CPU_ISA": "AVX2", "ATEN_CPU_CAPABILITY": "avx2"}
"""Makes of any newer x86 processor one that has AVX2 and no AVX-512."""

PASSES = """
import json
import sys
import torch
from hela_seg.models import build

for target, options, size, count in json.loads(sys.argv[1]):
    torch.manual_seed(0)
    net = build({"_target_": target, **options}).to(memory_format=torch.channels_last)
    for _ in range(count):
        image = torch.rand(2, 3, size, size).to(memory_format=torch.channels_last)
        net(image).square().mean().backward()
    print(target, size, flush=True)
"""
"""Trains nets so many times each, and names each that is done before the memory is found damaged."""

RESNET = ("hela_seg.models.resnet34_unet.ResNet34UNet", {"width": 4})
MOBILEONE = ("hela_seg.models.smp.SegmentationModel", {"encoder_name": "mobileone_s0"})


@pytest.mark.parametrize(
    ("cases", "processor"),
    [
        pytest.param([(*RESNET, 32, 100), (*RESNET, 256, 10), (*MOBILEONE, 64, 5)], AVX2, id="avx2"),
        pytest.param([(*RESNET, 256, 10)], {}, id="this-processor"),
    ],
)
def test_passes_of_small_nets_leave_the_memory_as_it_is(
    cases: list[tuple[str, dict[str, Any], int, int]], processor: dict[str, str]
) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", PASSES, json.dumps(cases)],
        env=os.environ | processor | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    expected = [f"{target} {size}" for target, _, size, _ in cases]
    assert (done.returncode, done.stdout.splitlines()) == (0, expected), done.stderr


@pytest.mark.parametrize("stride", [2, 3, (2, 1)])
@pytest.mark.parametrize("size", [(8, 8), (7, 10), (1, 2)])
@pytest.mark.parametrize("bias", [True, False])
def test_taking_pixels_first_is_the_strided_convolution(
    stride: int | tuple[int, int], size: tuple[int, int], bias: bool
) -> None:
    torch.manual_seed(0)
    plain = nn.Conv2d(4, 6, 1, stride, bias=bias).double()  # channels first, where nothing is wrong
    ours = StridedPointwiseConv2d(4, 6, 1, stride, bias=bias).double()
    ours.load_state_dict(plain.state_dict())
    results = []
    for layer in (plain, ours):
        image = torch.rand(2, 4, *size, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
        logits = layer(image.requires_grad_())
        logits.square().sum().backward()
        results.append((logits, image.grad, *(parameter.grad for parameter in layer.parameters())))
    for expected, found in zip(*results, strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)


def faulty(net: nn.Module) -> list[str]:
    """Names of the layers that oneDNN computes wrongly."""
    return [
        name
        for name, layer in net.named_modules()
        if isinstance(layer, nn.Conv2d)
        and not isinstance(layer, StridedPointwiseConv2d)
        and (layer.kernel_size, layer.groups) == ((1, 1), 1)
        and max(layer.stride) > 1
        and layer.in_channels < NARROW
    ]


@pytest.mark.parametrize(
    ("target", "options"),
    [
        ("unet.UNet", {"width": 4}),
        ("vgg19_unet.VGG19UNet", {"width": 4}),
        ("inception_unet.InceptionUNet", {"width": 4}),
        ("resnet34_unet.ResNet34UNet", {"width": 4}),
        ("attention_unet.AttentionUNet", {"width": 4}),
        ("residual_attention_unet.ResidualAttentionUNet", {"width": 4}),
        ("smp.SegmentationModel", {"encoder_name": "mobileone_s0"}),
        ("smp.SegmentationModel", {"encoder_name": "tu-fastvit_t8"}),
        ("smp.SegmentationModel", {"encoder_name": "tu-repvgg_a0"}),
    ],
)
def test_no_net_has_such_a_layer(target: str, options: dict[str, Any]) -> None:
    with torch.device("meta"):
        assert faulty(build({"_target_": f"hela_seg.models.{target}", **options})) == []


def test_a_zoos_net_computes_as_before_and_keeps_the_names_of_its_weights() -> None:
    plain = segmentation_models_pytorch.Unet("mobileone_s0", encoder_weights=None, classes=2).double().eval()
    assert faulty(plain) == ["encoder.stage0.rbr_scale.conv"]
    ours = SegmentationModel(classes=2, encoder_name="mobileone_s0").double().eval()
    ours.model.load_state_dict(plain.state_dict())
    image = torch.rand(1, 3, 64, 96, dtype=torch.float64)
    with torch.no_grad():
        torch.testing.assert_close(ours(image), plain(image), rtol=1e-12, atol=1e-12)


def test_layers_that_are_safe_stay_as_they_are() -> None:
    net = nn.Sequential(
        nn.Conv2d(NARROW, 4, 1, 2),
        nn.Conv2d(4, 4, 1),
        nn.Conv2d(4, 4, 3, 2),
        nn.Conv2d(4, 4, 1, 2, groups=4),
        nn.Conv2d(4, 4, 1, 2, padding=1),
    )
    avoid_narrow_strided_convolutions(net)
    assert {type(layer) for layer in net} == {nn.Conv2d}
