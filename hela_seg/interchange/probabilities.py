"""A net as programs for everyone's nets run it: its output is probabilities, which need no explanation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from torch import Tensor, nn

from hela_seg.inference.trained import TrainedNet
from hela_seg.models import build
from hela_seg.system.errors import InputError


class Probabilities(nn.Module):
    """A net and the softmax over its classes: (N, C, H, W) -> probabilities (N, K, H, W).

    Args:
        net: its configuration, as `hela_seg.models.build` takes it and packages state it; or the net itself.

    Attributes:
        stride: of which H and W must be multiples.
    """

    def __init__(self, net: Mapping[str, Any] | nn.Module) -> None:
        super().__init__()
        self.net = net if isinstance(net, nn.Module) else build(net)
        self.stride: int = self.net.stride  # type: ignore[assignment]

    def forward(self, image: Tensor) -> Tensor:
        """Of each pixel the probabilities of its classes; they sum to 1."""
        logits: Tensor = self.net(image)
        return logits.softmax(dim=1)


def with_probabilities(trained: TrainedNet) -> TrainedNet:
    """The same net, giving probabilities in place of logits.

    Raises:
        InputError: it came from an ONNX file, whose weights PyTorch has not.
    """
    if not trained.net.state_dict():
        raise InputError(
            f"{trained.source} holds no weights of PyTorch's: export the checkpoint that it was made of"
        )
    return replace(trained, net=Probabilities(trained.net).eval())
