"""A trained net with what its checkpoint says about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from hela_seg.inference import onnx_net
from hela_seg.models import build, find_net
from hela_seg.runs.checkpoint import ModelInfo, read_checkpoint
from hela_seg.system.errors import InputError


@dataclass(frozen=True)
class TrainedNet:
    """A net and its description.

    Attributes:
        net: (N, C, H, W) float32 -> logits (N, K, H, W); has an attribute ``stride``.
        info: what its checkpoint says about it.
        source: where it came from, for messages.
    """

    net: nn.Module
    info: ModelInfo
    source: str = "net"

    @classmethod
    def from_checkpoint(cls, path: Path | str, trust: Sequence[str] = ()) -> TrainedNet:
        """Load a checkpoint, or an ONNX file that `hela_seg.export` made of one; nothing in it is executed.

        Args:
            path: of the file.
            trust: names of modules outside of this package whose nets a checkpoint may name.

        Raises:
            InputError: see `hela_seg.runs.checkpoint.read_checkpoint` and `hela_seg.models.build`; or weights
                that do not fit the net that the checkpoint names.
        """
        if Path(path).suffix == onnx_net.SUFFIX:
            computed = onnx_net.OnnxNet(Path(path))
            return cls(computed, computed.info, str(path))
        info, weights = read_checkpoint(path)
        try:
            find_net(str(info.net.get("_target_")), trust)
        except InputError as error:
            raise InputError(f"{path}: {error}") from None
        _refuse_other_sizes(path, info, weights, trust)
        with _NothingDrawn():
            net = build(info.net, trust)
        try:
            net.load_state_dict(weights)
        except RuntimeError as error:
            reason = " ".join(str(error).split())[:200]
            raise InputError(
                f"{path} holds weights of another net than it names ({reason}): "
                "expected a file written by hela_seg.train"
            ) from None
        return cls(net, info, str(path))


def _refuse_other_sizes(
    path: Path | str, info: ModelInfo, weights: Mapping[str, Any], trust: Sequence[str]
) -> None:
    """Hold the sizes of the net that a checkpoint names against its weights, before memory is taken."""
    with torch.device("meta"):
        named = build(info.net, trust).state_dict()
    for name, value in named.items():
        held = weights.get(name)
        if isinstance(held, torch.Tensor) and held.shape != value.shape:
            raise InputError(
                f"{path} holds weights of another net than it names ({name} is {tuple(held.shape)}, expected "
                f"{tuple(value.shape)}): expected a file written by hela_seg.train"
            )


class _NothingDrawn(TorchFunctionMode):
    """Leaves new weights as memory holds them: a checkpoint's replace them all, and drawing takes 0.2 s."""

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        given = kwargs or {}
        if func in _DRAWS:
            return args[0] if args else given["tensor"]
        return func(*args, **given)


_DRAWS = {nn.init.kaiming_uniform_, torch.Tensor.uniform_, torch.Tensor.normal_}


def _seen(info: ModelInfo) -> tuple[object, bool]:
    """What a net sees of images: the channels that are picked, and whether they are made grey."""
    data: Mapping[str, Any] = info.config.get("data", {})
    return data.get("channels"), bool(data.get("grey"))


def check_same_classes(trained: Sequence[TrainedNet]) -> None:
    """Make sure that nets can predict together.

    Raises:
        InputError: they were trained on other classes, on other channels or on another number of them.
    """
    first = trained[0]
    seen = [_seen(one.info) for one in trained]
    for other, own in zip(trained[1:], seen[1:], strict=True):
        if own != seen[0]:
            raise InputError(
                f"{other.source} was trained with data.channels={own[0]} and data.grey={own[1]} but "
                f"{first.source} with {seen[0][0]} and {seen[0][1]}, expected the same for nets that predict "
                "together: predict with one at a time"
            )
    for other in trained[1:]:
        for what in ("classes", "channels"):
            ours, theirs = getattr(first.info, what), getattr(other.info, what)
            if ours != theirs:
                raise InputError(
                    f"{other.source} was trained on other {what} than {first.source}, expected the same for "
                    "nets that predict together: predict with one at a time"
                )
