from __future__ import annotations

from typing import Any

import torch

from hela_seg.models.unet import UNet


def test_levels_have_the_papers_filters() -> None:
    with torch.device("meta"):
        net: Any = UNet()
    assert [block.second.conv.out_channels for block in net.encoder] == [64, 128, 256, 512, 1024]
    assert [block.first.conv.in_channels for block in net.decoder] == [1536, 768, 384, 192]
    assert [block.second.conv.out_channels for block in net.decoder] == [512, 256, 128, 64]


def test_dropout_follows_each_pair_of_convolutions() -> None:
    net = UNet(width=2, dropout=0.25)
    shares: list[float] = []
    net.dropout.register_forward_hook(lambda _, given, out: shares.append(float((out == 0).float().mean())))
    for layer in net.modules():
        if isinstance(layer, torch.nn.ReLU):
            layer.register_forward_hook(lambda _, given, out: out + 1)  # so that only dropout makes zeros
    net(torch.rand(2, 3, 128, 128))
    assert len(shares) == 9
    assert abs(shares[0] - 0.25) < 0.02
