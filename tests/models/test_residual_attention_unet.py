"""What the residual attention U-Net has of its own; what it shares stands in test_attention_unets.py."""

from __future__ import annotations

import torch
from torch import nn

from hela_seg.models.residual_attention_unet import ResidualAttentionUNet, ResidualDoubleConv


def test_dropout_of_a_residual_block_leaves_its_shortcut() -> None:
    block, x = ResidualDoubleConv(2, 3, "relu", dropout=1.0), torch.rand(2, 2, 8, 8)
    torch.testing.assert_close(block(x), block.shortcut_norm(block.shortcut(x)).relu())
    net = ResidualAttentionUNet(width=2, dropout=0.25)
    assert [layer.p for layer in net.modules() if isinstance(layer, nn.Dropout)] == [0.25] * 9
    default = ResidualAttentionUNet(width=2)
    assert not any(layer.p for layer in default.modules() if isinstance(layer, nn.Dropout))
