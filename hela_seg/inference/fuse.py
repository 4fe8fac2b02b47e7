"""Batch normalisation taken into the convolution before it: the same prediction in less time."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_weights

TRIAL_SIDE = 64
"""Rows and columns of the image that shows what follows what, where the net's stride is no larger."""

TOLERANCE = 1e-3
"""By how much logits may change, as a share of the largest; rounding changes them by about 1e-5."""


def fuse_conv_bn(net: nn.Module, channels: int) -> nn.Module:
    """A copy of a net in which each batch normalisation that follows a convolution has become part of it.

    At prediction a normalisation multiplies by constants and adds others, which the convolution's weights and
    bias can do just as well. Which convolution a normalisation follows is seen by sending one image through.
    A net whose logits would change by more than rounding, since it uses a convolution's output twice, comes
    back as it is.

    Args:
        net: (N, C, H, W) float32 -> logits (N, K, H, W); has an attribute ``stride``.
        channels: C.
    """
    net = net.eval()
    side = max(TRIAL_SIDE, int(net.stride))  # type: ignore[arg-type]
    parameter = next(net.parameters(), torch.empty(0))
    image = torch.rand(1, channels, side, side, generator=torch.Generator().manual_seed(0))
    image = image.to(parameter.device)
    expected, pairs = _observed(net, image)
    if not pairs:
        return net
    # in one copy, so that the pairs are those of the net's copy; weights that stay are shared with it
    shared = {id(tensor): tensor for tensor in (*net.parameters(), *net.buffers())}
    copied, to_fuse = copy.deepcopy((net, pairs), shared)
    for norm, conv in to_fuse.items():
        _fuse(conv, norm)
    _replace(copied, {norm: nn.Identity() for norm in to_fuse})
    with torch.inference_mode():
        change = (copied(image) - expected).abs().max()
    return copied if bool(change <= TOLERANCE * expected.abs().max()) else net


def _observed(net: nn.Module, image: Tensor) -> tuple[Tensor, dict[nn.BatchNorm2d, nn.Conv2d]]:
    """The logits of an image, and the convolution before each batch normalisation that has one."""
    outputs: list[tuple[Tensor, nn.Conv2d]] = []
    pairs: dict[nn.BatchNorm2d, nn.Conv2d] = {}

    def note_output(conv: nn.Module, _: Any, output: Tensor) -> None:
        if isinstance(conv, nn.Conv2d):
            outputs.append((output, conv))

    def pair_with_convolution(norm: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        before = [conv for output, conv in outputs if output is inputs[0]]
        # without running statistics it takes those of each image
        if before and isinstance(norm, nn.BatchNorm2d) and norm.running_mean is not None:
            pairs[norm] = before[-1]

    hooks = [m.register_forward_hook(note_output) for m in net.modules() if isinstance(m, nn.Conv2d)]
    hooks += [
        m.register_forward_pre_hook(pair_with_convolution)
        for m in net.modules()
        if isinstance(m, nn.BatchNorm2d)
    ]
    try:
        with torch.inference_mode():
            return net(image), pairs
    finally:
        for hook in hooks:
            hook.remove()


def _fuse(conv: nn.Conv2d, norm: nn.BatchNorm2d) -> None:
    statistics: tuple[Any, Any] = (norm.running_mean, norm.running_var)  # there are some, see `_observed`
    conv.weight, conv.bias = fuse_conv_bn_weights(
        conv.weight, conv.bias, *statistics, norm.eps, norm.weight, norm.bias
    )


def _replace(net: nn.Module, by: Mapping[nn.Module, nn.Module]) -> None:
    for module in list(net.modules()):
        for name, child in module.named_children():
            if child in by:
                setattr(module, name, by[child])
