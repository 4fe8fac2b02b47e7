"""Batch normalisation merged into the convolution before it: the same prediction in less time."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_weights

from hela_seg.data.tiles import padded_size

TRIAL_SIDE = 64
"""Rows and columns of the trial image, or the next multiple of the net's stride."""

TOLERANCE = 1e-3
"""Largest change of the logits, as a share of the largest logit; rounding changes them by about 1e-5."""


def fuse_conv_bn(net: nn.Module, channels: int) -> nn.Module:
    """A copy of a net in which each batch normalisation that follows a convolution is merged into it.

    Torch's own fusion of a whole net (``torch.fx``) needs nets without conditions in ``forward``. Here a
    trial image shows which convolution each normalisation follows. A net whose logits would change by more
    than rounding, because it uses the output of a convolution twice, is returned unchanged.

    Args:
        net: (N, C, H, W) float32 -> logits (N, K, H, W); has an attribute ``stride``.
        channels: C.
    """
    net = net.eval()
    if next(net.parameters(), None) is None:  # such as a net that ONNX Runtime computes
        return net
    side = padded_size(TRIAL_SIDE, int(net.stride))  # type: ignore[arg-type]
    image = torch.rand(1, channels, side, side, generator=torch.Generator().manual_seed(0))
    image = image.to(next(net.parameters()).device)
    shared = {id(tensor): tensor for tensor in (*net.parameters(), *net.buffers())}
    fused = copy.deepcopy(net, shared)  # weights that do not change take no memory twice
    expected, convolutions = _run(fused, image)
    for parent in list(fused.modules()):
        for name, norm in list(parent.named_children()):
            if norm in convolutions:
                setattr(parent, name, nn.Identity())
    for norm, conv in convolutions.items():
        statistics = (norm.running_mean, norm.running_var, norm.eps, norm.weight, norm.bias)
        conv.weight, conv.bias = fuse_conv_bn_weights(conv.weight, conv.bias, *statistics)
    with torch.inference_mode():
        change = (fused(image) - expected).abs().max()
    return fused if bool(change <= TOLERANCE * expected.abs().max()) else net


def _run(net: nn.Module, image: Tensor) -> tuple[Tensor, dict[Any, nn.Conv2d]]:
    """The logits of an image, and the convolution before each batch normalisation that has one."""
    outputs: list[tuple[Tensor, nn.Conv2d]] = []
    convolutions: dict[Any, nn.Conv2d] = {}

    def note(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        """A forward hook: remember outputs of convolutions, and whose output a normalisation takes."""
        if isinstance(module, nn.Conv2d):
            outputs.append((output, module))
        elif module.running_mean is not None:  # without running statistics it takes those of each image
            convolutions.update((module, conv) for before, conv in outputs if before is inputs[0])

    layers = [module for module in net.modules() if isinstance(module, nn.Conv2d | nn.BatchNorm2d)]
    hooks = [layer.register_forward_hook(note) for layer in layers]
    with torch.inference_mode():
        logits: Tensor = net(image)
    for hook in hooks:
        hook.remove()
    return logits, convolutions
