"""The loop of plain PyTorch that a training step is compared with."""

from __future__ import annotations

from functools import partial

import torch
from test_net_stages import batch
from torch import nn

from hela_seg.training.timing.bare import BareLoop


def test_a_bare_loop_learns() -> None:
    torch.manual_seed(0)
    net = nn.Conv2d(3, 2, 1)
    optimizer = partial(torch.optim.SGD, lr=0.5)
    loop = BareLoop(net, nn.CrossEntropyLoss(), optimizer, batch(), torch.enable_grad, scaled=False)
    before = float(loop.forward().detach())
    for _ in range(5):
        loop.step()
    assert float(loop.forward().detach()) < before


def test_a_step_is_the_optimisers_own() -> None:
    """One weight of 0 on images of 1, truth class 0: the gradient of the loss by its logit is -1/2."""
    net = nn.Conv2d(1, 2, 1, bias=False)
    nn.init.zeros_(net.weight)
    sample = batch()
    sample["image"] = torch.ones(2, 1, 8, 8)
    sgd = partial(torch.optim.SGD, lr=1.0)
    BareLoop(net, nn.CrossEntropyLoss(), sgd, sample, torch.enable_grad, scaled=False).step()
    torch.testing.assert_close(net.weight.flatten(), torch.tensor([0.5, -0.5]))
