"""Seconds that ONNX Runtime takes for the full nets, as a share of PyTorch's own.

    OMP_NUM_THREADS=2 python tests/benchmarks/onnx_speed.py [NET ...]

Each image of 512x512 goes through one and the other in turn, so that both meet the same machine; medians.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch

from hela_seg.formats.onnx_file import write_onnx
from hela_seg.inference.onnx_net import OnnxNet
from hela_seg.inference.trained import TrainedNet
from hela_seg.models import build
from hela_seg.runs import ModelInfo

NETS = {
    "unet": "unet.UNet",
    "vgg19_unet": "vgg19_unet.VGG19UNet",
    "inception_unet": "inception_unet.InceptionUNet",
    "resnet34_unet": "resnet34_unet.ResNet34UNet",
}
SIZE, REPEATS = 512, 9


def trained(name: str) -> TrainedNet:
    """A full net with random weights."""
    net = {"_target_": f"hela_seg.models.{NETS[name]}"}
    info = ModelInfo(net, [], {}, 3, "YXC", [], {}, {})
    return TrainedNet(build(net).eval(), info, name)


def seconds(run: Callable[[torch.Tensor], torch.Tensor], image: torch.Tensor) -> float:
    """Of one pass."""
    began = time.perf_counter()
    run(image)
    return time.perf_counter() - began


def main(names: list[str]) -> None:
    """Print a line a net."""
    threads = torch.get_num_threads()
    print(f"{SIZE}x{SIZE}, {threads} threads   PyTorch   ONNX Runtime   ratio   largest difference")
    image = torch.rand(1, 3, SIZE, SIZE)
    with tempfile.TemporaryDirectory() as folder, torch.inference_mode():
        for name in names:
            ours, path = trained(name), Path(folder) / f"{name}.onnx"
            with torch.inference_mode(False):
                write_onnx(ours, path)
            theirs = OnnxNet(path, threads)
            net = ours.net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
            fast = image.contiguous(memory_format=torch.channels_last)
            difference = float((net(fast) - theirs(image)).abs().max() / net(fast).abs().max())
            rounds = [(seconds(net, fast), seconds(theirs, image)) for _ in range(REPEATS)]
            torchs, runtimes = (statistics.median(column) for column in zip(*rounds, strict=True))
            print(
                f"{name:20} {torchs:9.3f} {runtimes:14.3f} {runtimes / torchs:7.2f} {difference:20.1e}",
                flush=True,
            )


if __name__ == "__main__":
    main(sys.argv[1:] or list(NETS))
