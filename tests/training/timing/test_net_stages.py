from __future__ import annotations

import torch
from torch import nn

from hela_seg.data.dataset import Sample
from hela_seg.training.timing.net_stages import multiply_adds


def batch(size: int = 8) -> Sample:
    label = torch.zeros(2, size, size, dtype=torch.int64)
    return Sample(image=torch.rand(2, 3, size, size), label=label, origin=torch.zeros(2, 4))


def test_multiply_adds_of_one_convolution() -> None:
    step, forward = multiply_adds(lambda: nn.Conv2d(3, 5, 3, padding=1), batch())
    assert forward == 2 * 8 * 8 * 5 * 3 * 9
    # the image needs no gradient, so backward computes that of the kernel alone
    assert step == 2 * forward
