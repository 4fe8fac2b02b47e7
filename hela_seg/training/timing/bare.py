"""What a training step is compared with: the same net in a loop of plain PyTorch, and nets of others."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from hela_seg.data.dataset import Sample


class BareLoop:
    """One batch again and again through a net of its own, with nothing but what learning needs.

    Args:
        net: (N, C, H, W) -> logits (N, K, H, W); is changed by the steps.
        loss: (logits, labels) -> scalar.
        optimizer: makes an optimiser of the net's parameters.
        batch: on the net's device.
        autocast: makes the context in which the precision is that of the run.
        scaled: whether gradients are scaled, as float16 needs it.
    """

    def __init__(
        self,
        net: nn.Module,
        loss: nn.Module,
        optimizer: Callable[[Iterable[nn.Parameter]], Optimizer],
        batch: Sample,
        autocast: Callable[[], AbstractContextManager[Any]],
        scaled: bool,
    ) -> None:
        self._image = batch["image"].contiguous(memory_format=torch.channels_last)
        self._label = batch["label"]
        self._net = net.train().to(self._image.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._loss, self._autocast = loss, autocast
        self._optimizer = optimizer(self._net.parameters())
        self._scaler = torch.amp.GradScaler(self._image.device.type, enabled=scaled)

    def forward(self) -> Tensor:
        """The loss."""
        with self._autocast():
            loss: Tensor = self._loss(self._net(self._image), self._label)
        return loss

    def forward_and_backward(self) -> None:
        """The loss and its gradient."""
        self._optimizer.zero_grad()
        torch.autograd.backward(self._scaler.scale(self.forward()))

    def step(self) -> None:
        """The loss, its gradient and the optimiser's step."""
        self.forward_and_backward()
        self._scaler.step(self._optimizer)
        self._scaler.update()
