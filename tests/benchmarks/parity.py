"""Largest difference of each net's logits from those of the notebook's Keras net with the same weights.

    python tests/benchmarks/parity.py

In float64 the graphs can be compared; in float32 both sides have rounding errors of their own.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parents[1]))

from keras_parity import load_reference_weights, reference

from hela_seg.models.inception_unet import InceptionUNet
from hela_seg.models.resnet34_unet import ResNet34UNet
from hela_seg.models.unet import UNet
from hela_seg.models.vgg19_unet import VGG19UNet

NETS = {
    "unet": UNet,
    "vgg19_unet": VGG19UNet,
    "inception_unet": InceptionUNet,
    "resnet34_unet": ResNet34UNet,
}


@torch.inference_mode()
def main() -> None:
    """Print a line a net."""
    print("net              float32    float64   largest logit")
    for name, net_class in NETS.items():
        net = net_class().eval()
        load_reference_weights(net, name)
        differences = []
        for dtype in (torch.float32, torch.float64):
            image, expected = reference(name, dtype)
            differences.append(float((net.to(dtype)(image) - expected).abs().max()))
        print(f"{name:15} {differences[0]:9.1e}  {differences[1]:9.1e}   {float(expected.abs().max()):13.1f}")


if __name__ == "__main__":
    main()
