"""Seconds that `predict` spends in the full nets, by ONNX Runtime as a share of PyTorch.

    OMP_NUM_THREADS=2 python tests/benchmarks/onnx_speed.py [NET ...]

Each image of 512x512 goes to its class map by one and the other in turn, both in the way of `Predictor`:
PyTorch with channels last and folded batch normalisation, ONNX Runtime from the file that
``hela_seg.export`` writes of the same net. Medians.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from pathlib import Path

import torch
from torch import Tensor, nn

from hela_seg.inference.ensemble import Ensemble
from hela_seg.inference.fuse import fuse_conv_bn
from hela_seg.inference.onnx_net import OnnxNet
from hela_seg.inference.trained import TrainedNet
from hela_seg.interchange.exported import write_onnx
from hela_seg.models import build
from hela_seg.runs.checkpoint import ModelInfo

NETS = {
    "residual_unet": "residual_unet.ResidualUNet",
    "unet": "unet.UNet",
    "vgg19_unet": "vgg19_unet.VGG19UNet",
    "inception_unet": "inception_unet.InceptionUNet",
    "resnet34_unet": "resnet34_unet.ResNet34UNet",
}
SIZE, CHANNELS, REPEATS = 512, 3, 9


def trained(name: str) -> TrainedNet:
    """A full net with random weights, whose normalisations have seen an image."""
    config = {"_target_": f"hela_seg.models.{NETS[name]}"}
    net = build(config)
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = None
    with torch.no_grad():
        net.train()(torch.rand(2, CHANNELS, SIZE // 4, SIZE // 4))
    info = ModelInfo(config, [], {}, CHANNELS, "YXC", [], {}, {})
    return TrainedNet(net.eval(), info, name)


def prediction(net: nn.Module) -> Ensemble:
    """What `predict` runs."""
    return Ensemble([fuse_conv_bn(net, CHANNELS)], [0], "none", torch.device("cpu"))


def seconds(run: Ensemble, image: Tensor) -> float:
    """Of one class map."""
    began = time.perf_counter()
    run.classes([image])
    return time.perf_counter() - began


def main(names: list[str]) -> None:
    """Print a line a net."""
    threads = torch.get_num_threads()
    print(f"{SIZE}x{SIZE}, {threads} threads   PyTorch   ONNX Runtime   ratio   labels that differ")
    image = torch.rand(1, CHANNELS, SIZE, SIZE)
    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            net, path = trained(name), Path(folder) / f"{name}.onnx"
            write_onnx(net, path)
            ours, theirs = prediction(net.net), prediction(OnnxNet(path))
            differing = int((ours.classes([image])[0] != theirs.classes([image])[0]).sum())
            rounds = [(seconds(ours, image), seconds(theirs, image)) for _ in range(REPEATS)]
            torchs, runtimes = (statistics.median(column) for column in zip(*rounds, strict=True))
            print(f"{name:20} {torchs:9.3f} {runtimes:14.3f} {runtimes / torchs:7.2f} {differing:20}")


if __name__ == "__main__":
    main(sys.argv[1:] or list(NETS))
