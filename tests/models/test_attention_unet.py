"""What the attention U-Net has of its own; what it shares stands in test_attention_unets.py."""

from __future__ import annotations

import torch

from hela_seg.models.attention_unet import AttentionUNet


def test_dropout_follows_each_pair_of_convolutions() -> None:
    net = AttentionUNet(width=2)
    seen: list[int] = []
    net.dropout.register_forward_hook(lambda _, given, __: seen.append(given[0].shape[1]))
    net(torch.rand(1, 3, 32, 32))
    assert seen == [2, 4, 8, 16, 32, 16, 8, 4, 2]
    assert net.dropout.p == 0.05
